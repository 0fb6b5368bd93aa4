"""Guidance features, and the store that keeps pyramids."""

import pytest
import torch

from obftnet.features.guidance import prepare_guidance
from obftnet.loading.store import FeatureStore


def prepared(k: int = 2, j: int = 3, usable: torch.Tensor | None = None):
    torch.manual_seed(0)
    supports = [torch.randn(1, k, 5, 8, 6), torch.randn(1, k, 7, 4, 3)]
    backgrounds = [torch.randn(1, j, 5, 8, 6), torch.randn(1, j, 7, 4, 3)]
    fraction = torch.zeros(1, k, 32, 24)
    fraction[:, :, 0, 0] = 0.01
    return prepare_guidance(supports, fraction, backgrounds, usable)


def test_features_have_length_one_and_masks_the_maps_sizes():
    guidance = prepared()
    assert guidance.shots == 2
    for features in (*guidance.supports, *guidance.backgrounds):
        torch.testing.assert_close(features.norm(dim=2), torch.ones_like(features[:, :, 0]))
    assert [x.shape for x in guidance.defect] == [(1, 2, 8, 6), (1, 2, 4, 3)]
    assert [int(x.sum()) for x in guidance.defect] == [2, 2]
    assert all(x[0, :, 0, 0].all() for x in guidance.defect)
    assert all(x.all() for x in guidance.usable)


@pytest.mark.parametrize(("index", "back"), [(0, 0), (1, 1), (2, 0), (4, 0)])
def test_a_shot_takes_the_background_of_its_index(index, back):
    guidance = prepared(5, 2)
    shot = guidance.each_shot[index]
    assert guidance.each_shot[index] is shot
    assert shot.shots == 1
    for tap in range(2):
        assert torch.equal(shot.supports[tap][:, 0], guidance.supports[tap][:, index])
        assert torch.equal(shot.defect[tap][:, 0], guidance.defect[tap][:, index])
        assert torch.equal(shot.backgrounds[tap][:, 0], guidance.backgrounds[tap][:, back])
        assert torch.equal(shot.usable[tap][:, 0], guidance.usable[tap][:, back])


def test_a_background_cell_with_any_defect_is_not_used():
    usable = torch.ones(1, 1, 32, 24)
    usable[..., 5, 5] = 0.99
    cells = prepared(j=1, usable=usable).usable
    assert [int((~x).sum()) for x in cells] == [1, 1]
    assert not cells[0][0, 0, 1, 1]
    assert not cells[1][0, 0, 0, 0]


def test_where_no_cell_is_clean_the_cleanest_stay():
    usable = torch.full((1, 2, 32, 24), 0.5)
    usable[0, 1, :8, :8] = 0.9
    fine, coarse = prepared(j=2, usable=usable).usable
    assert fine.nonzero().tolist() == [[0, 1, y, x] for y in range(2) for x in range(2)]
    assert coarse.nonzero().tolist() == [[0, 1, 0, 0]]


def test_the_store_computes_once_and_forgets_the_oldest():
    calls = []

    def compute(name):
        def make():
            calls.append(name)
            return (torch.zeros(25),)

        return make

    store = FeatureStore(limit=250)  # two pyramids of 100 bytes
    first = store.get("a", compute("a"))
    assert store.get("a", compute("a")) is first
    store.get("b", compute("b"))
    store.get("a", compute("a"))
    store.get("c", compute("c"))  # b was used longest ago
    store.get("a", compute("a"))
    assert calls == ["a", "b", "c"]
    store.get("b", compute("b"))
    assert calls == ["a", "b", "c", "b"]


def test_the_store_serves_a_pyramid_larger_than_its_limit():
    store = FeatureStore(limit=1)
    assert torch.equal(store.get("a", lambda: (torch.ones(3),))[0], torch.ones(3))
