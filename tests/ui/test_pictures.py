"""Tiles of photographs: every pixel is where it belongs, halved as its mean, 16 bits through a window."""

import io

import numpy as np
import pytest
from PIL import Image

from obftnet.imaging.read import as_picture
from obftnet.ui.painting import DEFECT
from obftnet.ui.pictures import TILE, Pictures, Shown, levels_of, painted_png


def pixels(data: bytes | None) -> np.ndarray:
    assert data is not None
    return np.asarray(Image.open(io.BytesIO(data)))


def noise(size, dtype=np.uint8, channels=()) -> np.ndarray:
    top = {np.uint8: 256, np.uint16: 65536}[dtype]
    return np.random.default_rng(0).integers(0, top, (*size, *channels), dtype=dtype)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_tiles_of_the_first_level_are_the_image(channels):
    image = noise((TILE + 70, 2 * TILE + 1), channels=channels)
    shown = Shown.of(as_picture(image))
    rows = [
        np.concatenate([pixels(shown.tile(0, row, column, None)) for column in range(3)], 1)
        for row in range(2)
    ]
    assert np.array_equal(np.concatenate(rows), image)


def test_a_level_is_the_mean_of_four_of_the_one_before():
    image = noise((601, 1203))
    shown = Shown.of(as_picture(image))
    assert len(shown.levels) == levels_of(image.shape) + 1 == 3
    padded = np.pad(image, ((0, 1), (0, 1)), mode="edge").astype(float)
    mean = padded.reshape(301, 2, 602, 2).mean((1, 3))
    assert np.abs(shown.levels[1] - mean).max() <= 0.5


@pytest.mark.parametrize("place", [(3, 0, 0), (-1, 0, 0), (0, 9, 0), (0, 0, -1)])
def test_where_there_is_no_tile_none_is_given(place):
    assert Shown.of(as_picture(noise((601, 1203)))).tile(*place, None) is None


def test_sixteen_bits_are_seen_through_a_window():
    image = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    found = pixels(Shown.of(as_picture(image)).tile(0, 0, 0, (1000.0, 2000.0)))
    expected = np.rint(np.clip((image.astype(np.float64) - 1000) * 255 / 1000, 0, 255))
    assert np.abs(found - expected).max() <= 1  # a half is rounded by float32
    assert found[0, 0] == 0
    assert found[-1, -1] == 255


def test_the_automatic_window_leaves_out_what_is_rare():
    image = noise((128, 128), np.uint16) // 32 + 500
    image[0, 0], image[0, 1] = 0, 65535
    low, high = Shown.of(as_picture(image)).window()
    assert 500 <= low < 600
    assert 2400 < high <= 2548


def test_a_thumbnail_of_16_bits_is_not_black():
    image = noise((128, 128), np.uint16) // 32 + 500
    assert 100 < pixels(Shown.of(as_picture(image)).thumbnail()).mean() < 150
    white = np.full((64, 64), 255, np.uint8)
    assert pixels(Shown.of(as_picture(white)).thumbnail()).min() == 255


def test_an_even_image_has_a_window_of_all_samples():
    assert Shown.of(as_picture(np.full((64, 64), 7, np.uint8))).window() == (0.0, 255.0)


def test_labels_become_colours_and_nothing_is_transparent():
    labels = np.array([[0, 1], [2, 0]], np.uint8)
    found = np.asarray(Image.open(io.BytesIO(painted_png(labels))).convert("RGBA"))
    assert found[..., 3].tolist() == [[0, 255], [255, 0]]
    assert tuple(found[0, 1, :3]) != tuple(found[1, 0, :3])
    assert labels[0, 1] == DEFECT


def test_a_file_that_changed_is_read_again(tmp_path):
    path, pictures = tmp_path / "a.png", Pictures()
    for value in (10, 200):
        Image.fromarray(np.full((32, 40), value, np.uint8)).save(path)
        assert (pixels(pictures.of(path).tile(0, 0, 0, None)) == value).all()
