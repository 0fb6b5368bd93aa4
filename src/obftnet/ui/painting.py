"""Masks painted as strokes: vectors in the image's own pixels, drawn here and nowhere else.

Coordinates are continuous, x to the right and y down; a pixel's centre lies at (column + 0.5, row + 0.5), and
a pixel is painted when its centre is (`annotations.raster`). What is painted is held in small tiles that are
there only where something is, so that an image of any size costs what was painted on it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from obftnet.annotations.raster import fill
from obftnet.errors import InputError
from obftnet.ui import lines

#: Side of a tile of what is painted, pixels.
SIDE = 256
#: Coarsest level that is shown: of 2^8 pixels a side to one.
MAX_LEVEL = 8

NOTHING, DEFECT, IGNORED = 0, 1, 2
Labels = NDArray[np.uint8]
Size = tuple[int, int]
_Tiles = Mapping[tuple[int, int], Labels]
Coordinate = float


class Stroke(BaseModel):
    """One thing that was done.

    tool: "brush" along `points` with `radius`; "polygon" with these corners; "fill" of what encloses the one
        point; "mask", the file `mask` in the place of all that has this value; "clear", of all.
    value: what is painted: 0 nothing, 1 defect, 2 neither defect nor good.
    points: (x, y) in pixels of the image. radius: pixels. mask: SHA-256 of what a mask made elsewhere marks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    tool: Literal["brush", "polygon", "fill", "mask", "clear"]
    value: Literal[0, 1, 2] = 1
    points: tuple[tuple[Coordinate, Coordinate], ...] = Field(default=(), max_length=20_000)
    radius: float = Field(default=0.0, ge=0, le=5000)
    mask: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _consistent(self) -> "Stroke":
        least = {"brush": 1, "polygon": 3, "fill": 1, "mask": 0, "clear": 0}[self.tool]
        if len(self.points) < least or (least < 1 and self.points):
            raise ValueError(f"a {self.tool} with {len(self.points)} points")
        if (self.tool == "brush") != (self.radius > 0):
            raise ValueError(f"a {self.tool} with a radius of {self.radius}")
        if (self.tool == "mask") != (self.mask is not None) or (self.mask and not self.value):
            raise ValueError(f"a {self.tool} with mask {self.mask}")
        if any(abs(number) > 1e6 for point in self.points for number in point):
            raise ValueError("a point far outside of any image")
        return self


@dataclass(frozen=True)
class Painting:
    """What is painted on an image of `size` (h, w): never changed, each stroke makes a new one."""

    size: Size
    tiles: _Tiles = field(default_factory=dict, repr=False)

    def with_stroke(self, stroke: Stroke, read: Callable[[str], NDArray[np.bool_]]) -> "Painting":
        """What is painted after a stroke.

        Args:
            stroke: it.
            read: gives the mask (h, w) of a "mask" by its hash.

        Raises:
            InputError: a fill of what nothing encloses; or as `read`.
        """
        if stroke.tool == "clear":
            return Painting(self.size)
        if stroke.tool == "mask":
            assert stroke.mask is not None
            return self._with_mask(read(stroke.mask), stroke.value)
        if stroke.tool == "fill":
            return self._filled(stroke.points[0], stroke.value)
        points = np.array(stroke.points, np.float64)
        reach = stroke.radius + 1
        tiles = dict(self.tiles)
        for place in self._places(points.min(0) - reach, points.max(0) + reach):
            offset = np.array([place[1] * SIDE, place[0] * SIDE], np.float64)
            if stroke.tool == "brush":
                inside = _brushed(points - offset, stroke.radius)
            else:
                inside = fill([points - offset], (SIDE, SIDE))
            self._put(tiles, place, inside, stroke.value)
        return Painting(self.size, tiles)

    def level(self, level: int, corner: tuple[int, int], size: Size) -> Labels:
        """A part of what is painted, each of its pixels the largest label of 2^level x 2^level of the image.

        Args:
            level: 0 for the image's own pixels, at most MAX_LEVEL.
            corner: (y, x) in pixels of that level.
            size: (h, w) likewise.
        """
        step = 2**level
        cell = SIDE // step
        found = np.zeros(size, np.uint8)
        for (row, column), tile in self.tiles.items():
            top, left = row * cell - corner[0], column * cell - corner[1]
            if top >= size[0] or left >= size[1] or top + cell <= 0 or left + cell <= 0:
                continue
            small = tile.reshape(cell, step, cell, step).max((1, 3))
            rows = slice(max(0, top), min(size[0], top + cell))
            columns = slice(max(0, left), min(size[1], left + cell))
            found[rows, columns] = small[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
        return found

    def count(self, value: int) -> int:
        """How many pixels have this label, of those that are painted."""
        return sum(int(np.count_nonzero(tile == value)) for tile in self.tiles.values())

    def strips(self, value: int) -> Iterator[Labels]:
        """255 where this label is and 0 elsewhere, some rows of the image after the other."""
        for top in range(0, self.size[0], SIDE):
            height = min(SIDE, self.size[0] - top)
            rows = self.level(0, (top, 0), (height, self.size[1]))
            yield (rows == value).astype(np.uint8) * np.uint8(255)

    def shows(self, mask: NDArray[np.bool_], value: int = DEFECT) -> bool:
        """Whether this label is where a mask (h, w) is True, and nowhere else."""
        tops = range(0, self.size[0], SIDE)
        return all(
            np.array_equal(strip != 0, mask[top : top + SIDE])
            for top, strip in zip(tops, self.strips(value), strict=True)
        )

    def _with_mask(self, mask: NDArray[np.bool_], value: int) -> "Painting":
        """A mask (h, w) in the place of this label; what is the defect is not ignored."""
        other = IGNORED if value == DEFECT else DEFECT
        marked, tiles = painting_of(mask).tiles, {}
        for place in {*self.tiles, *marked}:
            tile = np.zeros((SIDE, SIDE), np.uint8)
            if place in self.tiles:
                tile[self.tiles[place] == other] = other
            if place in marked:
                tile[(marked[place] != 0) & ((tile == 0) | (value == DEFECT))] = value
            if tile.any():
                tiles[place] = tile
        return Painting(self.size, tiles)

    def _places(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
        """Tiles of the image that a box from (x, y) to (x, y) touches."""
        height, width = self.size
        left, top = (max(0, math.floor(at / SIDE)) for at in low)
        right, bottom = (
            min((length - 1) // SIDE, math.floor(at / SIDE))
            for at, length in zip(high, (width, height), strict=True)
        )
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                yield row, column

    def _put(
        self,
        tiles: dict[tuple[int, int], Labels],
        place: tuple[int, int],
        inside: NDArray[np.bool_],
        value: int,
    ) -> None:
        """Label a tile where `inside` (SIDE, SIDE), within the image."""
        inside[self.size[0] - place[0] * SIDE :] = False
        inside[:, self.size[1] - place[1] * SIDE :] = False
        if not inside.any() or (value == NOTHING and place not in tiles):
            return
        changed = tiles[place].copy() if place in tiles else np.zeros((SIDE, SIDE), np.uint8)
        changed[inside] = value
        if changed.any():
            tiles[place] = changed
        else:
            del tiles[place]

    def _filled(self, point: tuple[float, float], value: int) -> "Painting":
        from scipy import ndimage  # a slow import that most paintings have no use for

        x, y = math.floor(point[0]), math.floor(point[1])
        if not (0 <= x < self.size[1] and 0 <= y < self.size[0]):
            raise InputError(lines.FILL_OUTSIDE(x=x, y=y))
        open_ended = InputError(lines.FILL_OPEN(x=x, y=y))
        if not self.tiles:
            raise open_ended
        rows, columns = zip(*self.tiles, strict=True)
        # Beyond what is painted, by one pixel, where the image goes on: what reaches there is not enclosed.
        top, left = max(0, min(rows) * SIDE - 1), max(0, min(columns) * SIDE - 1)
        bottom = min(self.size[0], (max(rows) + 1) * SIDE + 1)
        right = min(self.size[1], (max(columns) + 1) * SIDE + 1)
        if not (top <= y < bottom and left <= x < right):
            raise open_ended
        labels = self.level(0, (top, left), (bottom - top, right - left))
        same = labels == labels[y - top, x - left]
        pieces, _ = ndimage.label(same)
        inside = pieces == pieces[y - top, x - left]
        edges = (
            (top > 0, inside[0]),
            (bottom < self.size[0], inside[-1]),
            (left > 0, inside[:, 0]),
            (right < self.size[1], inside[:, -1]),
        )
        if any(beyond and edge.any() for beyond, edge in edges) or inside.sum() * 2 > math.prod(self.size):
            raise open_ended
        tiles = dict(self.tiles)
        ys, xs = np.nonzero(inside.any(1))[0] + top, np.nonzero(inside.any(0))[0] + left
        low = np.array([xs[0], ys[0]], np.float64)
        for row, column in self._places(low, np.array([xs[-1], ys[-1]], np.float64)):
            part = np.zeros((SIDE, SIDE), np.bool_)
            y0, x0 = row * SIDE - top, column * SIDE - left
            seen = inside[max(0, y0) : y0 + SIDE, max(0, x0) : x0 + SIDE]
            part[max(0, -y0) : max(0, -y0) + len(seen), max(0, -x0) : max(0, -x0) + seen.shape[1]] = seen
            self._put(tiles, (row, column), part, value)
        return Painting(self.size, tiles)


class Progression:
    """A painting and the paintings before it, so that the next stroke and the last undo need no new start.

    What is kept is bounded: beyond the last `KEPT`, a painting is drawn again from the first stroke.
    """

    KEPT = 24

    def __init__(self, size: Size, read: Callable[[str], NDArray[np.bool_]]) -> None:
        """Of an image of (h, w), nothing painted; `read` as `Painting.with_stroke`."""
        self._read = read
        self._kept: list[tuple[tuple[Stroke, ...], Painting]] = [((), Painting(size))]

    def after(self, strokes: Sequence[Stroke]) -> Painting:
        """What is painted after these strokes, from the nearest painting that is kept.

        Raises:
            InputError: as `Painting.with_stroke`.
        """
        wanted = tuple(strokes)
        begun, painting = max(
            ((done, one) for done, one in self._kept if wanted[: len(done)] == done),
            key=lambda pair: len(pair[0]),
        )
        for index in range(len(begun), len(wanted)):
            painting = painting.with_stroke(wanted[index], self._read)
            self._kept.append((wanted[: index + 1], painting))
        first = self._kept[0]
        self._kept = [first, *self._kept[1:][-self.KEPT :]]
        return painting


def painting_of(mask: NDArray[np.bool_]) -> Painting:
    """A mask (h, w) as a painting."""
    return Painting((mask.shape[0], mask.shape[1]), dict(_cut(mask)))


def _brushed(points: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    """Pixels of a tile whose centres are within `radius` of a line through points (n, 2), (x, y) in it."""
    found = np.zeros((SIDE, SIDE), np.bool_)
    ends = points if len(points) > 1 else np.repeat(points, 2, axis=0)
    low = np.minimum(ends[:-1], ends[1:]) - radius
    high = np.maximum(ends[:-1], ends[1:]) + radius
    near = np.flatnonzero(((high > 0) & (low < SIDE)).all(1))
    for index in near:
        left, top = (max(0, math.floor(at - 0.5)) for at in low[index])
        right, bottom = (min(SIDE, math.ceil(at + 0.5)) for at in high[index])
        (x0, y0), (x1, y1) = ends[index], ends[index + 1]
        x = np.arange(left, right)[None, :] + (0.5 - x0)
        y = np.arange(top, bottom)[:, None] + (0.5 - y0)
        along, down = x1 - x0, y1 - y0
        length = along * along + down * down
        share = ((x * along + y * down) / length).clip(0, 1) if length else 0.0
        distance = (x - share * along) ** 2 + (y - share * down) ** 2
        found[top:bottom, left:right] |= distance <= radius * radius
    return found


def _cut(mask: NDArray[np.bool_]) -> Iterable[tuple[tuple[int, int], Labels]]:
    """A mask (h, w) in tiles, those where something is."""
    for top in range(0, mask.shape[0], SIDE):
        for left in range(0, mask.shape[1], SIDE):
            part = mask[top : top + SIDE, left : left + SIDE]
            if part.any():
                tile = np.zeros((SIDE, SIDE), np.uint8)
                tile[: part.shape[0], : part.shape[1]] = part
                yield (top // SIDE, left // SIDE), tile
