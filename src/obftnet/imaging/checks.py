"""What is checked of a file before anything is decoded, and what to say where a decoder gives up."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from obftnet.errors import InputError

MAX_PIXELS = 100_000_000
"""Largest image that is decoded, in pixels: 300 MB of 8-bit RGB."""

IMAGE_WANTED = "a PNG, TIFF, JPEG, WebP or BMP image is wanted"

# How decoders end that meet damaged bytes. Not among them, so that an error of ours stays one:
# AttributeError, NameError, ImportError, AssertionError.
_DAMAGE = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)
_NOT_SUPPORTED = ("support", "cannot handle", "unknown", "not implemented")


def check_size(height: int, width: int, name: str) -> None:
    """Raises InputError for an image without pixels or with more than MAX_PIXELS."""
    if height < 1 or width < 1:
        raise InputError(f"{name}: {width} x {height} pixels, nothing to look at; {IMAGE_WANTED}")
    if height * width > MAX_PIXELS:
        raise InputError(
            f"{name}: {width} x {height} = {height * width:,} pixels, more than the limit of "
            f"{MAX_PIXELS:,}; cut or shrink it first"
        )


def check_file(path: Path, wanted: str = IMAGE_WANTED) -> None:
    """Raises InputError unless the path is a regular file that holds something."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; {wanted}")
        if not path.exists():
            broken = "a link to nothing" if path.is_symlink() else "no such file"
            raise InputError(f"{path}: {broken}; {wanted}")
        if not path.is_file():
            raise InputError(f"{path}: not a regular file; {wanted}")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes); {wanted}")
    except OSError as error:
        raise unreadable(path, error, wanted) from error


def check_folder(path: Path, wanted: str) -> None:
    """Raises InputError unless the path is a folder."""
    try:
        if not path.exists():
            raise InputError(f"{path}: no such folder; {wanted}")
        if not path.is_dir():
            raise InputError(f"{path}: is a file; {wanted}")
    except OSError as error:
        raise unreadable(path, error, wanted) from error


def unreadable(path: Path, error: OSError, wanted: str = IMAGE_WANTED) -> InputError:
    """What to say where the system refuses to read a file."""
    return InputError(f"{path}: cannot be read ({error.strerror or error}); {wanted}")


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Calls of a decoder, and nothing else: what it raises on a bad file becomes InputError.

    What it would print (warnings, log lines) is kept from the user, who gets the one line or the image.

    Raises:
        InputError: a kind of image that is not supported, by name; or damaged; or too large for memory.
    """
    with warnings.catch_warnings(), _no_log("tifffile"):
        warnings.simplefilter("ignore")
        try:
            yield
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            raise InputError(
                f"{path}: more than the limit of {MAX_PIXELS:,} pixels; cut or shrink it first"
            ) from error
        except MemoryError as error:
            raise InputError(f"{path}: does not fit in memory; cut or shrink it first") from error
        except _DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise unreadable(path, error) from error
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            # Of damaged values Python says, too, that an operation on them is not supported.
            said = not isinstance(error, TypeError) and any(word in reason.lower() for word in _NOT_SUPPORTED)
            if isinstance(error, NotImplementedError) or said:
                raise InputError(f"{path}: not supported ({reason}); {IMAGE_WANTED}") from error
            raise InputError(
                f"{path}: truncated or damaged ({reason}); a whole image file is wanted"
            ) from error


@contextmanager
def _no_log(name: str) -> Iterator[None]:
    def nothing(record: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger(name)
    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)
