"""Which marked pixels are one region: exact, by the runs of marked pixels in the rows, in numpy alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

#: Pixels whose runs are looked for at a time.
_BLOCK = 1 << 18

Integers = NDArray[np.int64]


def connected(count: int, edges: Integers) -> tuple[int, Integers]:
    """The connected parts of a graph.

    >>> connected(5, np.array([[0, 3], [3, 4]]))
    (3, array([0, 1, 2, 0, 0]))

    Args:
        count: of its nodes.
        edges: (2, m) the two nodes of each.

    Returns:
        How many parts there are; (count,) the part of each node, from 0, in the order of their first nodes.
    """
    root = np.arange(count)
    one, other = edges
    while one.size:
        # Of two parts that touch, the one that begins later joins the first of those that it touches.
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        further = root[root]
        while not np.array_equal(further, root):
            root, further = further, further[further]
        one, other = root[one], root[other]
        apart = one != other
        one, other = one[apart], other[apart]
    first = root == np.arange(count)
    return int(np.count_nonzero(first)), (np.cumsum(first) - 1)[root]


@dataclass(frozen=True)
class Labelling:
    """The regions of a mask: pixels that touch by a side or a corner.

    A run is what of a row is marked from one pixel to another. Places of pixels count through rows that are
    one pixel longer than the image's, so that no run goes on in the next row.

    shape: (h, w) of the mask. starts, ends: (r,) places of each run's first pixel and of the one behind its
    last, row by row. region: (r,) of each run, from 0, in the order of their first pixels. count: of regions.
    """

    shape: tuple[int, int]
    starts: Integers
    ends: Integers
    region: Integers
    count: int

    @cached_property
    def areas(self) -> Integers:
        """(count,) pixels of each region."""
        return np.bincount(self.region, self.ends - self.starts, self.count).astype(np.int64)

    @cached_property
    def boxes(self) -> Integers:
        """(4, count) of each region its first row, the one behind its last, and its columns likewise."""
        line = self.shape[1] + 1
        rows = self.starts // line
        top, bottom = np.zeros((2, self.count), np.int64)
        # Of several values for one place the last stays; runs come row by row.
        bottom[self.region] = rows + 1
        top[self.region[::-1]] = rows[::-1]
        left, right = np.full(self.count, line), np.zeros(self.count, np.int64)
        np.minimum.at(left, self.region, self.starts - rows * line)
        np.maximum.at(right, self.region, self.ends - rows * line)
        return np.stack([top, bottom, left, right])

    def marked(self, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(h, w) bool: the pixels of the regions that are kept, (count,) bool."""
        chosen = keep[self.region]
        return _painted(self.starts[chosen], self.ends[chosen], self.shape)

    def numbers(self) -> NDArray[np.int32]:
        """(h, w): of each pixel the number of its region, from 1; 0 where it is in none."""
        height, width = self.shape
        found = np.zeros(height * (width + 1), np.int32)
        found[self.starts], found[self.ends] = self.region + 1, -1 - self.region
        np.cumsum(found, out=found)
        return found.reshape(height, width + 1)[:, :width]

    def part(self, number: int) -> tuple[slice, slice, NDArray[np.bool_]]:
        """Rows and columns of a region's box, and (rows, columns) bool, which of its pixels are the region's.

        number: of the region, from 0.
        """
        top, bottom, left, right = self.boxes[:, number].tolist()
        runs = self._by_region[self._firsts[number] : self._firsts[number + 1]]
        rows = self.starts[runs] // (self.shape[1] + 1)
        moved = (rows - top) * (right - left + 1) - rows * (self.shape[1] + 1) - left
        inside = _painted(self.starts[runs] + moved, self.ends[runs] + moved, (bottom - top, right - left))
        return slice(top, bottom), slice(left, right), inside

    @cached_property
    def _by_region(self) -> Integers:
        return np.argsort(self.region, kind="stable")

    @cached_property
    def _firsts(self) -> Integers:
        return np.concatenate([[0], np.cumsum(np.bincount(self.region, minlength=self.count))])


def label(mask: NDArray[np.bool_]) -> Labelling:
    """The regions of a mask (h, w) bool. Takes room for its runs alone, not for a number a pixel."""
    height, width = mask.shape
    line = width + 1
    places = np.concatenate([np.empty(0, np.int64), *_changes(mask)])
    starts, ends = places[::2], places[1::2]
    # In the row below a run touches those from the first that ends at its beginning or behind, to the last
    # that begins at its end or before.
    first = np.searchsorted(ends, starts + line)
    touching = np.maximum(np.searchsorted(starts, ends + line, side="right") - first, 0)
    above = np.repeat(np.arange(starts.size), touching)
    below = np.arange(above.size) + np.repeat(first - (np.cumsum(touching) - touching), touching)
    count, region = connected(starts.size, np.stack([above, below]))
    return Labelling((height, width), starts, ends, region, count)


def _changes(mask: NDArray[np.bool_]) -> Iterator[Integers]:
    """The places at which runs begin and end, by turns."""
    height, width = mask.shape
    rows = max(1, _BLOCK // (width + 1))
    for top in range(0, height, rows):
        part = mask[top : top + rows]
        if not part.any():
            continue
        changed = np.empty((len(part), width + 1), np.bool_)
        changed[:, 0], changed[:, -1] = part[:, 0], part[:, -1]
        np.not_equal(part[:, 1:], part[:, :-1], out=changed[:, 1:-1])
        yield np.flatnonzero(changed) + top * (width + 1)


def _painted(starts: Integers, ends: Integers, shape: tuple[int, int]) -> NDArray[np.bool_]:
    height, width = shape
    found = np.zeros(height * (width + 1), np.int8)
    found[starts], found[ends] = 1, -1
    np.cumsum(found, dtype=np.int8, out=found)
    return found.view(np.bool_).reshape(height, width + 1)[:, :width]
