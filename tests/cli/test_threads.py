import inspect
import os

import pytest
import torch

from obftnet.cli import app as application
from obftnet.cli.threads import use_threads, wait_passively

#: Commands that compute with PyTorch.
COMPUTING = (
    *("demo", "segment", "fit", "calibrate", "explain", "train", "evaluate", "reproduce", "distill"),
    *("ui", "watch", "export", "serve"),
)


@pytest.fixture
def threads():
    """The number of threads, put back afterwards."""
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


def test_threads_wait_passively_unless_the_user_chose(monkeypatch):
    chosen = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    for name in chosen:
        monkeypatch.delenv(name, raising=False)
    wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    for name in chosen:
        for other in chosen:
            monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(name, "1")
        wait_passively()
        assert [os.environ.get(other) for other in chosen] == [
            "1" if other == name else None for other in chosen
        ]


def test_the_option_is_the_number_that_is_computed_with(threads, monkeypatch, obftnet):
    seen = []

    def work(*arguments: object, **options: object) -> None:
        seen.append(torch.get_num_threads())
        raise KeyboardInterrupt

    monkeypatch.setattr("obftnet.segmentation.segment_files", work)
    for asked in (["--threads", "3"], ["--threads", "1"], []):
        obftnet("segment", "q", "--guidance", "g", "--out", "o", *asked)
    assert seen == [3, 1, 1]


def test_no_number_leaves_pytorch_s(threads):
    use_threads(None)
    assert torch.get_num_threads() == threads


def test_every_command_that_computes_has_the_option():
    have = [
        c.name
        for c in application.app.registered_commands
        if "threads" in inspect.signature(c.callback).parameters
    ]
    assert sorted(have) == sorted(COMPUTING)


@pytest.mark.parametrize("value", ["0", "-1", "two", "1e3", "1000000000", "9" * 5000, "nan"])
def test_an_absurd_number_is_refused_in_one_line(value, obftnet):
    status, out, err = obftnet("segment", "q", "--guidance", "g", "--out", "o", "--threads", value)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "--threads" in err
