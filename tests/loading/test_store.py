"""How much memory features may take: of what is free, a part."""

import psutil
import pytest
import torch

from obftnet.loading import store
from obftnet.loading.store import MOST, spare_bytes

CPU = torch.device("cpu")


@pytest.fixture
def free(monkeypatch):
    """Says what the machine has free, and what a container's limit leaves."""

    def set_free(machine: int, group: list[int]) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: type("M", (), {"available": machine}))
        monkeypatch.setattr(store, "_free_in_group", lambda: group)

    return set_free


@pytest.mark.parametrize(
    ("machine", "group", "spare"),
    [
        (8 << 30, [], 2 << 30),
        (8 << 30, [1 << 30], 1 << 28),
        (1 << 30, [8 << 30], 1 << 28),
        (1 << 40, [], MOST),
        (0, [], 0),
        (8 << 30, [0], 0),
    ],
)
def test_a_part_of_what_is_free(free, machine, group, spare):
    free(machine, group)
    assert spare_bytes(CPU) == spare


@pytest.mark.parametrize(
    ("limit", "used", "left"),
    [("1000", "400", [600]), ("100", "400", [0]), ("max", "400", []), (None, "400", []), ("x", "y", [])],
)
def test_a_containers_limit(tmp_path, limit, used, left):
    for name, text in (("memory.max", limit), ("memory.current", used)):
        if text is not None:
            (tmp_path / name).write_text(text + "\n")
    assert store._free_in_group(tmp_path) == left
