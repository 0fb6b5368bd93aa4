"""Where tiles lie, what of the guidance they show, and that a map put together of them has no seams."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obftnet.imaging.tiles import (
    Part,
    blend,
    corner_around,
    corners,
    defect_corners,
    enlarge,
    spread_corners,
    window,
)

SIDE = st.integers(8, 40)


def blended(shape, side, score):
    """`blend` of maps of one kind, put together."""
    strips = [strip[0] for _, strip in blend(shape, side, lambda corner: score(corner)[None])]
    return np.concatenate(strips)


@settings(deadline=None, max_examples=60)
@given(h=st.integers(8, 150), w=st.integers(8, 150), side=SIDE)
def test_tiles_cover_every_pixel_and_lie_inside(h, w, side):
    h, w = max(h, side), max(w, side)
    covered = np.zeros((h, w), int)
    for y, x in corners((h, w), side):
        assert 0 <= y <= h - side
        assert 0 <= x <= w - side
        covered[window((y, x), side)] += 1
    assert covered.min() >= 1
    # Away from the image's own edges every position lies at least an eighth of a side inside some tile.
    depth = np.zeros((h, w))
    inside = np.minimum(np.arange(side), np.arange(side)[::-1])
    for corner in corners((h, w), side):
        place = window(corner, side)
        depth[place] = np.maximum(depth[place], np.minimum.outer(inside, inside))
    margin = side // 8
    assert depth[margin : h - margin, margin : w - margin].min() >= margin - 1


@settings(deadline=None, max_examples=40)
@given(h=st.integers(8, 120), w=st.integers(8, 120), side=SIDE)
def test_what_does_not_depend_on_the_tile_comes_back_as_it_is(h, w, side):
    """The weights are a partition of 1: no seam is put in by blending."""
    h, w = max(h, side), max(w, side)
    scores = np.random.default_rng(0).random((h, w)).astype(np.float32)
    found = blended((h, w), side, lambda corner: scores[window(corner, side)])
    np.testing.assert_allclose(found, scores, rtol=0, atol=1e-5)


def test_a_score_that_is_wrong_at_the_edge_of_a_tile_counts_little():
    """A tile that sees nothing at its outermost pixels does not cut a defect that lies there."""
    side = 64

    def blind(corner):
        score = np.zeros((side, side), np.float32)
        score[2:-2, 2:-2] = 1
        return score

    found = blended((200, 200), side, blind)
    assert found[4:-4, 4:-4].min() > 0.95


def test_the_number_of_tiles_grows_with_the_area():
    assert len(corners((1000, 1000), 100)) * 4 == pytest.approx(len(corners((2000, 2000), 100)), rel=0.1)
    assert corners((64, 64), 64) == [(0, 0)]


@settings(deadline=None, max_examples=40)
@given(
    h=st.integers(20, 90), w=st.integers(20, 90), side=st.integers(8, 20), count=st.integers(1, 4), seed=SIDE
)
def test_enough_tiles_show_every_defect(h, w, side, count, seed):
    generator = np.random.default_rng(seed)
    mask = np.zeros((h, w), bool)
    for _ in range(count):
        y, x = generator.integers(h), generator.integers(w)
        mask[y : y + 3, x : x + 3] = True
    places = defect_corners(mask, side, most=1000)
    left = mask.copy()
    for corner in places:
        assert mask[window(corner, side)].shape == (side, side)
        assert mask[window(corner, side)].any()
        left[window(corner, side)] = False
    assert not left.any()
    assert defect_corners(mask, side, most=1) == places[:1]


def test_a_small_defect_is_in_the_middle_of_its_tile():
    mask = np.zeros((300, 400), bool)
    mask[100:110, 200:220] = True
    assert defect_corners(mask, 64, most=5) == [(105 - 32, 210 - 32)]
    mask[:] = False
    mask[0:4, 396:] = True
    assert defect_corners(mask, 64, most=5) == [(0, 336)]


def test_spread_tiles_are_distinct_and_as_many_as_there_are():
    assert spread_corners((64, 64), 64, most=5) == [(0, 0)]
    found = spread_corners((300, 400), 64, most=5)
    assert len(set(found)) == 5
    assert found[0] == (0, 0)
    assert found[-1] == (300 - 64, 400 - 64)


def test_a_small_image_is_mirrored_until_a_tile_fits():
    image = np.arange(6).reshape(2, 3)
    assert enlarge(image, 4).tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [0, 1, 2, 2]]
    assert enlarge(image, 2) is image
    assert enlarge(np.zeros((5, 9, 3)), 8).shape == (8, 9, 3)


@pytest.mark.parametrize(("shape", "side"), [((160, 208), 64), ((64, 64), 64), ((100, 300), 70)])
def test_a_pixels_tile_is_the_one_that_weighs_most(shape, side):
    for point in ((0, 0), (shape[1] - 1, shape[0] - 1), (shape[1] // 2, shape[0] // 3), (50, 60)):
        chosen = corner_around(shape, side, point)
        weights = {}
        for corner in corners(shape, side):
            pulse = np.zeros(shape, np.float32)
            pulse[window(corner, side)] = 1

            def shown(place, corner=corner):
                return np.full((side, side), float(place == corner), np.float32)

            weights[corner] = float(blended(shape, side, shown)[point[1], point[0]])
        assert weights[chosen] == pytest.approx(max(weights.values()))


def test_a_parts_cells_are_pixels_of_its_image():
    part = Part(0, (10, 20), (64, 64), (100, 100))
    grid = (8, 16)
    for cell in itertools.product(range(grid[0]), range(grid[1])):
        x, y = part.pixel(cell, grid)
        assert part.cell((x, y), grid) == cell
    with pytest.raises(ValueError, match="outside the part"):
        part.cell((19, 10), grid)


@pytest.mark.parametrize("shape", [(20, 64), (64, 9), (40, 40), (70, 80)])
def test_a_mirrored_pixel_is_the_one_it_shows(shape):
    """Every pixel of a part that is enlarged has the value of the image's pixel it is said to be."""
    image = np.arange(shape[0] * shape[1]).reshape(shape)
    part = Part(0, (0, 0), (64, 64), shape)
    shown = part.cut(image)
    assert shown.shape == (64, 64)
    for cell in itertools.product(range(0, 64, 7), range(64)):
        x, y = part.pixel(cell, (64, 64))
        assert shown[cell] == image[y, x]
