"""What torchrun says in the environment: read, or refused in one line."""

import pytest

from obftnet.errors import InputError
from obftnet.training.processes import processes

MET = {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, (0, 1, 0)),
        ({"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}, (0, 1, 0)),
        ({"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", **MET}, (3, 4, 1)),
    ],
)
def test_read(monkeypatch, said, found):
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert processes() == found


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"WORLD_SIZE": "abc"}, "WORLD_SIZE 'abc'"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE ''"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE '0'"),
        ({"WORLD_SIZE": "-2"}, "WORLD_SIZE '-2'"),
        ({"WORLD_SIZE": "2.5"}, "WORLD_SIZE '2.5'"),
        ({"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE '999"),
        ({"WORLD_SIZE": "²"}, "WORLD_SIZE '²'"),
        ({"RANK": "x"}, "RANK 'x'"),
        ({"RANK": "1"}, "RANK 1 and WORLD_SIZE 1"),
        ({"RANK": "2", "WORLD_SIZE": "2", **MET}, "RANK 2 and WORLD_SIZE 2"),
        ({"LOCAL_RANK": "one"}, "LOCAL_RANK 'one'"),
        ({"WORLD_SIZE": "2"}, "MASTER_ADDR"),
        ({"WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}, "MASTER_PORT 0"),
        ({"WORLD_SIZE": "2", **MET, "MASTER_PORT": "70000"}, "MASTER_PORT 70000"),
        ({"WORLD_SIZE": "2", **MET, "MASTER_PORT": "a"}, "MASTER_PORT 'a'"),
    ],
)
def test_refused(monkeypatch, said, named):
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=named) as caught:
        processes()
    assert len(str(caught.value).splitlines()) == 1
