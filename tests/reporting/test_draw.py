"""Pictures of a report: marks are never lost in them, and the colours are the fixed ones."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from obftnet.imaging.overlay import kind_color
from obftnet.imaging.picture import Picture
from obftnet.reporting.colors import laid_over
from obftnet.reporting.draw import Seen, data_uri, draw_overview, draw_pair, largest

MAGENTA = np.array(kind_color(0))


def seen(height=400, width=300, **changes) -> Seen:
    samples = np.full((height, width, 3), 128, np.uint8)
    fields = {"size": (height, width), "base": Picture(samples, 255, "part.png")}
    return Seen(**(fields | changes))


def spot(height=400, width=300, y=250, x=120) -> np.ndarray:
    found = np.zeros((height, width), bool)
    found[y, x] = True
    return found


@pytest.mark.parametrize(("shape", "size"), [((40, 60), (7, 9)), ((6, 5), (13, 11)), ((9, 9), (9, 9))])
def test_a_smaller_map_keeps_the_largest(shape, size):
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    found = largest(values, size)
    assert found.shape == size
    assert found.max() == values.max()
    assert set(found.ravel()) <= set(values.ravel())
    if size[0] <= shape[0]:
        rows, columns = (np.arange(n) * s // n for n, s in zip(size, shape, strict=True))
        blocks = np.maximum.reduceat(np.maximum.reduceat(values, rows, 0), columns, 1)
        assert np.array_equal(found, blocks)


@pytest.mark.parametrize("side", [32, 112, 320])
def test_a_mark_of_one_pixel_is_seen_however_small_the_picture(side):
    drawn = draw_overview(seen(mask=spot()), side, 0.5)
    assert max(drawn.shape[:2]) == side
    marked = np.argwhere((drawn == MAGENTA).all(2))
    scale = side / 400
    assert np.allclose(marked.mean(0), [250 * scale, 120 * scale], atol=2)


def test_a_score_of_one_pixel_has_its_colour():
    score = np.where(spot(), np.float32(0.9), np.float32(0))
    drawn = draw_overview(seen(score=score), 100, 0.5)
    expected = laid_over(np.full((1, 1, 3), 128 / 255, np.float32), np.full((1, 1), 0.9), 0.5)[0, 0]
    hot = drawn[62, 30]
    assert np.abs(hot - 255 * expected).max() <= 1
    assert (drawn[0, 0] == 128).all()


def test_kinds_have_their_colours():
    mask = spot() | spot(x=40)
    best = np.zeros((400, 300), np.uint8)
    best[:, :80] = 2
    drawn = draw_overview(seen(mask=mask, best=best), 200, 0.5)
    for kind in (0, 2):
        assert (drawn == np.array(kind_color(kind))).all(2).any()
    assert not (drawn == np.array(kind_color(1))).all(2).any()


def test_the_truth_is_a_white_line_that_leaves_the_defect_bare():
    truth = np.zeros((100, 100), bool)
    truth[40:60, 40:60] = True
    drawn = draw_overview(seen(100, 100, truth=truth), 100, 0.5)
    assert (drawn[40:60, 40:60] == 128).all()
    assert (drawn[39, 40:60] == 255).all()


def test_of_a_saved_overlay_nothing_is_outlined_twice():
    kept = seen(mask=spot(), is_overlay=True)
    assert (draw_overview(kept, 100, 0.5) == 128).all()
    # And there is no photograph to show beside it.
    assert draw_pair(kept, 100, 0.5).shape == draw_overview(kept, 100, 0.5).shape


def test_without_any_picture_the_scores_are_drawn_on_grey():
    drawn = draw_overview(seen(base=None, mask=spot()), 100, 0.5)
    assert (drawn == MAGENTA).all(2).any()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"score": np.where(spot(2000, 1500, 1700, 300), np.float32(0.9), np.float32(0.1))}, (1700, 300)),
        ({"mask": spot(2000, 1500, 30, 1490)}, (30, 1490)),
        ({}, (1000, 750)),
    ],
    ids=["score", "mask", "nothing"],
)
def test_of_a_large_photograph_a_window_is_shown_pixel_for_pixel(changes, where):
    samples = np.zeros((2000, 1500, 3), np.uint8)
    samples[where] = (10, 250, 30)
    base = Picture(samples, 255, "large.png")
    drawn = draw_pair(seen(2000, 1500, base=base, **changes), 200, 0.5)
    left = drawn[:, :200]
    assert (left == (10, 250, 30)).all(2).sum() == 1  # nothing is drawn there, and nothing is resized
    right = drawn[:, 204:]
    rows, columns = np.nonzero((right == 255).all(2))  # the frame
    y, x = (place * 200 / 2000 for place in where)
    assert rows.min() - 2 <= y <= rows.max() + 2
    assert columns.min() - 2 <= x <= columns.max() + 2


def test_of_a_miss_the_window_is_on_what_was_missed():
    truth = spot(2000, 1500, 100, 100)
    score = np.where(spot(2000, 1500, 1900, 1400), np.float32(0.3), np.float32(0.1))
    samples = np.zeros((2000, 1500, 3), np.uint8)
    samples[100, 100] = (10, 250, 30)
    missed = seen(2000, 1500, base=Picture(samples, 255, "large.png"), truth=truth, score=score)
    for on_truth in (True, False):
        left = draw_pair(missed, 200, 0.5, on_truth=on_truth)[:, :200]
        assert (left == (10, 250, 30)).all(2).any() == on_truth


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3000, 2), (5, 7)])
def test_any_size_can_be_drawn(shape):
    mask = np.ones(shape, bool)
    drawn = draw_pair(seen(*shape, mask=mask, score=np.ones(shape, np.float32), truth=mask), 64, 0.5)
    assert drawn.dtype == np.uint8
    assert min(drawn.shape[:2]) >= 1


def test_an_address_holds_the_picture():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    kind, _, content = data_uri(pixels, 80).partition(",")
    assert kind == "data:image/webp;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (60, 40)
