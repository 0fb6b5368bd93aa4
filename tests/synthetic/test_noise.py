import numpy as np
import pytest

from obftnet.synthetic.noise import (
    blur,
    box_blur,
    cells,
    fractal_field,
    generator,
    pooled,
    smooth_field,
    warp,
)


def test_fields_have_zero_mean_unit_spread_and_their_own_scale():
    fine, coarse = (smooth_field(generator(1), 128, wavelength) for wavelength in (4.0, 40.0))
    for field in (fine, coarse, fractal_field(generator(1), 128, 1.5)):
        assert field.dtype == np.float32
        assert abs(float(field.mean())) < 1e-3
        assert float(field.std()) == pytest.approx(1, abs=1e-3)
    assert np.abs(np.diff(fine, axis=1)).mean() > 3 * np.abs(np.diff(coarse, axis=1)).mean()


def test_stretched_fields_vary_slowly_along_their_angle():
    field = smooth_field(generator(3), 128, 6.0, angle=0.0, stretch=10.0)
    assert np.abs(np.diff(field, axis=1)).mean() < 0.3 * np.abs(np.diff(field, axis=0)).mean()


def test_structure_is_the_same_size_at_every_resolution():
    def slope(size: int) -> float:
        return float(np.abs(np.diff(smooth_field(generator(4), size, 30.0), axis=0)).mean()) * size

    assert slope(256) == pytest.approx(slope(64), rel=0.3)


def test_whole_pixel_warp_is_a_shift_and_no_warp_is_identity():
    image = generator(0).random((8, 8, 3)).astype(np.float32)
    none, one = np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32)
    np.testing.assert_allclose(warp(image, none, none)[:7, :7], image[:7, :7], atol=1e-6)
    np.testing.assert_allclose(warp(image, one, none)[:7, :6], image[:7, 1:7], atol=1e-6)
    np.testing.assert_allclose(warp(image, none, one)[:6, :7], image[1:7, :7], atol=1e-6)


def test_blurs_keep_a_constant_and_the_sum_of_an_impulse():
    flat = np.full((9, 11), 0.25, np.float32)
    np.testing.assert_allclose(blur(flat, 1.3), flat, atol=1e-6)
    np.testing.assert_allclose(box_blur(flat, 2), flat, atol=1e-6)
    impulse = np.zeros((21, 21), np.float32)
    impulse[10, 10] = 1
    for result in (blur(impulse, 1.5), box_blur(impulse, 2)):
        assert float(result.sum()) == pytest.approx(1, abs=1e-4)
        assert np.unravel_index(result.argmax(), result.shape) == (10, 10)
        np.testing.assert_allclose(result, result[::-1], atol=1e-6)


def test_box_blur_of_one_pass_is_the_mean_of_the_window():
    impulse = np.zeros((5, 5), np.float32)
    impulse[2, 2] = 9
    expected = np.zeros((5, 5), np.float32)
    expected[1:4, 1:4] = 1
    np.testing.assert_allclose(box_blur(impulse, 1, passes=1), expected, atol=1e-6)


def test_cells_without_jitter_are_squares():
    line = np.arange(0.5, 8, dtype=np.float32)
    u, v = np.meshgrid(line, line)
    first, second, tones = cells(generator(0), u, v, 4.0, jitter=0.0)
    x, y = (u % 4) / 4 - 0.5, (v % 4) / 4 - 0.5
    np.testing.assert_allclose(first, np.hypot(x, y), atol=1e-6)
    assert (second >= first).all()
    assert len(np.unique(tones)) == 4


def test_pooled_is_the_mean_of_blocks():
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_array_equal(pooled(image, 2), [[2.5, 4.5], [10.5, 12.5]])
