"""The one resizing, compared with PyTorch's own, which it replaces."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from obftnet.imaging import resize
from obftnet.imaging.picture import Picture
from obftnet.imaging.resize import resize_image, resize_score, weights

PAIRS = [(1, 1), (1, 7), (7, 1), (5, 8), (8, 5), (64, 16), (33, 64), (512, 100), (100, 512), (400, 399)]


@pytest.mark.parametrize(("length", "size"), PAIRS)
@pytest.mark.parametrize("antialias", [False, True])
def test_a_matrix_is_what_the_filter_makes_of_each_single_pixel(length, size, antialias):
    pixels = torch.eye(length, dtype=torch.float64).reshape(1, length, length, 1).repeat(1, 1, 1, 2)
    wanted = functional.interpolate(
        pixels, (size, 2), mode="bilinear", align_corners=False, antialias=antialias
    )[0, :, :, 0]
    found = weights(length, size, antialias=antialias).toarray()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.T, wanted.numpy(), atol=1e-7)


@pytest.mark.parametrize(("length", "size"), PAIRS)
def test_every_row_sums_to_one_and_keeps_its_place(length, size):
    for antialias in (False, True):
        found = weights(length, size, antialias=antialias).toarray()
        np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
        # The mirror image resized is the resized mirror image.
        np.testing.assert_allclose(found[::-1, ::-1], found, atol=1e-7)


@pytest.mark.parametrize("shape", [(40, 60), (16, 16), (9, 200), (200, 9)])
def test_an_image_is_as_torch_makes_it_in_one_strip_or_several(shape, monkeypatch):
    samples = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    picture = Picture(samples, 255, "made")
    tensor = torch.from_numpy(picture.floats()).permute(2, 0, 1)[None]
    wanted = functional.interpolate(
        tensor.double(), (32, 48), mode="bilinear", align_corners=False, antialias=True
    )
    for strip in (1, 500, 1 << 21):
        monkeypatch.setattr(resize, "_STRIP", strip)
        found = resize_image(picture, (32, 48))
        assert found.shape == (3, 32, 48)
        assert found.flags.c_contiguous
        np.testing.assert_allclose(found, wanted[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(resize_image(picture.floats(), (32, 48)), found, atol=1e-7)


def test_a_grey_picture_is_its_own_colour_picture():
    samples = np.random.default_rng(1).integers(0, 65536, (30, 20), dtype=np.uint16)
    colour = np.repeat(samples[:, :, None], 3, axis=2)
    found = resize_image(Picture(samples, 65535, "grey"), (16, 16))
    np.testing.assert_array_equal(found, resize_image(Picture(colour, 65535, "colour"), (16, 16)))
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("size", [(50, 70), (7, 5), (20, 30), (1, 90)])
def test_a_score_map_is_as_torch_makes_it(size):
    score = np.random.default_rng(2).random((20, 30), dtype=np.float32)
    wanted = functional.interpolate(
        torch.from_numpy(score)[None, None].double(), size, mode="bilinear", align_corners=False
    )
    found = resize_score(score, size)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, wanted[0, 0].numpy(), atol=1e-6)
    assert found is not score
    assert found.min() >= score.min() - 1e-6
    assert found.max() <= score.max() + 1e-6


@pytest.mark.parametrize(
    "call",
    [
        lambda: resize_image(np.zeros((4, 4), np.float32), (2, 2)),
        lambda: resize_image(np.zeros((4, 4, 3), np.float32), (2, 0)),
        lambda: resize_score(np.zeros((1, 4, 4), np.float32), (2, 2)),
        lambda: resize_score(np.zeros((4, 4), np.float32), (0, 2)),
    ],
)
def test_wrong_shapes(call):
    with pytest.raises(ValueError, match="is wanted"):
        call()


@pytest.mark.parametrize(("length", "size"), PAIRS)
def test_a_product_is_the_sum_of_those_with_parts_of_the_lines(length, size, monkeypatch):
    lines = np.random.default_rng(3).random((length, 6), np.float32)
    for antialias in (False, True):
        matrix = weights(length, size, antialias=antialias)
        wanted = matrix.toarray().astype(np.float64) @ lines
        for cached in (1, 40, 1 << 17):
            monkeypatch.setattr(resize, "_CACHED", cached)
            np.testing.assert_allclose(matrix @ lines, wanted, atol=1e-6)
            found = np.zeros_like(wanted)
            for top in range(0, length, 3):
                part = lines[top : top + 3]
                rows = matrix.reached(top, top + len(part))
                assert not matrix.toarray()[: rows.start, top : top + 3].any()
                assert not matrix.toarray()[rows.stop :, top : top + 3].any()
                room = np.empty((rows.stop - rows.start, 6), np.float32)
                found[rows] += matrix.times(part, top, rows, room)
            np.testing.assert_allclose(found, wanted, atol=1e-6)
