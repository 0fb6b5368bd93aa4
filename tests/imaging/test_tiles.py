"""Where tiles lie, what of the guidance they show, and that a map put together of them has no seams."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obftnet.imaging.tiles import blend, corners, defect_corners, enlarge, spread_corners, window

SIDE = st.integers(8, 40)


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
    found = blend((h, w), side, lambda corner: scores[window(corner, side)])
    np.testing.assert_allclose(found, scores, rtol=0, atol=1e-5)


def test_a_score_that_is_wrong_at_the_edge_of_a_tile_counts_little():
    """A tile that sees nothing at its outermost pixels does not cut a defect that lies there."""
    side = 64

    def blind(corner):
        score = np.zeros((side, side), np.float32)
        score[2:-2, 2:-2] = 1
        return score

    found = blend((200, 200), side, blind)
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
