"""Writing pictures and score maps, each whole or not at all."""

from collections.abc import Iterable
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from obftnet.errors import InputError
from obftnet.files import atomic, check_output

#: Stands in every picture that is drawn into a file of the user's naming: only such may be replaced.
MARK = {"Software": "obftnet"}

#: Of zlib, 0 to 9.
_LEVEL = 6


def check_picture(path: str | Path, inputs: Iterable[str | Path]) -> None:
    """Find out before the work whether a PNG may be written.

    Args:
        path: of the picture.
        inputs: files that are read.

    Raises:
        InputError: another ending than .png; a file in the place that is read or that we did not draw; or
            nothing can be written there.
    """
    path = Path(path)
    check_output(path, inputs)
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: a PNG is written, and its name says another kind; name it .png")
    if path.exists():
        try:
            with Image.open(path, formats=("PNG",)) as found:
                ours = found.info.get("Software") == MARK["Software"]
        except (OSError, ValueError, SyntaxError):
            ours = False
        if not ours:
            raise InputError(
                f"{path}: not a picture that obftnet drew, and would be overwritten; name another file"
            )


def write_png(path: str | Path, pixels: NDArray[np.uint8]) -> None:
    """Write (h, w) or (h, w, 3) uint8 as PNG, atomically.

    Raises:
        InputError: it cannot be written. ValueError: another shape or dtype.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"{pixels.dtype} of shape {pixels.shape}; uint8 (h, w) or (h, w, 3) is wanted")
    # Not by Pillow, which copies a photograph's pixels, four bytes each, before it writes them.
    with atomic(path) as temporary:
        temporary.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=_LEVEL))


def write_score(path: str | Path, score: NDArray[np.float32]) -> None:
    """Write (h, w) float32 as a one-page TIFF, atomically and without loss.

    Raises:
        InputError: it cannot be written. ValueError: another shape or dtype.
    """
    if score.dtype != np.float32 or score.ndim != 2:
        raise ValueError(f"{score.dtype} of shape {score.shape}; float32 (h, w) is wanted")
    with atomic(path) as temporary:
        tifffile.imwrite(temporary, score, photometric="minisblack", metadata=None)
