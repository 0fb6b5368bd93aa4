"""EXIF orientation: how a camera was held, and the pixels brought upright by it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ORIENTATION = 274
"""The number of the tag in EXIF and TIFF."""


def valid_orientation(value: object) -> int:
    """1..8 of a tag of any type, as some writers use odd ones; 1, which changes nothing, of all else."""
    if isinstance(value, tuple):
        value = value[0] if value else 1
    if isinstance(value, bytes):
        value = int.from_bytes(value.strip(b"\0") or b"\1", "little")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int(value) if isinstance(value, int | np.integer) and 1 <= value <= 8 else 1


def swaps_sides(orientation: int) -> bool:
    """Whether height and width change places."""
    return orientation >= 5


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels (h, w, ...) as the orientation 1..8 says."""
    if swaps_sides(orientation):
        pixels = pixels.swapaxes(0, 1)
    # After the transposition of 5..8: 6 still needs a left-right flip, 8 an up-down flip, 7 both.
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
