"""Writing pictures and score maps, each whole or not at all."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from obftnet.errors import InputError
from obftnet.files import atomic, check_output
from obftnet.imaging.encode import png_chunks

#: Stands in every picture that is drawn into a file of the user's naming: only such may be replaced.
MARK = {"Software": "obftnet"}

#: Samples of a strip that is encoded at a time.
_STRIP = 1 << 20


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


def write_png(path: str | Path, pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> None:
    """Write (h, w) or (h, w, 3) uint8 as PNG, atomically; of (h, w) bool, True as 255.

    Raises:
        InputError: it cannot be written. ValueError: another shape or dtype.
    """
    size, strips = _strips(pixels)
    write_png_strips(path, size, strips)


def png_bytes(pixels: NDArray[np.uint8] | NDArray[np.bool_]) -> bytes:
    """What `write_png` would write. Raises ValueError as there."""
    return b"".join(png_chunks(*_strips(pixels)))


def _strips(
    pixels: NDArray[np.uint8] | NDArray[np.bool_],
) -> tuple[tuple[int, int], Iterator[NDArray[np.uint8]]]:
    """Size (h, w) of a picture and its rows, some after the others; of bool, True as 255."""
    is_mask = pixels.dtype == np.bool_
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3 and not is_mask)
    if not (fits and pixels.size and (is_mask or pixels.dtype == np.uint8)):
        raise ValueError(f"{pixels.dtype} of shape {pixels.shape}; uint8 (h, w) or (h, w, 3) is wanted")
    height, width = pixels.shape[:2]
    rows = max(1, _STRIP // pixels[0].size)
    strips = (pixels[top : top + rows] for top in range(0, height, rows))
    white = np.uint8(255)
    return (height, width), (strip * white if is_mask else strip for strip in strips)  # type: ignore[misc]


def write_png_strips(path: str | Path, size: tuple[int, int], strips: Iterable[NDArray[np.uint8]]) -> None:
    """Write strips of rows as one PNG, atomically; each is asked for when those before it are written.

    Args:
        path: of the file.
        size: (h, w).
        strips: (n, w) or (n, w, 3) uint8, h rows in all.

    Raises:
        InputError: it cannot be written. ValueError: strips of another shape or dtype.
    """
    with atomic(path) as temporary, temporary.open("wb") as file:
        file.writelines(png_chunks(size, strips))


def write_score(path: str | Path, score: NDArray[np.float32]) -> None:
    """Write (h, w) float32 as a one-page TIFF, atomically and without loss.

    Raises:
        InputError: it cannot be written. ValueError: another shape or dtype.
    """
    with atomic(path) as temporary, temporary.open("wb") as file:
        _write_score(file, score)


def score_bytes(score: NDArray[np.float32]) -> bytes:
    """What `write_score` would write. Raises ValueError as there."""
    stream = io.BytesIO()
    _write_score(stream, score)
    return stream.getvalue()


def _write_score(file: IO[bytes], score: NDArray[np.float32]) -> None:
    if score.dtype != np.float32 or score.ndim != 2:
        raise ValueError(f"{score.dtype} of shape {score.shape}; float32 (h, w) is wanted")
    tifffile.imwrite(file, score, photometric="minisblack", metadata=None)
