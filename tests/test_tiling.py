"""`tile="auto"`: the plan follows the supports' defects, is said, and is the segmenter's tile after `fit`."""

import numpy as np
import pytest

from obftnet.errors import InputError
from obftnet.segmenter import Segmenter
from obftnet.tiling import MOST_LOOKS, SEEN, TilePlan, check_tiling, defect_size, plan_for, plan_tiles


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def square(height: int, width: int, *sides: int) -> np.ndarray:
    """A mask of squares of these sides, apart."""
    mask = np.zeros((height, width), bool)
    left = 2
    for side in sides:
        mask[2 : 2 + side, left : left + side] = True
        left += side + 3
    return mask


def test_a_defect_counts_by_its_largest_region():
    assert defect_size(square(64, 64, 1, 9, 3)) == 9
    diagonal = np.eye(16, dtype=bool)
    assert defect_size(diagonal) == 4  # 16 pixels that touch by their corners


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("side", [600, 1024, 3000])
def test_large_defects_are_seen_in_the_whole(size, side):
    seen_whole = SEEN * side / size
    assert plan_for(seen_whole, (side, side), side, size).tile is None
    assert plan_for(side / 2, (side, side), side, size).tile is None


def test_a_plan_shows_the_defect_as_large_as_wanted_where_that_is_cheap():
    shape = (1024, 1024)
    tiles = [plan_for(defect, shape, 1024, 512).tile for defect in range(1, 40)]
    sides = [tile or 1024 for tile in tiles]
    assert sides == sorted(sides)  # a larger defect never asks for smaller tiles
    for defect, tile in enumerate(tiles, start=1):
        if tile is not None and tile > 512:
            assert SEEN <= defect * 512 / tile < 1.25 * SEEN
    assert tiles[0] == 512  # enlarged it would show no more


@pytest.mark.parametrize("shape", [(3000, 4000), (10_000, 10_000), (600, 9000)])
def test_no_plan_costs_more_than_is_given_unasked(shape):
    plan = plan_for(6, shape, max(shape), 512)
    assert plan.tile is not None
    assert plan.looks <= MOST_LOOKS
    # And what would show more is said.
    assert plan.finer == (512 if plan.tile > 512 else None)
    assert f"tiles of {plan.tile}, {plan.looks} looks an image" in str(plan)
    assert ("; tiles of 512 would show them better, in " in str(plan)) == (plan.tile > 512)


@pytest.mark.parametrize("side", [64, 256, 512, 600])
def test_photographs_that_the_network_sees_whole_are_never_enlarged_in_tiles(side):
    assert plan_for(2, (side, side), side, 512).tile is None


def test_tiles_are_smaller_than_every_image_of_the_guidance():
    shape = (2000, 2000)
    assert plan_for(40, shape, 2000, 512).tile is not None
    assert plan_for(40, shape, 700, 512).tile is None


def test_the_smallest_share_of_any_support_of_any_kind_decides():
    supports = {
        "dent": [(image(300, 400, 0), square(300, 400, 60))],
        "pore": [(image(300, 400, 1), square(300, 400, 30)), (image(200, 400, 2), square(200, 400, 5))],
    }
    plan = plan_tiles(supports, [image(400, 300, 3)], 128)
    assert (plan.defect, plan.shape) == (5, (200, 400))


def test_the_plan_becomes_the_segmenters_tile(tiny_model):
    supports = [(image(200, 200, 0), square(200, 200, 8))]
    goods, query = [image(200, 180, 1)], image(190, 210, 2)
    auto = Segmenter(tiny_model, device="cpu", tile="auto")
    assert auto.tile is None
    assert auto.plan is None
    auto.fit(supports, goods)
    assert auto.plan == plan_tiles({"defect": supports}, goods, 64)
    assert auto.tile == auto.plan.tile
    assert auto.tile is not None
    fixed = Segmenter(tiny_model, device="cpu", tile=auto.tile).fit(supports, goods)
    assert fixed.plan is None
    np.testing.assert_array_equal(auto.predict(query).score, fixed.predict(query).score)
    # Other supports, another plan; a tile that is set is kept.
    auto.fit([(image(200, 200, 0), square(200, 200, 90))], goods)
    assert auto.plan is not None
    assert auto.tile is None
    auto.tile = 80
    assert (auto.tile, auto.plan) == (80, None)


@pytest.mark.parametrize("tile", ["wide", "", 3, 1.5, True])
def test_what_is_no_tile_is_refused(tile):
    with pytest.raises(InputError, match="tile"):
        check_tiling(tile)


def test_a_plan_is_said_in_one_line():
    assert str(TilePlan(60.4, (300, 512), None)) == "defects of 60 px in 512: images as a whole"
    assert str(TilePlan(11.3, (1200, 1600), 512)) == (
        "defects of 11 px in 1600: tiles of 512, 12 looks an image"
    )
