"""Cosine correlations, and masks at the size of a feature map."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.relation.correlation import cells_with_defect, cosine, positions, unit_features


def square(top: int, left: int, size: int = 400, side: int = 10) -> Tensor:
    mask = torch.zeros(1, size, size)
    mask[:, top : top + side, left : left + side] = 1
    return mask


def test_cosine_against_a_loop():
    torch.manual_seed(0)
    query, guidance = torch.randn(2, 5, 3, 4), torch.randn(2, 2, 5, 4, 2)
    similarity = cosine(unit_features(query).flatten(2).mT, positions(unit_features(guidance)))
    assert similarity.shape == (2, 12, 16)
    for b in range(2):
        for row in range(12):
            q = query[b, :, row // 4, row % 4]
            for column in range(16):
                k, rest = divmod(column, 8)
                g = guidance[b, k, :, rest // 2, rest % 2]
                expected = (q @ g) / (q.norm() * g.norm())
                torch.testing.assert_close(similarity[b, row, column], expected, rtol=1e-5, atol=1e-6)


def test_unit_features_keep_zero_and_ignore_scale():
    features = torch.randn(2, 6, 3, 3)
    features[0, :, 1, 1] = 0
    unit = unit_features(features)
    assert (unit[0, :, 1, 1] == 0).all()
    assert torch.isclose(unit.norm(dim=1), torch.tensor(1.0), atol=1e-5).sum() == 17
    torch.testing.assert_close(unit_features(features * 1000), unit)
    assert unit_features(features.half()).dtype == torch.float32


def test_positions_run_over_images_then_rows():
    maps = torch.arange(2 * 3 * 1 * 2 * 2).reshape(2, 3, 1, 2, 2).float()
    assert positions(maps)[..., 0].tolist() == [list(range(12)), list(range(12, 24))]


@settings(deadline=None, max_examples=60)
@given(
    top=st.integers(0, 390),
    left=st.integers(0, 390),
    grid=st.sampled_from([(50, 50), (25, 25), (13, 13), (12, 12), (7, 31)]),
)
def test_any_finds_a_small_defect_wherever_it_lies(top, left, grid):
    cells = cells_with_defect(square(top, left), grid)
    assert cells.shape == (1, *grid)
    assert cells.dtype == torch.bool
    assert cells.any()
    # And marks no cell that the defect does not touch (adaptive windows overlap by less than a cell).
    for axis, start in ((1, top), (0, left)):
        n = grid[1 - axis] if axis == 0 else grid[0]
        marked = cells[0].any(axis).nonzero().flatten()
        cell = 400 / n
        assert (marked + 1).min() * cell > start - 1
        assert marked.max() * cell < start + 10 + 1


def test_point_sampling_loses_it_as_often_as_the_specification_says():
    # A square is lost where either axis misses it, and the axes are alike: one is enough to count.
    places = torch.zeros(391, 1, 400)
    for left in range(391):
        places[left, :, left : left + 10] = 1
    for grid, share in ((25, 0.54), (13, 0.93)):
        found = cells_with_defect(places, (1, grid), "bilinear").flatten(1).any(1).float().mean()
        assert 1 - float(found) ** 2 == pytest.approx(share, abs=0.05)


def test_ways_agree_on_a_mask_that_is_all_or_nothing():
    for value in (0.0, 1.0):
        for how in ("any", "bilinear"):
            cells = cells_with_defect(torch.full((2, 3, 40, 30), value), (5, 4), how)
            assert cells.shape == (2, 3, 5, 4)
            assert bool(cells.all()) == bool(cells.any()) == bool(value)


def test_any_takes_the_smallest_share():
    fraction = torch.zeros(8, 8)
    fraction[5, 2] = 1e-4
    assert cells_with_defect(fraction, (2, 2)).tolist() == [[False, False], [True, False]]
