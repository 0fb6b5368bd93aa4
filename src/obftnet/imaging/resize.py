"""Images brought to a network's size and score maps back to the image's, by a weight matrix an axis.

The one resizing there is, with torch and without: antialiased resizing is not the same in every engine, so no
engine is asked for it. An axis of n pixels becomes one of m by an (m, n) matrix of which each row is a
triangle around the place that the new pixel's centre has among the old ones, and sums to 1.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from obftnet.imaging.picture import Picture

#: Pixels that are floats at a time.
_STRIP = 1 << 19


@functools.lru_cache(maxsize=64)
def weights(length: int, size: int, *, antialias: bool) -> sparse.csr_array:
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
        (size, length) float32, sparse. Enlarging, both kinds are the same.
    """
    step = length / size
    reach = max(step, 1.0) if antialias else 1.0
    centre = (np.arange(size) + 0.5) * step
    first = np.floor(centre - reach).astype(np.int64)
    pixel = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weight = np.maximum(0, 1 - np.abs(pixel + 0.5 - centre[:, None]) / reach)
    weight[(pixel < 0) | (pixel >= length)] = 0
    weight /= weight.sum(1, keepdims=True)
    row, column = np.nonzero(weight)
    return sparse.csr_array(
        (weight[row, column].astype(np.float32), (row, pixel[row, column])), shape=(size, length)
    )


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
        part = matrix[:, top : top + len(strip)]
        reached = np.flatnonzero(np.diff(part.indptr))
        chosen = slice(reached[0], reached[-1] + 1)
        low[chosen] += part[chosen] @ strip.reshape(len(strip), -1)
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
