"""The pictures of a report, each small: the photograph, its scores in the fixed colours, what is marked.

Made smaller, a score map keeps the largest score of the pixels that become one: a mark that is in the results
is in the picture, however small it is.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obftnet.imaging.overlay import draw_overlay, grown
from obftnet.imaging.picture import Picture
from obftnet.imaging.resize import resize_image
from obftnet.reporting.colors import laid_over

_Value = TypeVar("_Value", np.float32, np.bool_)

#: Where there is neither photograph nor overlay.
_GREY = np.float32(0.8)
#: Between close-up and overview, pixels.
_GAP = 4
#: A photograph of more than so many times the picture's side has a close-up of its own pixels.
_LARGER = 1.5


@dataclass(frozen=True)
class Seen:
    """What there is of an image to draw; each map (h, w), None where it is not there.

    size: (h, w). base: photograph, or the overlay where that is gone (`is_overlay`). score: 0..1. mask: what
    is marked. best: which kind of defect a pixel shows. truth: where a defect is.
    """

    size: tuple[int, int]
    base: Picture | None = None
    is_overlay: bool = False
    score: NDArray[np.float32] | None = None
    mask: NDArray[np.bool_] | None = None
    best: NDArray[np.uint8] | None = None
    truth: NDArray[np.bool_] | None = None


def draw_overview(
    seen: Seen, side: int, threshold: float, window: tuple[slice, slice] | None = None
) -> NDArray[np.uint8]:
    """The whole image with its scores, marks and truth, its longer side `side` pixels: (h, w, 3).

    Args:
        seen: what to draw.
        side: pixels.
        threshold: of the colours.
        window: a part that is framed.
    """
    height, width = seen.size
    scale = side / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    canvas = np.full((*size, 3), _GREY) if seen.base is None else _shrunk(seen.base, size)
    if seen.score is not None:
        canvas = laid_over(canvas, largest(seen.score, size), threshold)
    if seen.truth is not None:
        truth = largest(seen.truth, size)
        line = grown(truth, 1) & ~truth
        canvas[grown(line, 1) & ~truth] = 0
        canvas[line] = 1
    mask = np.zeros(size, np.bool_)
    best = None
    if seen.mask is not None and not seen.is_overlay:
        mask = largest(seen.mask, size)
        if seen.best is not None:
            best = np.zeros(size, np.uint8)
            for kind in np.unique(seen.best[seen.mask]):
                best[largest(seen.mask & (seen.best == kind), size)] = kind
    drawn = draw_overlay(canvas, mask, np.zeros(size, np.float32), best)
    if window is not None:
        ends = [
            (
                int(part.start * scale),
                min(length, max(int(part.start * scale) + 1, round(part.stop * scale))) - 1,
            )
            for part, length in zip(window, size, strict=True)
        ]
        _frame(drawn, ends)
    return drawn


def draw_pair(seen: Seen, side: int, threshold: float, *, on_truth: bool = False) -> NDArray[np.uint8]:
    """Left what the camera saw, right the overview: (h, w, 3).

    Left is the photograph, without anything drawn in: of a large one the pixels around its highest score,
    one for one, and the overview has a frame there. Without a photograph there is the overview alone.

    Args:
        seen: what to draw.
        side: of each of the two, pixels.
        threshold: of the colours.
        on_truth: the close-up is of the annotated defect.
    """
    if seen.base is None or seen.is_overlay:
        return draw_overview(seen, side, threshold)
    window = None
    if max(seen.size) > _LARGER * side:
        window = _around(_focus(seen, on_truth), seen.size, side)
    right = draw_overview(seen, side, threshold, window)
    if window is None:
        left = np.rint(_shrunk(seen.base, right.shape[:2]) * 255).astype(np.uint8)
    else:
        left = np.rint(seen.base[window].floats() * 255).astype(np.uint8)
    height = max(left.shape[0], right.shape[0])
    both = np.full((height, left.shape[1] + _GAP + right.shape[1], 3), 255, np.uint8)
    for part, start in ((left, 0), (right, left.shape[1] + _GAP)):
        top = (height - part.shape[0]) // 2
        both[top : top + part.shape[0], start : start + part.shape[1]] = part
    return both


def largest(values: NDArray[_Value], size: tuple[int, int]) -> NDArray[_Value]:
    """(h, w) at another size, each pixel the largest of those that it stands for."""
    for axis, length in enumerate(size):
        starts = np.arange(length) * values.shape[axis] // length
        values = np.maximum.reduceat(values, starts, axis=axis)
    return values


def data_uri(pixels: NDArray[np.uint8], quality: int) -> str:
    """(h, w, 3) as a WebP picture within an address."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _shrunk(picture: Picture, size: tuple[int, int]) -> NDArray[np.float32]:
    return np.ascontiguousarray(resize_image(picture, size).transpose(1, 2, 0))


def _focus(seen: Seen, on_truth: bool) -> tuple[int, int]:
    """The pixel that the close-up is of."""
    within = seen.mask
    if on_truth and seen.truth is not None and seen.truth.any():
        within = seen.truth
    if within is None or not within.any():
        within = None
    if seen.score is not None:
        score = seen.score if within is None else np.where(within, seen.score, -1)
        return _place(int(score.argmax()), seen.size)
    if within is not None:
        inside = np.flatnonzero(within)
        return _place(int(inside[inside.size // 2]), seen.size)
    return seen.size[0] // 2, seen.size[1] // 2


def _place(index: int, size: tuple[int, int]) -> tuple[int, int]:
    return index // size[1], index % size[1]


def _around(pixel: tuple[int, int], size: tuple[int, int], side: int) -> tuple[slice, slice]:
    """The square of a side around a pixel, as far as the image goes."""
    parts = []
    for middle, length in zip(pixel, size, strict=True):
        extent = min(side, length)
        start = min(max(0, middle - extent // 2), length - extent)
        parts.append(slice(start, start + extent))
    return parts[0], parts[1]


def _frame(drawn: NDArray[np.uint8], ends: Sequence[tuple[int, int]]) -> None:
    """A white line from the first to the last row and column, and a black one around it."""
    (top, bottom), (left, right) = ends
    height, width = drawn.shape[:2]
    for out, shade in ((1, 0), (0, 255)):
        rows = [place for place in (top - out, bottom + out) if 0 <= place < height]
        columns = [place for place in (left - out, right + out) if 0 <= place < width]
        drawn[rows, max(0, left - out) : right + out + 1] = shade
        drawn[max(0, top - out) : bottom + out + 1, columns] = shade
