"""How long, how wide and in which direction a region of pixels lies."""

import numpy as np
from numpy.typing import NDArray


def outline(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Corners of a region's convex hull, (n, 2) as (y, x) in pixels, in order around it.

    The hull is that of the middles of the pixels' sides, so that a row of n pixels is n long and 1 wide.

    Args:
        mask: (h, w) bool, not empty.
    """
    rows = np.flatnonzero(mask.any(1))
    first = mask[rows].argmax(1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(1)
    # In half pixels everything is whole, and the hull exact. All but a row's ends lies between them.
    left = _bulging(2 * rows, -2 * first)
    right = _bulging(2 * rows, 2 * last)[::-1]
    left[:, 1] *= -1
    # Of a row of one pixel both begin, or end, at one point.
    begin, end = (left[0] == right[-1]).all(), (left[-1] == right[0]).all()
    return np.concatenate([left, right[int(end) : len(right) - int(begin)]]) / 2


def _bulging(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of the middles of some pixels' sides the corners of their convex hull towards higher columns, from the
    first row to the last: (n,) rows and columns in half pixels -> (m, 2)."""
    y = np.concatenate([rows - 1, rows, rows + 1])
    x = np.concatenate([columns, columns + 1, columns])
    order = np.lexsort((-x, y))
    y, x = y[order], x[order]
    outermost = np.diff(y, prepend=y[0] - 1) > 0
    y, x = y[outermost], x[outermost]
    while True:
        # What is not beyond the line between its neighbours is no corner, whatever else is none.
        beyond = (x[1:-1] - x[:-2]) * (y[2:] - y[:-2]) > (x[2:] - x[:-2]) * (y[1:-1] - y[:-2])
        if beyond.all():
            return np.stack([y, x], 1)
        kept = np.concatenate([[True], beyond, [True]])
        y, x = y[kept], x[kept]


def length(corners: NDArray[np.float64]) -> float:
    """The largest distance of two points of a region (maximum Feret diameter), pixels.

    It never falls as a region grows.

    >>> length(outline(np.array([[True, True, True, True]])))
    4.0

    Args:
        corners: as `outline` gives them.
    """
    apart = corners[:, None] - corners
    return float(np.sqrt(np.square(apart).sum(-1).max()))


def width(corners: NDArray[np.float64]) -> float:
    """The least distance of two parallel lines with the region between them (minimum Feret diameter), pixels.

    Args:
        corners: as `outline` gives them.
    """
    # One of the two lines lies along a side of the hull (Freeman and Shapira 1975).
    sides = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([-sides[:, 1], sides[:, 0]], 1) / np.hypot(sides[:, 0], sides[:, 1])[:, None]
    along = corners @ normals.T
    return float(np.ptp(along, axis=0).min())


def orientation(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> float:
    """Direction of a region's long axis, that of the ellipse of its second moments.

    Args:
        rows: (n,) of its pixels.
        columns: (n,) likewise.

    Returns:
        Degrees in 0..180 (180 excluded): 0 is horizontal, 90 vertical, 45 rises to the right. 0 where no
        direction is the longer.
    """
    y, x = rows - rows.mean(), columns - columns.mean()
    difference, product = float((x * x - y * y).sum()), float(-2 * (x * y).sum())
    scale = float((x * x + y * y).sum())
    if np.hypot(difference, product) <= 1e-9 * scale:
        return 0.0
    return float(np.degrees(np.arctan2(product, difference)) / 2 % 180)
