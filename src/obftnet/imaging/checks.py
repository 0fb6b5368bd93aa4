"""What is checked of a file before anything is decoded, and what to say where a decoder gives up."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from obftnet import wording
from obftnet.errors import InputError

MAX_PIXELS = 100_000_000
"""Largest image that is decoded, in pixels: 300 MB of 8-bit RGB."""

IMAGE_WANTED: str = wording.IMAGE_WANTED

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
        pixels, most = f"{height * width:,}", f"{MAX_PIXELS:,}"
        raise InputError(wording.TOO_LARGE(file=name, width=width, height=height, pixels=pixels, most=most))


def check_file(path: Path, wanted: str = IMAGE_WANTED) -> None:
    """Raises InputError unless the path is a regular file that holds something."""
    try:
        if path.is_dir():
            raise InputError(wording.IS_FOLDER(file=path, wanted=wanted))
        if not path.exists():
            if path.is_symlink():
                raise InputError(f"{path}: a link to nothing; {wanted}")
            raise InputError(wording.NO_FILE(file=path, wanted=wanted))
        if not path.is_file():
            raise InputError(f"{path}: not a regular file; {wanted}")
        if path.stat().st_size == 0:
            raise InputError(wording.EMPTY_FILE(file=path, wanted=wanted))
    except OSError as error:
        raise unreadable(path, error, wanted) from error


def check_folder(path: Path, wanted: str) -> None:
    """Raises InputError unless the path is a folder."""
    try:
        if not path.exists():
            raise InputError(wording.NO_FOLDER(file=path, wanted=wanted))
        if not path.is_dir():
            raise InputError(wording.IS_FILE(file=path, wanted=wanted))
    except OSError as error:
        raise unreadable(path, error, wanted) from error


def unreadable(path: Path, error: OSError, wanted: str = IMAGE_WANTED) -> InputError:
    """What to say where the system refuses to read a file."""
    return InputError(wording.UNREADABLE(file=path, reason=error.strerror or error, wanted=wanted))


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
            raise InputError(wording.MORE_THAN_LIMIT(file=path, most=f"{MAX_PIXELS:,}")) from error
        except MemoryError as error:
            raise InputError(wording.NO_MEMORY(file=path)) from error
        except _DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise unreadable(path, error) from error
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            # Of damaged values Python says, too, that an operation on them is not supported.
            said = not isinstance(error, TypeError) and any(word in reason.lower() for word in _NOT_SUPPORTED)
            if isinstance(error, NotImplementedError) or said:
                line = wording.NOT_SUPPORTED(file=path, reason=reason, wanted=IMAGE_WANTED)
                raise InputError(line) from error
            raise InputError(wording.DAMAGED(file=path, reason=reason)) from error


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
