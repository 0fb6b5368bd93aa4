import numpy as np
import pytest

from obftnet.data.windows import largest_window


def by_force(defects, min_side):
    """Area of the best rectangle, all of them tried."""
    h, w = defects.shape
    best = 0
    for y in range(h):
        for x in range(w):
            for height in range(min_side, h - y + 1):
                for width in range(min_side, w - x + 1):
                    if not defects[y : y + height, x : x + width].any():
                        best = max(best, height * width)
    return best


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("min_side", [1, 3])
def test_agrees_with_trying_all(seed, min_side):
    rng = np.random.default_rng(seed)
    defects = rng.random((9, 11)) < rng.choice([0.05, 0.15, 0.4])
    window = largest_window(defects, min_side)
    best = by_force(defects, min_side)
    if window is None:
        assert best == 0
        return
    y, x, height, width = window
    assert height * width == best
    assert min(height, width) >= min_side
    assert not defects[y : y + height, x : x + width].any()


def test_clean_and_full_and_too_small():
    assert largest_window(np.zeros((64, 80), bool)) == (0, 0, 64, 80)
    assert largest_window(np.ones((64, 80), bool)) is None
    assert largest_window(np.zeros((63, 800), bool)) is None


def test_a_long_strip_does_not_hide_a_smaller_window_that_is_wide_enough():
    defects = np.ones((20, 100), bool)
    defects[:4] = False  # 4 x 100
    defects[6:18, 2:14] = False  # 12 x 12
    assert largest_window(defects, 1) == (0, 0, 4, 100)
    assert largest_window(defects, 10) == (6, 2, 12, 12)
