"""Masks at the size of a feature map."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.guidance.masks import cells_with_defect, usable_cells


def square(top: int, left: int, size: int = 400, side: int = 10) -> Tensor:
    mask = torch.zeros(1, size, size)
    mask[:, top : top + side, left : left + side] = 1
    return mask


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


CPU = torch.device("cpu")


def test_a_background_cell_with_any_defect_is_not_used():
    usable = torch.ones(1, 32, 24)
    usable[..., 5, 5] = 0.99
    assert (~usable_cells(usable, 1, (8, 6), CPU)).nonzero().tolist() == [[0, 1, 1]]
    assert (~usable_cells(usable, 1, (4, 3), CPU)).nonzero().tolist() == [[0, 0, 0]]


def test_where_no_cell_is_clean_the_cleanest_stay():
    usable = torch.full((2, 32, 24), 0.5)
    usable[1, :8, :8] = 0.9
    assert usable_cells(usable, 2, (8, 6), CPU).nonzero().tolist() == [
        [1, y, x] for y in range(2) for x in range(2)
    ]
    assert usable_cells(usable, 2, (4, 3), CPU).nonzero().tolist() == [[1, 0, 0]]


def test_without_a_mask_all_cells_are_used():
    assert usable_cells(None, 3, (2, 4), CPU).shape == (3, 2, 4)
    assert usable_cells(None, 3, (2, 4), CPU).all()
