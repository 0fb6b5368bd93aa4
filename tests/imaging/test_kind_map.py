"""Which kind a pixel is most like, in a PNG and back."""

import numpy as np
import pytest
from PIL import Image

from obftnet.errors import InputError
from obftnet.imaging.kind_map import read_kind_map, write_kind_map
from obftnet.imaging.overlay import draw_overlay, kind_color


@pytest.mark.parametrize("count", [1, 2, 7, 255])
def test_a_map_comes_back_as_it_was(tmp_path, count):
    best = np.random.default_rng(0).integers(0, count, (20, 30), dtype=np.uint8)
    names = [f"kind {number} ü" for number in range(count)]
    write_kind_map(tmp_path / "a.png", best, names)
    np.testing.assert_array_equal(read_kind_map(tmp_path / "a.png", (20, 30), count), best)
    with Image.open(tmp_path / "a.png") as image:
        colors = np.asarray(image.convert("RGB"))
        assert [image.text[f"Kind {index + 1}"] for index in range(count)] == names
    for kind in np.unique(best):
        assert (colors[best == kind] == kind_color(int(kind))).all()


def test_colors_of_kinds_differ():
    assert len({kind_color(kind) for kind in range(40)}) == 40
    assert kind_color(0) == (255, 0, 220), "of one kind, as it was"


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.ones((20, 31), np.uint8), "31 x 20 pixels; 30 x 20 are wanted"),
        (np.zeros((20, 30), np.uint8), "kinds 0 to 0; a map of kinds 1 to 2"),
        (np.full((20, 30), 3, np.uint8), "kinds 3 to 3"),
        (np.ones((20, 30, 3), np.uint8), r"3 channel\(s\)"),
    ],
)
def test_what_is_no_map_of_these_kinds_is_refused(tmp_path, pixels, says):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=says):
        read_kind_map(tmp_path / "a.png", (20, 30), 2)


def test_an_overlay_outlines_each_kind_in_its_own_color():
    image, mask = np.full((64, 64, 3), 0.5, np.float32), np.zeros((64, 64), bool)
    mask[8:20, 8:20] = mask[40:50, 40:50] = True
    best = np.zeros((64, 64), np.uint8)
    best[32:] = 1
    drawn = draw_overlay(image, mask, best=best)
    assert (drawn[7, 8:20] == kind_color(0)).all()
    assert (drawn[39, 40:50] == kind_color(1)).all()
    one = draw_overlay(image, mask)
    np.testing.assert_array_equal(draw_overlay(image, mask, best=np.zeros_like(best)), one)
    np.testing.assert_array_equal(drawn[:32], one[:32])
