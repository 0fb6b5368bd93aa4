"""The store of features: what it keeps, what it computes again, and how much memory it may take."""

import psutil
import pytest
import torch

from obftnet.backbones.features import Features
from obftnet.loading import store
from obftnet.loading.store import MOST, FeatureStore, spare_bytes

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


def features(value: int) -> Features:
    return Features((torch.full((1, 1, 5, 5), float(value)),), (40, 40))  # 100 bytes


@pytest.mark.parametrize(
    ("limit", "asked", "wanted"),
    [
        # Two fit. After 1, 2, 1 it is 2 that was used longest ago, then 3, then 1.
        (250, (1, 2, 1, 3, 1, 2, 1, 3), [1, 2, 3, 2, 3]),
        # Without room it holds the last alone, whatever its size.
        (0, (1, 1, 2, 1), [1, 2, 1]),
        (4 << 30, (1, 2, 3, 1, 2, 3), [1, 2, 3]),
    ],
)
def test_what_was_used_longest_ago_is_computed_again(limit, asked, wanted):
    kept, computed = FeatureStore(limit), []
    for key in asked:
        found = kept.get(key, lambda key=key: computed.append(key) or features(key))
        assert found.taps[0].unique().tolist() == [key]
    assert computed == wanted


def test_views_take_room_too():
    kept, computed = FeatureStore(limit=250), []
    seen = Features(features(1).taps, (40, 40), views=((torch.zeros(1, 30),),))  # 220 bytes
    for key in (1, 2, 1):
        kept.get(key, lambda key=key: computed.append(key) or seen)
    assert computed == [1, 2, 1]
