"""A picture that shows a person where the defect is and what it looks like."""

import colorsys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from obftnet.imaging.picture import Picture

#: Of the first kinds of defect. Rare in materials, told apart by the colour-blind, magenta most of all.
_COLORS = ((255, 0, 220), (0, 220, 255), (255, 225, 0), (70, 90, 255), (0, 230, 90), (255, 120, 0))
#: Turns of the hue from one further kind to the next: the golden section spreads any number of them.
_TURN = 0.618034
_RIM = np.array([0, 0, 0], dtype=np.float32)
_FILL = 0.12  # opacity: the defect must stay visible beneath
_STRIP = 1 << 19  # pixels that are drawn on at a time


def kind_color(kind: int) -> tuple[int, int, int]:
    """Red, green and blue, 0..255, of what is marked as the first kind of defect (0), the second, ..."""
    if kind < len(_COLORS):
        return _COLORS[kind]
    red, green, blue = colorsys.hsv_to_rgb((kind * _TURN) % 1, 0.75, 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_overlay(
    image: NDArray[np.float32] | Picture,
    mask: NDArray[np.bool_],
    score: NDArray[np.float32] | None = None,
    best: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Draw a mask over its image: a bright outline with a dark rim around it, and a faint fill.

    The outline lies just outside the mask, so that it hides none of the defect; its thickness grows with the
    image (1 pixel at 256, 4 at 1024).

    Args:
        image: (h, w, 3), 0..1; or a picture.
        mask: (h, w), True on the defect.
        score: (h, w), 0..1; where given, the fill is the fainter the lower the score.
        best: (h, w) uint8, which kind of defect a pixel shows; each has a colour of its own. None for one.

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: shapes that do not agree.
    """
    return np.concatenate(list(overlay_strips(image, mask, score, best)))


def overlay_strips(
    image: NDArray[np.float32] | Picture,
    mask: NDArray[np.bool_],
    score: NDArray[np.float32] | None = None,
    best: NDArray[np.uint8] | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """`draw_overlay` a few rows at a time: of a large photograph there is no room for a whole one more."""
    if not isinstance(image, Picture) and (image.ndim != 3 or image.shape[2] != 3):
        raise ValueError(f"image of shape {image.shape}; (h, w, 3) is wanted")
    height, width = image.shape[:2]
    for name, other in (("mask", mask), ("score", score), ("best", best)):
        if other is not None and other.shape != (height, width):
            raise ValueError(f"{name} of shape {other.shape} on an image of {(height, width)}")
    thickness = max(1, round(min(height, width) / 256))
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        strip = slice(top, min(height, top + rows))
        part = image[strip]
        canvas = part.floats() if isinstance(part, Picture) else np.array(part, np.float32)
        opacity = np.float32(_FILL) if score is None else _FILL * np.clip(score[strip], 0, 1)
        drawn = _strip(canvas, mask, best, strip, np.asarray(opacity, np.float32), thickness)
        yield drawn.astype(np.uint8)


def _strip(
    canvas: NDArray[np.float32],
    mask: NDArray[np.bool_],
    best: NDArray[np.uint8] | None,
    strip: slice,
    opacity: NDArray[np.float32],
    thickness: int,
) -> NDArray[np.float32]:
    """Rows (h, w, 3) of an image in 0..1 with what of the whole mask is seen in them, in 0..255."""
    rim = max(1, thickness // 2)
    above = min(strip.start, thickness + rim)
    rows = slice(strip.start - above, strip.stop + thickness + rim)
    near = mask[rows]
    inside = slice(above, above + len(canvas))
    np.clip(canvas, 0, 1, out=canvas)
    canvas *= 255
    if near.any():
        marked = near[inside]
        fill = np.where(marked, opacity, np.float32(0))
        line = grown(near, thickness)
        outer = grown(line, rim) & ~line
        for kind in [0] if best is None else np.unique(best[rows][near]):
            shown = near if best is None else near & (best[rows] == kind)
            color = np.array(kind_color(int(kind)), np.float32)
            inner = fill if best is None else np.where(shown[inside], fill, np.float32(0))
            for channel, value in enumerate(color):
                canvas[:, :, channel] *= 1 - inner
                canvas[:, :, channel] += value * inner
            canvas[grown(shown, thickness)[inside] & ~marked] = color
        canvas[outer[inside]] = _RIM
    return np.rint(canvas, out=canvas)


def grown(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """(h, w) dilated by a square of side 2 radius + 1."""
    grown = mask
    for axis in (0, 1):
        reach = 0
        while reach < radius:
            # Moved by no more than one pixel further than it reaches, it leaves no gap, at an edge neither.
            step = min(reach + 1, radius - reach)
            lines = np.moveaxis(grown, axis, 0)
            grown = grown.copy()
            moved = np.moveaxis(grown, axis, 0)
            moved[step:] |= lines[:-step]
            moved[:-step] |= lines[step:]
            reach += step
    return grown
