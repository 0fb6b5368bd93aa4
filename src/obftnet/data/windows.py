"""The largest clean rectangle of an annotated image, for materials that have no defect-free image."""

import numpy as np
from numpy.typing import NDArray

MIN_SIDE = 64
"""Least side of a window in pixels: less shows too little of a texture."""


def largest_window(defects: NDArray[np.bool_], min_side: int = MIN_SIDE) -> tuple[int, int, int, int] | None:
    """The axis-aligned rectangle of largest area without a defect pixel.

    For each row, every column's run of clean pixels upwards is widened to the left and right as far as no
    column's run is shorter (the maximal rectangle by dynamic programming, O(h w)).

    Args:
        defects: (h, w) bool, True on defects.
        min_side: both sides are at least this, in pixels.

    Returns:
        (y, x, height, width) in pixels, the first in reading order of its lower edge among equals; None where
        none is large enough.
    """
    h, w = defects.shape
    columns = np.arange(w)
    height = np.zeros(w, dtype=np.int64)
    left = np.zeros(w, dtype=np.int64)
    right = np.full(w, w, dtype=np.int64)
    best, found = 0, None
    for y in range(h):
        clean = ~defects[y]
        # Bounds of this row's clean run around each column, then narrowed by the rows above in the run.
        run_left = np.maximum.accumulate(np.where(clean, 0, columns + 1))
        run_right = np.minimum.accumulate(np.where(clean, w, columns)[::-1])[::-1]
        height = np.where(clean, height + 1, 0)
        left = np.where(clean, np.maximum(left, run_left), 0)
        right = np.where(clean, np.minimum(right, run_right), w)
        width = right - left
        area = np.where((height >= min_side) & (width >= min_side), height * width, 0)
        x = int(area.argmax())
        if area[x] > best:
            best = int(area[x])
            found = (y + 1 - int(height[x]), int(left[x]), int(height[x]), int(width[x]))
    return found
