"""Large images in square tiles: where they lie, which of them show the guidance, and one score map of all.

A tile is `side` x `side` pixels of the source. Neighbours overlap by a quarter of a side or more, and a score
there is the mean of theirs by weights that fall smoothly to nothing at a tile's edge, where a network sees
least around a position: a defect on one tile's edge lies well inside its neighbour.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Neighbours share 1 / SHARED of a side at least.
SHARED = 4

Corner = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """What of an image a network is shown: all of it, or a tile.

    image: which of several images, from 0.
    corner: (y, x) of its first pixel in the image.
    size: (h, w) of the part, pixels; beyond the image it is its mirror image (`enlarge`).
    whole: (h, w) of the image.
    """

    image: int
    corner: Corner
    size: tuple[int, int]
    whole: tuple[int, int]

    def cell(self, point: tuple[int, int], grid: tuple[int, int]) -> tuple[int, int]:
        """Row and column of the cell that shows the pixel (x, y), of a grid (h, w) over the part.

        Raises:
            ValueError: a pixel outside the part.
        """
        y, x = point[1] - self.corner[0], point[0] - self.corner[1]
        if not (0 <= y < self.size[0] and 0 <= x < self.size[1]):
            raise ValueError(f"pixel {point} outside the part at {self.corner} of {self.size}")
        return y * grid[0] // self.size[0], x * grid[1] // self.size[1]

    def pixel(self, cell: tuple[int, int], grid: tuple[int, int]) -> tuple[int, int]:
        """(x, y) of the image that a cell's middle shows: (row, column) of a grid (h, w) over the part."""
        y, x = (
            _unfolded(corner + (2 * index + 1) * size // (2 * count), length)
            for corner, index, size, count, length in zip(
                self.corner, cell, self.size, grid, self.whole, strict=True
            )
        )
        return x, y

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """The part of its image (h, w, ...)."""
        y, x = self.corner
        shown = image[y : y + self.size[0], x : x + self.size[1]]
        return shown if shown.shape[:2] == self.size else enlarge(shown, max(self.size))


def _unfolded(at: int, length: int) -> int:
    """The pixel of a line of `length` that is seen at `at` where the line goes on as its mirror image."""
    at %= 2 * length
    return at if at < length else 2 * length - 1 - at


def enlarge(image: NDArray[Any], side: int) -> NDArray[Any]:
    """The image (h, w, ...), mirrored at its lower and right edges until a tile fits in."""
    missing = [(0, max(0, side - n)) for n in image.shape[:2]]
    if not any(after for _, after in missing):
        return image
    return np.pad(image, (*missing, *[(0, 0)] * (image.ndim - 2)), mode="symmetric")


def corners(shape: tuple[int, int], side: int) -> list[Corner]:
    """(y, x) of the tiles that cover an image of (h, w) >= side, evenly spaced, in reading order."""
    rows, columns = _starts(shape[0], side), _starts(shape[1], side)
    return [(y, x) for y in rows for x in columns]


def corner_around(shape: tuple[int, int], side: int, point: tuple[int, int]) -> Corner:
    """(y, x) of that of these tiles which counts most for a pixel (x, y): its middle is nearest."""
    y, x = (
        min(_starts(length, side), key=lambda start: abs(2 * start + side - 1 - 2 * at))
        for length, at in zip(shape, (point[1], point[0]), strict=True)
    )
    return y, x


def blend(
    shape: tuple[int, int], side: int, score: Callable[[Corner], NDArray[np.float32]]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """The score maps of an image from those of its tiles, strip by strip.

    One tile is in memory at a time, and of the maps what lies beside a row of tiles.

    Args:
        shape: (h, w) of the image, both >= side.
        side: of a tile, pixels.
        score: the (kinds, side, side) float32 scores of the tile with this corner.

    Yields:
        The rows of a strip, and its (kinds, rows, w) float32: a weighted mean of what the tiles say, so
        within their range. The strips follow one another from the first row to the last.
    """
    ramp = _ramp(side)
    weight = ramp[:, None] * ramp
    # The tiles are a product of rows and columns, so the sum of their weights is one too.
    of_rows, of_columns = (_weights(length, side) for length in shape)
    tops, lefts = _starts(shape[0], side), _starts(shape[1], side)
    total = None
    for top, end in zip(tops, [*tops[1:], shape[0]], strict=True):
        for left in lefts:
            seen = score((top, left)) * weight
            if total is None:
                total = np.zeros((len(seen), side, shape[1]), np.float32)
            total[:, :, left : left + side] += seen
        assert total is not None
        rows = slice(top, end)
        strip = total[:, : end - top] / of_rows[rows, None]
        strip /= of_columns
        yield rows, strip
        # What the next row of tiles lies on, too.
        shared = side - (end - top)
        total[:, :shared] = total[:, end - top :].copy()
        total[:, shared:] = 0


def defect_corners(mask: NDArray[np.bool_], side: int, most: int) -> list[Corner]:
    """Tiles that show an annotated defect, each centred on what it shows as far as the edges allow.

    The tile that shows most of the defect first, then the one that shows most of what is left, and so on.

    Args:
        mask: (h, w) bool, both sides >= side, True somewhere.
        side: of a tile, pixels.
        most: tiles at most; what a mask holds beyond them is left out.
    """
    left = mask.copy()
    places = corners((mask.shape[0], mask.shape[1]), side)
    found: list[Corner] = []
    while left.any() and len(found) < most:
        y, x = max(places, key=lambda place: int(left[window(place, side)].sum()))
        ys, xs = np.nonzero(left[window((y, x), side)])
        middle = (y + int(ys.min() + ys.max() + 1) // 2, x + int(xs.min() + xs.max() + 1) // 2)
        corner = _around(middle, mask.shape, side)
        found.append(corner)
        left[window(corner, side)] = False
    return found


def spread_corners(
    shape: tuple[int, int], side: int, most: int, shown: NDArray[np.bool_] | None = None
) -> list[Corner]:
    """At most `most` tiles of an image, spread evenly over it; of those that show any of `shown` (h, w)."""
    places = corners(shape, side)
    if shown is not None:
        places = [place for place in places if shown[window(place, side)].any()]
    chosen = np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)
    return [places[index] for index in chosen]


def window(corner: Corner, side: int) -> tuple[slice, slice]:
    """Where in an image the tile with this corner lies."""
    y, x = corner
    return slice(y, y + side), slice(x, x + side)


def _around(middle: Corner, shape: tuple[int, ...], side: int) -> Corner:
    y, x = (min(max(0, at - side // 2), n - side) for at, n in zip(middle, shape[:2], strict=True))
    return y, x


def _starts(length: int, side: int) -> list[int]:
    """Evenly spaced, the first at the start and the last at the end."""
    step = max(1, side - side // SHARED)
    count = 1 + -(-(length - side) // step)
    return [round(index * (length - side) / max(1, count - 1)) for index in range(count)]


def _ramp(side: int) -> NDArray[np.float32]:
    """(side,) weights over 0..1: the square of a sine over the overlap, then 1."""
    edge = max(1, side // SHARED)
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
    return (np.sin(np.clip(distance / edge, 0, 1) * np.pi / 2) ** 2).astype(np.float32)


def _weights(length: int, side: int) -> NDArray[np.float32]:
    total = np.zeros(length, np.float32)
    for start in _starts(length, side):
        total[start : start + side] += _ramp(side)
    return total
