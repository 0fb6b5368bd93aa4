"""Images brought to a network's size and score maps back to the image's, by a weight matrix an axis.

The one resizing there is, with torch and without: antialiased resizing is not the same in every engine, so no
engine is asked for it. An axis of n pixels becomes one of m by an (m, n) matrix of which each row is a
triangle around the place that the new pixel's centre has among the old ones, and sums to 1.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obftnet.imaging.picture import Picture

#: Pixels that are floats at a time.
_STRIP = 1 << 19
#: Numbers that are added up at a time: so few stay in the processor's cache.
_CACHED = 1 << 17


@dataclass(frozen=True)
class Matrix:
    """A matrix (size, length) whose rows are 0 but for a few neighbours.

    first: (size,) column of each row's first of them. weight: (size, n) float32, they; 0 behind the last.
    length: of the axis that it is for.
    """

    first: NDArray[np.int64]
    weight: NDArray[np.float32]
    length: int

    def __matmul__(self, lines: NDArray[np.float32]) -> NDArray[np.float32]:
        """The product with (length, k) float32: (size, k) float32."""
        found = np.empty((len(self.first), lines.shape[1]), np.float32)
        return self.times(lines, 0, slice(0, len(self.first)), found)

    def reached(self, top: int, bottom: int) -> slice:
        """The rows that are not 0 in all of some columns."""
        last = self.first + np.count_nonzero(self.weight, axis=1)
        return slice(int(np.searchsorted(last, top, "right")), int(np.searchsorted(self.first, bottom)))

    def times(
        self, lines: NDArray[np.float32], top: int, rows: slice, out: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The product of some rows with some of the lines, as if all others were 0.

        Args:
            lines: (n, k) float32, those from `top` on.
            top: the first of them.
            rows: of the matrix.
            out: (rows, k) float32, which is overwritten.

        Returns:
            `out`.
        """
        count = self.weight.shape[1]
        column = self.first[rows, None] - top + np.arange(count)
        weight = self.weight[rows] * ((column >= 0) & (column < len(lines)))
        step = max(1, _CACHED // (count * lines.shape[1]))
        room = np.empty((step, count, lines.shape[1]), np.float32)
        for start in range(0, len(column), step):
            part = slice(start, start + step)
            few = room[: len(column[part])]
            np.take(lines, column[part], axis=0, out=few, mode="clip")
            np.einsum("rn,rnk->rk", weight[part], few, out=out[part])
        return out

    def toarray(self) -> NDArray[np.float32]:
        """All of it, (size, length) float32."""
        return self @ np.eye(self.length, dtype=np.float32)


@functools.lru_cache(maxsize=64)
def weights(length: int, size: int, *, antialias: bool) -> Matrix:
    """The matrix that brings an axis from `length` pixels to `size`: linear, centres aligned, not corners.

    Two pixels from four; antialiased, each looks at all that it covers and half as much again on either side:

    >>> weights(4, 2, antialias=False).toarray()
    array([[0.5, 0.5, 0. , 0. ],
           [0. , 0. , 0.5, 0.5]], dtype=float32)
    >>> weights(4, 2, antialias=True).toarray().round(3)
    array([[0.429, 0.429, 0.143, 0.   ],
           [0.   , 0.143, 0.429, 0.429]], dtype=float32)

    Args:
        length: pixels there are, >= 1.
        size: pixels wanted, >= 1.
        antialias: where the axis shrinks, a triangle is as much wider, so that fine texture does not alias.

    Returns:
        (size, length). Enlarging, both kinds are the same.
    """
    step = length / size
    reach = max(step, 1.0) if antialias else 1.0
    centre = (np.arange(size) + 0.5) * step
    first = np.floor(centre - reach).astype(np.int64)
    pixel = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weight = np.maximum(0, 1 - np.abs(pixel + 0.5 - centre[:, None]) / reach)
    weight[(pixel < 0) | (pixel >= length)] = 0
    weight /= weight.sum(1, keepdims=True)
    # What is not 0 begins each row.
    before = np.argmax(weight > 0, axis=1)
    count = int(np.count_nonzero(weight, axis=1).max())
    places = before[:, None] + np.arange(count)
    inside = places < weight.shape[1]
    kept = np.take_along_axis(weight, places.clip(max=weight.shape[1] - 1), axis=1) * inside
    return Matrix(first + before, kept.astype(np.float32), length)


def resize_image(image: NDArray[np.float32] | Picture, size: tuple[int, int]) -> NDArray[np.float32]:
    """An image for the network, antialiased, so that shrinking does not alias fine texture.

    Of a large picture, strips are turned into floats and added up one at a time.

    Args:
        image: (h, w, 3) float32, 0..1; or a picture.
        size: (H, W).

    Returns:
        (3, H, W) float32, 0..1; never a view.

    Raises:
        ValueError: another shape, or a size below one.
    """
    if not isinstance(image, Picture) and (image.ndim != 3 or image.shape[2] != 3):
        raise ValueError(f"image of shape {image.shape}; (h, w, 3) is wanted")
    check_size(size)
    height, width = image.shape[:2]
    if (height, width) == tuple(size):
        return np.ascontiguousarray(_floats(image).transpose(2, 0, 1))
    low = np.zeros((size[0], width * 3), np.float32)
    matrix = weights(height, size[0], antialias=True)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        strip = _floats(image[top : top + rows])
        reached = matrix.reached(top, top + len(strip))
        part = np.empty_like(low[reached])
        low[reached] += matrix.times(strip.reshape(len(strip), -1), top, reached, part)
    lines = low.reshape(size[0], width, 3).transpose(1, 0, 2).reshape(width, -1)
    narrow = weights(width, size[1], antialias=True) @ lines
    small = np.ascontiguousarray(narrow.reshape(size[1], size[0], 3).transpose(2, 1, 0))
    return small.clip(0, 1, out=small)


def resize_score(score: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A score map (h, w) at another size (H, W), float32, without antialiasing: a peak stays one.

    Raises:
        ValueError: another shape, or a size below one.
    """
    if score.ndim != 2:
        raise ValueError(f"score of shape {score.shape}; (h, w) is wanted")
    check_size(size)
    if score.shape == tuple(size):
        return score.copy()
    wide = weights(score.shape[1], size[1], antialias=False) @ np.ascontiguousarray(score.T)
    # Rows last: the large map is made as it is wanted.
    found: NDArray[np.float32] = weights(score.shape[0], size[0], antialias=False) @ np.ascontiguousarray(
        wide.T
    )
    return found


def check_size(size: tuple[int, int]) -> None:
    """Raises ValueError for a size that is not (height, width), both at least 1."""
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size {tuple(size)}; (height, width), both at least 1, is wanted")


def _floats(image: NDArray[np.float32] | Picture) -> NDArray[np.float32]:
    return image.floats() if isinstance(image, Picture) else np.array(image, dtype=np.float32)
