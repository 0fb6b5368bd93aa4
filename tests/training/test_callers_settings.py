"""What a caller has set around our calls changes no weight."""

import contextlib
from collections.abc import Iterator

import pytest
import torch

from obftnet.config import CuesConfig
from obftnet.training.config import TrainConfig
from obftnet.training.distill import distill
from obftnet.training.loop import train


@contextlib.contextmanager
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


AROUND = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "doubles": doubles,
}


@pytest.fixture(scope="module")
def made(collection, folds, backbone, tmp_path_factory):
    """Trains or distils two steps in a folder of its own, and gives the bytes of what was written."""

    def run(which: str) -> bytes:
        out = tmp_path_factory.mktemp("run") / "out"
        cpu = torch.device("cpu")
        if which == "train":
            config = CuesConfig(backbone="compact", size=64)
            settings = TrainConfig(steps=2, batch=2)
            return train(config, settings, backbone, collection, folds, out, device=cpu).read_bytes()
        return distill(
            "compact", backbone, collection, out, steps=2, batch=2, size=64, device=cpu
        ).read_bytes()

    return run


@pytest.fixture(scope="module")
def expected(made):
    return {which: made(which) for which in ("train", "distill")}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("which", ["train", "distill"])
def test_a_setting_around_the_call(which, around, made, expected):
    with AROUND[around]():
        found = made(which)
    assert found == expected[which]
