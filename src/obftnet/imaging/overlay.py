"""A picture that shows a person where the defect is and what it looks like."""

import numpy as np
from numpy.typing import NDArray

_DEFECT = np.array([255, 0, 220], dtype=np.float32)  # magenta: rare in materials, seen by the colour-blind
_RIM = np.array([0, 0, 0], dtype=np.float32)
_FILL = 0.12  # opacity: the defect must stay visible beneath


def draw_overlay(
    image: NDArray[np.float32], mask: NDArray[np.bool_], score: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """Draw a mask over its image: a bright outline with a dark rim around it, and a faint fill.

    The outline lies just outside the mask, so that it hides none of the defect; its thickness grows with the
    image (1 pixel at 256, 4 at 1024).

    Args:
        image: (h, w, 3), 0..1.
        mask: (h, w), True on the defect.
        score: (h, w), 0..1; where given, the fill is the fainter the lower the score.

    Returns:
        (h, w, 3) uint8.

    Raises:
        ValueError: shapes that do not agree.
    """
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image of shape {image.shape}; (h, w, 3) is wanted")
    for name, other in (("mask", mask), ("score", score)):
        if other is not None and other.shape != image.shape[:2]:
            raise ValueError(f"{name} of shape {other.shape} on an image of {image.shape[:2]}")
    # In place throughout: of a large photograph in float there is room for one more, not for four.
    canvas = np.clip(image, 0, 1).astype(np.float32, copy=False)
    canvas *= 255
    if mask.any():
        opacity = np.full(mask.shape, _FILL, np.float32) if score is None else _FILL * np.clip(score, 0, 1)
        opacity = np.where(mask, opacity, 0).astype(np.float32, copy=False)
        for channel, color in enumerate(_DEFECT):
            canvas[:, :, channel] *= 1 - opacity
            canvas[:, :, channel] += color * opacity
        thickness = max(1, round(min(mask.shape) / 256))
        line = _grown(mask, thickness)
        canvas[_grown(line, max(1, thickness // 2)) & ~line] = _RIM
        canvas[line & ~mask] = _DEFECT
    return np.rint(canvas, out=canvas).astype(np.uint8)


def _grown(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
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
