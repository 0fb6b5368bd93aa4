"""Whether images are looked at as a whole or in tiles, by how large the annotated defects are in them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from obftnet import wording
from obftnet.errors import InputError
from obftnet.imaging.read import ImageSource, as_picture
from obftnet.imaging.tiles import corners
from obftnet.inputs import MIN_TILE, SupportPair, check_tile, marked_by, of_interest, support_names
from obftnet.regions.labelling import label

Tile: TypeAlias = int | Literal["auto"] | None
"""Side in pixels of the tiles that images are looked at in; None for images as a whole; "auto" for what the
supports' defects ask for (`plan_tiles`)."""

#: Pixels of the network's input that the side of a defect's square should span (docs/performance.md).
SEEN = 16
#: Looks at an image of the plan's shape, and so times the time of one, that nobody is given unasked.
MOST_LOOKS = 36
#: Sides of tiles are multiples of it, pixels.
_STEP = 32


@dataclass(frozen=True)
class TilePlan:
    """How images like the supports are looked at.

    defect: side in pixels of a square as large as the defect that decided. shape: (h, w) of its image.
    tile: side of the tiles, pixels; None for the whole. finer: side of tiles that would show the defect as
    large as wanted and cost more than `MOST_LOOKS`; None where there are none.

    >>> print(TilePlan(11, (1200, 1600), 512))
    defects of 11 px in 1600: tiles of 512, 12 looks an image
    """

    defect: float
    shape: tuple[int, int]
    tile: int | None
    finer: int | None = None

    @property
    def looks(self) -> int:
        """How often the network looks at an image of this shape."""
        return 1 if self.tile is None else _looks(self.shape, self.tile)

    def __str__(self) -> str:
        of = {"defect": f"{self.defect:.0f}", "side": max(self.shape)}
        if self.tile is None:
            return wording.PLAN_WHOLE(**of)
        said = wording.PLAN_TILES(**of, tile=self.tile, looks=self.looks)
        if self.finer is None:
            return said
        return wording.PLAN_FINER(plan=said, finer=self.finer, looks=_looks(self.shape, self.finer))


def check_tiling(tile: SupportsIndex | str | None) -> Tile:
    """As `inputs.check_tile`, or "auto". Raises InputError where it is none of these."""
    if isinstance(tile, str):
        if tile == "auto":
            return "auto"
        raise InputError(f"tile {tile!r}: a number of pixels, auto or none is wanted")
    return check_tile(tile)


def defect_size(mask: NDArray[np.bool_]) -> float:
    """Side in pixels of a square as large as the largest region of a mask (h, w), True somewhere."""
    return math.sqrt(int(label(mask).areas.max()))


def plan_tiles(
    supports: Mapping[str, Sequence[SupportPair]],
    backgrounds: Iterable[ImageSource],
    size: int,
    interest: NDArray[np.bool_] | None = None,
) -> TilePlan:
    """How images like these are best looked at.

    The support whose defect is the smallest share of its image decides; of a mask of several regions the
    largest counts, so that a slip of the brush does not. As a whole, where the network sees about `SEEN`
    pixels of it; else in the largest tiles in which it does, but in `MOST_LOOKS` at most, in none smaller
    than the network's input, which real photographs do not gain by, and in none larger than an image of the
    guidance.

    Args:
        supports: (image, mask) pairs by the names of their kinds.
        backgrounds: good images.
        size: side of the network's input, pixels.
        interest: (h, w) bool, where defects are looked for; None for everywhere.

    Raises:
        InputError: an image or mask that cannot be used, a mask that marks nothing of interest.
    """
    names = support_names(supports)
    pairs = [pair for found in supports.values() for pair in found]
    seen = []
    for name, (image, mask) in zip(names, pairs, strict=True):
        picture = as_picture(image, name)
        marked = of_interest(marked_by([mask], picture), interest, picture)
        seen.append((defect_size(marked), picture.shape))
    shapes = [shape for _, shape in seen]
    shapes += [as_picture(image, f"background {index}").shape for index, image in enumerate(backgrounds)]
    defect, shape = min(seen, key=lambda one: one[0] / max(one[1]))
    return plan_for(defect, shape, min(map(max, shapes)), size)


def plan_for(defect: float, shape: tuple[int, int], least: int, size: int) -> TilePlan:
    """The plan for a defect of some pixels in an image (h, w).

    Args:
        defect: side of its square, pixels.
        shape: of the image.
        least: the shortest of the guidance's images' longer sides, pixels.
        size: side of the network's input, pixels.
    """
    wanted = max(MIN_TILE, size, int(defect * size / SEEN) // _STEP * _STEP)
    side = wanted
    while _looks(shape, side) > MOST_LOOKS:
        side += _STEP
    # Tiles little smaller than the image show little more, and cost four times as much.
    if 4 * side > 3 * min(least, max(shape)):
        return TilePlan(defect, shape, None)
    return TilePlan(defect, shape, side, None if side == wanted else wanted)


def _looks(shape: tuple[int, int], side: int) -> int:
    return len(corners((max(shape[0], side), max(shape[1], side)), side))
