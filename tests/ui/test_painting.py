"""Strokes to pixels: against the definition of each tool, on any size, whatever tiles they cross."""

from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from obftnet import InputError
from obftnet.annotations.raster import fill
from obftnet.ui.painting import DEFECT, SIDE, Painting, Progression, Stroke


def no_mask(digest: str) -> np.ndarray:
    raise AssertionError(digest)


def painted(size, *strokes: dict) -> Painting:
    return Progression(size, no_mask).after([Stroke(**stroke) for stroke in strokes])


def labels(painting: Painting) -> np.ndarray:
    return painting.level(0, (0, 0), painting.size)


def distance_to(points, size) -> np.ndarray:
    """Of every pixel's centre from a polyline."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    least = np.full(size, np.inf)
    ends = points if len(points) > 1 else [*points, *points]
    for (x0, y0), (x1, y1) in pairwise(ends):
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        share = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / max(length, 1e-12), 0, 1)
        least = np.minimum(least, np.hypot(x - x0 - share * (x1 - x0), y - y0 - share * (y1 - y0)))
    return least


BRUSHES = (
    ([(30.2, 40.7)], 5.0),
    ([(250.0, 250.0), (262.5, 259.0)], 8.0),  # across the corner of four tiles
    ([(-20.0, 10.0), (400.0, 330.0), (100.0, 20.0)], 3.5),  # and out of the image
    ([(100.5, 100.5)], 0.5),
)


@pytest.mark.parametrize(("points", "radius"), BRUSHES)
def test_a_brush_paints_the_pixels_whose_centres_are_within_its_radius(points, radius):
    size = (300, 340)
    found = labels(painted(size, {"tool": "brush", "points": points, "radius": radius})) == DEFECT
    distance = distance_to(points, size)
    near = np.abs(distance - radius) < 1e-6  # at the edge itself, rounding decides
    assert (found == (distance <= radius))[~near].all()
    assert found.any()


def test_a_polygon_paints_what_the_raster_of_annotations_fills():
    size = (300, 340)
    corners = [(10.2, 20.0), (330.0, 40.5), (200.7, 290.0), (150.0, 90.0)]
    found = labels(painted(size, {"tool": "polygon", "points": corners}))
    assert np.array_equal(found == DEFECT, fill([np.array(corners)], size))


def test_the_eraser_and_a_polygon_of_nothing_take_away():
    block = {"tool": "polygon", "points": [(0, 0), (100, 0), (100, 100), (0, 100)]}
    hole = {"tool": "polygon", "value": 0, "points": [(20, 20), (60, 20), (60, 60), (20, 60)]}
    line = {"tool": "brush", "value": 0, "points": [(0, 80), (100, 80)], "radius": 4}
    found = painted((100, 100), block, hole, line)
    distance = distance_to([(0, 80), (100, 80)], (100, 100))
    expected = np.ones((100, 100), bool)
    expected[20:60, 20:60] = False
    assert np.array_equal(labels(found) == DEFECT, expected & (distance > 4))
    assert found.count(DEFECT) == int(np.count_nonzero(labels(found) == DEFECT))


RING = {"tool": "brush", "points": [(200, 200), (300, 200), (300, 300), (200, 300), (200, 200)], "radius": 3}


def test_fill_paints_what_an_outline_encloses_across_tiles():
    found = painted((600, 600), RING, {"tool": "fill", "points": [(250, 250)]})
    inside = labels(found)[204:296, 204:296]
    assert (inside == DEFECT).all()
    assert labels(found)[0, 0] == 0


def test_fill_uses_the_image_s_edge_as_an_outline():
    across = {"tool": "brush", "points": [(0, 60), (60, 0)], "radius": 2}
    found = labels(painted((400, 400), across, {"tool": "fill", "points": [(5, 5)]}))
    assert found[:20, :20].all()
    assert not found[100:].any()


@pytest.mark.parametrize(
    ("strokes", "point", "said"),
    [
        ([], (5, 5), "nothing encloses"),
        ([RING], (20, 20), "nothing encloses"),
        ([{**RING, "points": RING["points"][:4]}], (250, 250), "nothing encloses"),
        ([RING], (700, 20), "outside the image"),
    ],
)
def test_fill_of_what_is_open_is_refused(strokes, point, said):
    with pytest.raises(InputError, match=said):
        painted((600, 600), *strokes, {"tool": "fill", "points": [point]})


def test_a_large_image_costs_what_is_painted_and_gets_the_right_mask():
    size = (9_000, 12_000)
    points = [(11_900.3, 8_900.1), (11_990.0, 8_990.0)]
    painting = painted(size, {"tool": "brush", "points": points, "radius": 25})
    assert sum(tile.nbytes for tile in painting.tiles.values()) < 1_000_000
    top, left = 8_800, 11_800
    part = painting.level(0, (top, left), (200, 200))
    distance = distance_to([(x - left, y - top) for x, y in points], (200, 200))
    assert np.array_equal(part == DEFECT, distance <= 25)
    rows = list(painting.strips(DEFECT))
    assert sum(len(strip) for strip in rows) == size[0]
    marked = sum(int(np.count_nonzero(strip)) for strip in rows)
    assert marked == painting.count(DEFECT) == int((part > 0).sum())


@pytest.mark.parametrize("level", range(5))
def test_a_level_shows_a_pixel_where_any_that_it_stands_for_is_painted(level):
    painting = painted((500, 700), RING, {"tool": "brush", "points": [(699.5, 499.5)], "radius": 0.5})
    whole, step = labels(painting), 2**level
    padded = np.pad(whole, [(0, -n % step) for n in whole.shape])
    expected = padded.reshape(padded.shape[0] // step, step, -1, step).max((1, 3))
    assert np.array_equal(painting.level(level, (0, 0), expected.shape), expected)
    assert np.array_equal(painting.level(level, (3, 5), (10, 12)), expected[3:13, 5:17])


def test_strokes_taken_back_give_what_was_before_whatever_is_kept():
    strokes = [
        Stroke(tool="brush", points=[(10 * i, 7 * i)], radius=9, value=i % 2)
        for i in range(Progression.KEPT + 20)
    ]
    progression = Progression((400, 500), no_mask)
    for count in (len(strokes), 3, 30, 0, len(strokes) - 1):
        again = Progression((400, 500), no_mask).after(strokes[:count])
        assert np.array_equal(labels(progression.after(strokes[:count])), labels(again))


@pytest.mark.parametrize(
    "stroke",
    [
        {"tool": "brush", "points": [(1, 1)]},
        {"tool": "brush", "points": [], "radius": 3},
        {"tool": "polygon", "points": [(1, 1), (2, 2)]},
        {"tool": "polygon", "points": [(1, 1), (2, 2), (float("nan"), 3)]},
        {"tool": "brush", "points": [(1e9, 1)], "radius": 3},
        {"tool": "mask"},
        {"tool": "mask", "mask": "../../etc/passwd"},
        {"tool": "brush", "points": [(1, 1)], "radius": 3, "value": 7},
        {"tool": "spray"},
    ],
)
def test_what_is_no_stroke_is_refused(stroke):
    with pytest.raises(ValidationError):
        Stroke(**stroke)


def test_a_tile_s_side_is_halved_as_often_as_levels_are_shown():
    assert SIDE == 2**8
