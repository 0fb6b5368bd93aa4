"""Which kind of defect a pixel is most like, as a small PNG: what `decide` needs beside the score."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from obftnet.errors import InputError
from obftnet.files import atomic
from obftnet.imaging.overlay import kind_color
from obftnet.imaging.read import read_labels


def write_kind_map(path: str | Path, best: NDArray[np.uint8], kinds: Sequence[str]) -> None:
    """Write which of the kinds has the largest score of each pixel, whole or not at all.

    The palette's index 1 is the first kind, in the colours of overlays; all pixels have one, whether they are
    marked or not, so that another decision needs no other file. Texts in the file name the kinds.

    Args:
        path: of the PNG.
        best: (h, w) uint8, which of `kinds`.
        kinds: their names.

    Raises:
        InputError: it cannot be written.
    """
    palette = [0, 0, 0, *(value for kind in range(len(kinds)) for value in kind_color(kind))]
    image = Image.fromarray(best + np.uint8(1), "L")
    image.putpalette(palette)
    texts = PngInfo()
    for index, kind in enumerate(kinds, start=1):
        texts.add_itxt(f"Kind {index}", kind)
    with atomic(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=texts)


def read_kind_map(path: str | Path, shape: tuple[int, int], kinds: int) -> NDArray[np.uint8]:
    """What `write_kind_map` wrote of so many kinds.

    Returns:
        (h, w) uint8, which of the kinds.

    Raises:
        InputError: it cannot be read, is of another size, or has a kind that there is not.
    """
    labels = read_labels(path)
    if labels.shape != shape:
        found, wanted = (f"{width} x {height}" for height, width in (labels.shape, shape))
        raise InputError(f"{path}: a map of kinds of {found} pixels; {wanted} are wanted")
    low, high = int(labels.min()), int(labels.max())
    if low < 1 or high > kinds:
        raise InputError(f"{path}: kinds {low} to {high}; a map of kinds 1 to {kinds} is wanted")
    return (labels - 1).astype(np.uint8)
