"""The highest level of a score map at which a region of the least size is left: exact, and fast.

How large the largest region is can only grow as the level falls, so the level is found by bisection over the
scores. Two things keep that short: levels are tried from the top, a few pixels first; and once few scores are
left between the bounds, the map is replaced by the graph of its regions, which every step about halves.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from obftnet.regions.geometry import length, outline
from obftnet.regions.labelling import Labelling, connected, label

#: One in so many pixels may be undecided when the map becomes a graph: a larger graph costs more to make than
#: the steps on the map that it saves.
_FEW = 16


#: Pixels that are looked at at once.
_WINDOW = 1 << 21


class Size(NamedTuple):
    """The least size of a region in pixels, as `Decision` has it."""

    area: float
    length: float


def drop_small(mask: NDArray[np.bool_], size: Size) -> None:
    """Take the regions that are too small out of a mask (h, w) bool, in place."""
    for rows, seen in _windows(mask.shape, size):
        if mask[rows].any():
            # What the rows above have lost was too small with what they still share.
            found, keep = _label(mask[seen], size)
            mask[rows] = found.marked(keep)[rows.start - seen.start : rows.stop - seen.start]


def highest_level(score: NDArray[np.floating], size: Size) -> float:
    """The largest v such that the pixels of score >= v have a region of the least size; 0 for no such v.

    Args:
        score: (h, w) in 0..1.
        size: of the region.
    """
    highest = 0.0
    for _, seen in _windows(score.shape, size):
        part = score[seen]
        if part.max() > highest:
            highest = max(highest, _highest(part, size))
    return highest


def _windows(shape: tuple[int, ...], size: Size) -> Iterator[tuple[slice, slice]]:
    """Rows of an image (h, w), some after the others; and these with as many around them as a region of the
    least size can need.

    A connected region of so many rows is large enough, since it has a pixel in each of them at least; so is
    what of it crosses them. So what is seen of a region in such a window is large enough exactly where all of
    it is, and of a large one enough is in one window. Copies of the scores take four times what a mask takes,
    and of all of a large photograph there is no room for those.
    """
    height, width = shape
    around = min(height, int(np.ceil(max(size.area, size.length, 1))))
    rows = max(_WINDOW // width, 4 * around)
    for start in range(0, height, rows):
        stop = min(height, start + rows)
        yield slice(start, stop), slice(max(0, start - around), min(height, stop + around))


def _highest(score: NDArray[np.floating], size: Size) -> float:
    """As `highest_level`, of all of the map at once."""
    least = max(1, int(np.ceil(size.area)))
    if least > score.size:
        return 0.0
    # The first levels to try: so high that `least`, four times as many, ... pixels reach them.
    ranks = [least]
    while ranks[-1] * 4 < score.size:
        ranks.append(ranks[-1] * 4)
    places = [score.size - rank for rank in ranks] + [0]
    ordered = np.partition(score, places, axis=None)
    high = np.inf
    for place in places:
        level = ordered[place]
        if level < high:
            part = _box(score >= level)
            found, keep = _promising(score[part] >= level, size)
            if keep.any():
                return _between(np.where(found.marked(keep), score[part], -1), level, high, size)
            high = level
    return 0.0


def _between(score: NDArray[np.floating], low: float, high: float, size: Size) -> float:
    """The level, of which low <= level < high is known; score is -1 outside the regions at `low`."""
    score = score[_box(score >= low)]
    left = score[(score > low) & (score < high)]
    while left.size:
        if left.size * _FEW < score.size and size.length <= 1:
            return _on_graph(score, low, high, size.area)
        level = _median(left)
        reached = score >= level
        part = _box(reached)
        found, keep = _promising(reached[part], size)
        if keep.any():
            low, score = level, np.where(found.marked(keep), score[part], -1)
            score = score[_box(score >= low)]
            left = score[(score > low) & (score < high)]
        else:
            high = level
            left = left[left < high]
    return float(low)


def _on_graph(score: NDArray[np.floating], low: float, high: float, area: float) -> float:
    """As `_between`, by a graph whose nodes are the regions at `high` and the single pixels below it."""
    above = label(score >= high)
    nodes, count = above.numbers(), above.count
    single = (score >= low) & (score < high)
    nodes[single] = np.arange(count + 1, count + 1 + np.count_nonzero(single))
    areas = np.bincount(nodes[nodes > 0] - 1).astype(np.float64)
    levels = np.concatenate([np.full(count, high, score.dtype), score[single]])
    ends = []
    for ahead, behind in (
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[1:, 1:], np.s_[:-1, :-1]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        one, other = nodes[ahead], nodes[behind]
        touching = (single[ahead] & (other > 0)) | (single[behind] & (one > 0))
        ends.append(np.stack([one[touching], other[touching]]) - 1)
    edges = np.concatenate(ends, axis=1).astype(np.int64)
    while True:
        left = levels[(levels > low) & (levels < high)]
        if not left.size:
            return float(low)
        level = _median(left)
        reached = levels >= level
        within = edges[:, reached[edges].all(0)]
        count, region = connected(levels.size, within)
        sums = np.bincount(region[reached], areas[reached], minlength=count)
        if (sums >= area).any():
            # Nothing but the pixels of these regions can be part of one at a higher level.
            low, kept = level, reached & (sums >= area)[region]
            renamed = np.cumsum(kept) - 1
            edges = renamed[edges[:, kept[edges].all(0)]]
            areas, levels = areas[kept], levels[kept]
        else:
            # What is connected at this level is so at all that are left: each such region becomes one node.
            high = level
            joined = np.full(count, -1.0, levels.dtype)
            np.maximum.at(joined, region, np.minimum(levels, level))
            edges = region[edges]
            edges = edges[:, edges[0] != edges[1]]
            levels, areas = joined, np.bincount(region, areas, minlength=count).astype(np.float64)


def _label(mask: NDArray[np.bool_], size: Size) -> tuple[Labelling, NDArray[np.bool_]]:
    """The regions of a mask (h, w), and (count,) whether each is large enough."""
    found, keep, unsure = _bounded(mask, size)
    for number in unsure:
        keep[number] = _long(found, number, size)
    return found, keep


def _promising(mask: NDArray[np.bool_], size: Size) -> tuple[Labelling, NDArray[np.bool_]]:
    """As `_label` where no region is large enough; else some that are too small may be among those kept."""
    found, keep, unsure = _bounded(mask, size)
    if keep.any() or any(_long(found, number, size) for number in unsure):
        keep[unsure] = True
    return found, keep


def _bounded(mask: NDArray[np.bool_], size: Size) -> tuple[Labelling, NDArray[np.bool_], list[int]]:
    """As `_label`, but for the regions whose length their box leaves open, which are listed."""
    found = label(mask)
    # Of n pixels in a diagonal row the length is below 1.5 n.
    keep = found.areas >= max(size.area, size.length / 1.5, 1)
    if size.length <= 1 or not keep.any():
        return found, keep, []
    top, bottom, left, right = found.boxes
    height, width = bottom - top, right - left
    long = np.maximum(height, width) >= size.length
    unsure = keep & ~long & (np.hypot(height, width) >= size.length)
    return found, keep & long, np.flatnonzero(unsure).tolist()


def _long(found: Labelling, number: int, size: Size) -> bool:
    return length(outline(found.part(number)[2])) >= size.length


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns that hold all of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _median(values: NDArray[np.floating]) -> float:
    middle = values.size // 2
    return np.partition(values, middle)[middle]  # type: ignore[no-any-return]
