"""Files that are whole or not there: everything is written beside its place and then moved."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from obftnet.errors import InputError


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to, which takes its place when the block ends well.

    Whatever ends the block early (an error, an interrupt) removes the temporary file and leaves what stood
    at `path`. Missing parent folders are made. The temporary name is hidden and keeps the suffix.

    Raises:
        InputError: for any OSError (no space, no permission, a parent that is a file), with its reason.
    """
    path = Path(path)
    temporary = path.with_name(f".partial-{secrets.token_hex(6)}{path.suffix}")
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; the name of a file to write is wanted")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        _remove(temporary)
        raise unwritable(path, error) from error
    except BaseException:
        _remove(temporary)
        raise


def write_png(path: str | Path, pixels: NDArray[np.uint8]) -> None:
    """Write (h, w) or (h, w, 3) uint8 as PNG, atomically.

    Raises:
        InputError: it cannot be written. ValueError: another shape or dtype.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"{pixels.dtype} of shape {pixels.shape}; uint8 (h, w) or (h, w, 3) is wanted")
    with atomic(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")


def write_score(path: str | Path, score: NDArray[np.float32]) -> None:
    """Write (h, w) float32 as a one-page TIFF, atomically and without loss.

    Raises:
        InputError: it cannot be written. ValueError: another shape or dtype.
    """
    if score.dtype != np.float32 or score.ndim != 2:
        raise ValueError(f"{score.dtype} of shape {score.shape}; float32 (h, w) is wanted")
    with atomic(path) as temporary:
        tifffile.imwrite(temporary, score, photometric="minisblack", metadata=None)


def write_json(path: str | Path, content: Any) -> None:
    """Write strict JSON (UTF-8, indented), atomically.

    Raises:
        InputError: it cannot be written. ValueError, TypeError: not JSON (NaN and infinity are not).
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def output_folder(path: str | Path) -> Path:
    """The folder, made where it is missing, with its parents.

    Raises:
        InputError: a file of that name is in the way, or it cannot be made.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is a file; a folder to write into is wanted")
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def unwritable(path: Path, error: OSError) -> InputError:
    """What to raise where `path` cannot be written."""
    reason = error.strerror or str(error)
    return InputError(f"{path}: cannot be written ({reason}); name a place that can be")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        # The first error is the one to report.
        return
