"""Outlines to pixels. One convention for every tool: a pixel is marked where its centre lies inside.

Coordinates are continuous, x to the right and y down: pixel (row, column) is the square from (column, row)
to (column + 1, row + 1), and its centre lies at (column + 0.5, row + 0.5). An edge belongs to the pixels at
its right or below it, so that outlines that share an edge share no pixel and leave none between them.
Libraries that draw (Pillow, OpenCV) mark the pixels under the outline, too, which makes every mask half a
pixel fatter.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def fill(rings: Sequence[NDArray[np.float64]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """What lies inside an odd number of closed rings: a ring within another one is a hole.

    Args:
        rings: each (n, 2) as (x, y), pixels; the last point is joined to the first.
        size: (h, w) of the result. What lies outside it is cut off.

    Returns:
        (h, w) bool.
    """
    height, width = size
    # At these places of a row, inside and outside change; behind the last column nothing is left to change.
    changes = np.zeros((height, width + 1), np.uint8)
    for ring in rings:
        rows, columns = _crossings(ring, height, width)
        np.bitwise_xor.at(changes, (rows, columns), 1)
    return np.bitwise_xor.accumulate(changes, axis=1)[:, :width].astype(np.bool_)


def _crossings(
    ring: NDArray[np.float64], height: int, width: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the rows' middles cross a ring: rows, and the first columns whose centres lie behind."""
    ends = np.stack([ring, np.roll(ring, -1, axis=0)], axis=1)  # (n, 2 ends, 2)
    # From above to below, so that an edge gives the same numbers whichever way round it is walked.
    downwards = ends[:, 0, 1] <= ends[:, 1, 1]
    ends = np.where(downwards[:, None, None], ends, ends[:, ::-1])
    (x0, y0), (x1, y1) = ends[:, 0].T, ends[:, 1].T
    first = np.ceil(y0 - 0.5).clip(0, height).astype(np.intp)
    count = np.ceil(y1 - 0.5).clip(0, height).astype(np.intp) - first
    edge = np.repeat(np.arange(len(ring)), count)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    share = (rows + 0.5 - y0[edge]) / (y1 - y0)[edge]
    columns = np.ceil(x0[edge] + share * (x1 - x0)[edge] - 0.5).clip(0, width).astype(np.intp)
    return rows, columns


def ellipse(
    center: tuple[float, float], radii: tuple[float, float], rotation: float, size: tuple[int, int]
) -> NDArray[np.bool_]:
    """What lies inside an ellipse or on it.

    Args:
        center: (x, y), pixels.
        radii: along its own x and y axis, pixels, above 0.
        rotation: by which those are turned, clockwise as seen, degrees.
        size: (h, w) of the result. What lies outside it is cut off.

    Returns:
        (h, w) bool.
    """
    height, width = size
    found = np.zeros(size, np.bool_)
    reach = max(radii) + 1
    left, right = (min(max(math.floor(center[0] + side), 0), width) for side in (-reach, reach))
    top, bottom = (min(max(math.floor(center[1] + side), 0), height) for side in (-reach, reach))
    x = np.arange(left, right)[None, :] + 0.5 - center[0]
    y = np.arange(top, bottom)[:, None] + 0.5 - center[1]
    cos, sin = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    along, across = (x * cos + y * sin) / radii[0], (y * cos - x * sin) / radii[1]
    found[top:bottom, left:right] = along**2 + across**2 <= 1
    return found
