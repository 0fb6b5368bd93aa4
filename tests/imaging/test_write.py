from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from obftnet.imaging.overlay import draw_overlay, grown
from obftnet.imaging.write import write_png, write_png_strips, write_score


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_png_and_score_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    for shape in ((5, 7), (5, 7, 3)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        write_png(tmp_path / "a.png", pixels)
        np.testing.assert_array_equal(np.array(Image.open(tmp_path / "a.png")), pixels)
    write_png(tmp_path / "a.png", pixels[:, :, 0] > 99)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "a.png")), 255 * (pixels[:, :, 0] > 99))
    score = rng.random((5, 7)).astype(np.float32)
    write_score(tmp_path / "a.tiff", score)
    read = tifffile.imread(tmp_path / "a.tiff")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, score)
    with pytest.raises(ValueError, match="uint8"):
        write_png(tmp_path / "b.png", score)
    with pytest.raises(ValueError, match="float32"):
        write_score(tmp_path / "b.tiff", score.astype(np.float64))
    for shape in ((5,), (0, 7), (5, 0), (5, 7, 2), (1, 5, 7, 3)):
        with pytest.raises(ValueError, match="uint8"):
            write_png(tmp_path / "b.png", np.zeros(shape, np.uint8))
    assert names(tmp_path) == ["a.png", "a.tiff"]


@pytest.mark.parametrize("shape", [(90, 7), (90, 7, 3)])
@pytest.mark.parametrize("kind", ["noise", "ramp", "plain"])
@pytest.mark.parametrize("rows", [1, 13, 90])
def test_png_by_strips_is_read_by_others(tmp_path, shape, kind, rows):
    pixels = {
        "noise": np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8),
        "ramp": (3 * np.arange(np.prod(shape)).reshape(shape) % 256).astype(np.uint8),
        "plain": np.full(shape, 200, np.uint8),
    }[kind]
    strips = (pixels[top : top + rows] for top in range(0, 90, rows))
    write_png_strips(tmp_path / "a.png", (90, 7), strips)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "a.png")), pixels)
    # libpng, which checks the sums.
    np.testing.assert_array_equal(imagecodecs.png_decode((tmp_path / "a.png").read_bytes()), pixels)
    with pytest.raises(ValueError, match="of 91"):
        write_png_strips(tmp_path / "b.png", (91, 7), [pixels])
    with pytest.raises(ValueError, match="a strip of shape"):
        write_png_strips(tmp_path / "b.png", (90, 8), [pixels])
    assert names(tmp_path) == ["a.png"]


def test_overlay_outlines_outside_and_leaves_the_rest():
    image = np.full((64, 64, 3), 0.5, np.float32)
    mask = np.zeros((64, 64), bool)
    mask[20:30, 20:40] = True
    drawn = draw_overlay(image, mask).astype(int)
    plain = np.rint(0.5 * 255)
    assert drawn.shape == (64, 64, 3)
    assert (drawn[19, 20:40] == drawn[19, 20]).all()
    assert np.abs(drawn[19, 20] - plain).max() > 100  # the outline stands out
    assert 0 < np.abs(drawn[25, 30] - plain).max() < 60  # the defect shines through
    assert (drawn[:15] == plain).all()
    assert (drawn[:, 45:] == plain).all()


def test_overlay_thickness_grows_and_score_fades():
    image = np.zeros((1024, 1024, 3), np.float32)
    mask = np.zeros((1024, 1024), bool)
    mask[400:600, 400:600] = True
    drawn = draw_overlay(image, mask)
    assert (drawn[500, 390:400, 0] == 255).sum() == 4
    faint = draw_overlay(image, mask, np.full(mask.shape, 0.1, np.float32))
    assert 0 < faint[500, 500, 0] < drawn[500, 500, 0]


def test_overlay_of_nothing_is_the_image_and_shapes_are_checked():
    image = np.random.default_rng(0).random((9, 7, 3)).astype(np.float32)
    empty = np.zeros((9, 7), bool)
    np.testing.assert_array_equal(draw_overlay(image, empty), np.rint(image * 255).astype(np.uint8))
    with pytest.raises(ValueError, match="mask of shape"):
        draw_overlay(image, empty.T)
    with pytest.raises(ValueError, match="image of shape"):
        draw_overlay(empty, empty)


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 8])
def test_the_outline_is_as_thick_everywhere(radius):
    generator = np.random.default_rng(radius)
    for h, w in ((1, 1), (1, 9), (7, 4), (20, 13)):
        mask = generator.random((h, w)) < 0.1
        padded = np.pad(mask, radius)
        expected = np.zeros((h, w), bool)
        for y in range(2 * radius + 1):
            for x in range(2 * radius + 1):
                expected |= padded[y : y + h, x : x + w]
        np.testing.assert_array_equal(grown(mask, radius), expected)
