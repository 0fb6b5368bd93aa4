"""Connected regions of a mask, and what is known of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError
from obftnet.kinds import DEFAULT_KIND
from obftnet.regions.geometry import length, orientation, outline, width
from obftnet.regions.labelling import label


@dataclass(frozen=True)
class Region:
    """Pixels of a mask that touch each other by a side or a corner.

    kind: of defect. area: pixels. box: (x, y, width, height), pixels, x and y of its upper left pixel.
    center: (x, y) mean of its pixels; a pixel's own is its place, (0, 0) that of the upper left one.
    length, width, orientation: as `regions.geometry`, pixels and degrees.
    mean_score, largest_score: of its pixels, 0..1.
    runs: lengths of the runs of the whole image, down one column after the other, of pixels that are not the
        region's and that are, by turns, those that are not first.
    """

    kind: str
    area: int
    box: tuple[int, int, int, int]
    center: tuple[float, float]
    length: float
    width: float
    orientation: float
    mean_score: float
    largest_score: float
    runs: tuple[int, ...]


@dataclass(frozen=True)
class ImageRegions:
    """The regions of one image.

    image: what it is called in files. height, width: pixels. scale: pixels a millimetre, None where it is not
    known.

    Raises:
        InputError: a scale that is not a finite number above 0.
    """

    image: str
    height: int
    width: int
    regions: list[Region]
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.scale is not None and not 0 < self.scale < float("inf"):
            raise InputError(f"the scale must be a finite number above 0 pixels a mm, got {self.scale}")


def find_regions(
    mask: NDArray[np.bool_],
    score: NDArray[np.floating],
    kind: str | Sequence[str] = DEFAULT_KIND,
    best: NDArray[np.uint8] | None = None,
) -> list[Region]:
    """The regions of a mask, in the order of their first pixels, row by row.

    Args:
        mask: (h, w) bool.
        score: (h, w) in 0..1.
        kind: of all of them; or the names of several kinds, with `best`.
        best: (h, w) uint8, which of the kinds a pixel shows. A region is of the kind that most of its pixels
            are of, the first of several as many: what touches is one region, whatever its pixels show.

    Raises:
        ValueError: the shapes differ; or several kinds, and it is not said which where.
    """
    if mask.shape != score.shape or (best is not None and best.shape != mask.shape):
        others = [f"score {score.shape}", *([] if best is None else [f"best {best.shape}"])]
        raise ValueError(f"mask {mask.shape} and {' and '.join(others)} must have one shape")
    names = [kind] if isinstance(kind, str) else list(kind)
    if best is None and len(names) != 1:
        raise ValueError(f"{len(names)} kinds, and no map that says which a pixel shows")
    found = []
    labelling = label(mask)
    for number in range(labelling.count):
        rows, columns, inside = labelling.part(number)
        y, x = np.nonzero(inside)
        scores = score[rows, columns][inside]
        which = 0 if best is None else int(np.bincount(best[rows, columns][inside]).argmax())
        corners = outline(inside)
        found.append(
            Region(
                kind=names[which],
                area=y.size,
                box=(columns.start, rows.start, inside.shape[1], inside.shape[0]),
                center=(columns.start + float(x.mean()), rows.start + float(y.mean())),
                length=length(corners),
                width=width(corners),
                orientation=orientation(y, x),
                mean_score=float(scores.mean(dtype=np.float64)),
                largest_score=float(scores.max()),
                runs=_runs(y + rows.start, x + columns.start, mask.shape),
            )
        )
    return found


def marked(regions: Iterable[Region], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask (h, w) of regions.

    Raises:
        ValueError: their runs are of another size.
    """
    mask = np.zeros(shape, np.bool_)
    for region in regions:
        inside = np.repeat(np.arange(len(region.runs)) % 2 == 1, region.runs)
        if inside.size != mask.size:
            raise ValueError(f"runs of {inside.size} pixels for an image of {mask.size}")
        mask |= inside.reshape(shape[1], shape[0]).T
    return mask


def mask_runs(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    """All that a mask (h, w) marks as `Region.runs`.

    >>> mask_runs(np.array([[False, True], [True, True]])), mask_runs(np.zeros((2, 3), bool))
    ((1, 3), (6,))
    """
    rows, columns = np.nonzero(mask)
    return _runs(rows, columns, mask.shape) if rows.size else (mask.size,)


def _runs(rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, ...]) -> tuple[int, ...]:
    """As `Region.runs`, of pixels (n,) in an image (h, w)."""
    height, width = shape
    places = np.sort(columns * height + rows)
    starts = np.flatnonzero(np.diff(places, prepend=-2) != 1)
    firsts, lengths = places[starts], np.diff(np.append(starts, places.size))
    ends = firsts + lengths
    runs = np.stack([firsts - np.concatenate([[0], ends[:-1]]), lengths], 1).ravel().tolist()
    rest = height * width - int(ends[-1])
    return tuple([*runs, rest] if rest else runs)
