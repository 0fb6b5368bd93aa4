"""How long, how wide and in which direction a region of pixels lies."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

#: Pixels touch by a side or a corner: a scratch one pixel wide is one region in any direction.
TOUCHING = np.ones((3, 3), dtype=np.bool_)


def outline(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Corners of a region's convex hull, (n, 2) as (y, x) in pixels, in order around it.

    The hull is that of the middles of the pixels' sides, so that a row of n pixels is n long and 1 wide.

    Args:
        mask: (h, w) bool, not empty.
    """
    rows = np.flatnonzero(mask.any(1))
    first = mask[rows].argmax(1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(1)
    # All but a row's ends lies between them.
    ends = np.concatenate([np.stack([rows, first], 1), np.stack([rows, last], 1)]).astype(np.float64)
    sides = np.array([(0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)])
    points = (ends[:, None] + sides).reshape(-1, 2)
    corners: NDArray[np.float64] = points[ConvexHull(points).vertices]
    return corners


def length(corners: NDArray[np.float64]) -> float:
    """The largest distance of two points of a region (maximum Feret diameter), pixels.

    It never falls as a region grows.

    >>> length(outline(np.array([[True, True, True, True]])))
    4.0

    Args:
        corners: as `outline` gives them.
    """
    return float(pdist(corners).max())


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
