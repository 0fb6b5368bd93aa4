"""Files to arrays: what stands in an image file, unscaled, and every way in which a file can be unusable."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from obftnet.errors import InputError

MAX_PIXELS = 100_000_000
"""Largest image that is decoded, in pixels: 1.2 GB as float32 RGB."""

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WANTED = "a PNG, TIFF, BMP or JPEG image is wanted"
_ORIENTATION = 274
# What Pillow would squeeze into 8 bits; all other TIFFs (palette, 1 bit, JPEG inside) it reads right.
_DEEP = ("uint16", "float16", "float32", "float64")
_PLAIN_PHOTOMETRIC = ("MINISWHITE", "MINISBLACK", "RGB")


def decode(path: Path, *, indices: bool = False) -> NDArray[Any]:
    """The samples of an image file as they were stored, turned as its EXIF orientation says.

    Args:
        path: a PNG, TIFF, BMP or JPEG file; what it is, is told by its content and not by its name.
        indices: of a palette image return the indices instead of the colours.

    Returns:
        (h, w) or (h, w, 3 or 4), dtype bool, uint8, uint16 or floating; (h, w, 4) holds alpha.

    Raises:
        InputError: missing, a folder, empty, truncated, not an image, of more than MAX_PIXELS or of none.
    """
    if _is_tiff(path):
        return _decode_tiff(path, indices)
    with _opened(path) as image:
        orientation = _orientation(image)
        image.load()
        return _turned(pil_array(image, str(path), indices=indices), orientation)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, as `decode` would return them, from the header alone.

    Raises:
        InputError: as `decode`, as far as the header tells.
    """
    if _is_tiff(path):
        with _tiff_page(path) as page:
            size = (page.imagelength, page.imagewidth)
            orientation = _tiff_orientation(page)
    else:
        with _opened(path) as image:
            size = (image.height, image.width)
            orientation = _orientation(image)
    return (size[1], size[0]) if orientation >= 5 else size


def pil_array(image: Image.Image, name: str, *, indices: bool = False) -> NDArray[Any]:
    """The samples of a PIL image without loss of depth: (h, w) or (h, w, 3 or 4) as in `decode`.

    Raises:
        InputError: a colour space with no plain way to RGB.
    """
    mode = image.mode
    if mode in ("1", "L", "F", "RGB", "RGBA") or (mode == "P" and indices):
        return np.array(image)
    if mode.startswith("I;16"):
        return np.array(image).astype(np.uint16)
    if mode == "I":
        # Older Pillow opens 16-bit grey PNG as 32-bit integers.
        values = np.array(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise InputError(f"{name}: integer pixels of 32 bits; 8 or 16 bits a sample are wanted")
        return values.astype(np.uint16)
    if mode in ("LA", "PA", "La", "RGBa") or (mode == "P" and "transparency" in image.info):
        return np.array(image.convert("RGBA"))
    if mode in ("P", "RGBX", "CMYK", "YCbCr", "HSV"):
        return np.array(image.convert("RGB"))
    raise InputError(f"{name}: pixels of Pillow's mode {mode}; grey or RGB is wanted")


def check_size(height: int, width: int, name: str) -> None:
    """Raises InputError for an image without pixels or with more than MAX_PIXELS."""
    if height < 1 or width < 1:
        raise InputError(f"{name}: {width} x {height} pixels, nothing to look at; {_WANTED}")
    if height * width > MAX_PIXELS:
        raise InputError(
            f"{name}: {width} x {height} = {height * width:,} pixels, more than the limit of "
            f"{MAX_PIXELS:,}; cut or shrink it first"
        )


def check_file(path: Path, wanted: str = _WANTED) -> None:
    """Raises InputError unless the path is a regular file that holds something."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; {wanted}")
        if not path.exists():
            raise InputError(f"{path}: no such file; {wanted}")
        if not path.is_file():
            raise InputError(f"{path}: not a regular file; {wanted}")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes); {wanted}")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {wanted}") from error


def check_folder(path: Path, wanted: str) -> None:
    """Raises InputError unless the path is a folder."""
    try:
        if not path.exists():
            raise InputError(f"{path}: no such folder; {wanted}")
        if not path.is_dir():
            raise InputError(f"{path}: is a file; {wanted}")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {wanted}") from error


def _is_tiff(path: Path) -> bool:
    check_file(path)
    try:
        with path.open("rb") as file:
            return file.read(4) in _TIFF_MAGIC
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {_WANTED}") from error


@contextmanager
def _decoder_errors(path: Path) -> Iterator[None]:
    """Decoders meet a broken file with nearly any exception there is, so all become the one kind."""
    try:
        yield
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not an image that can be read; {_WANTED}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path}: more than the limit of {MAX_PIXELS:,} pixels; cut or shrink it") from error
    except MemoryError as error:
        raise InputError(f"{path}: does not fit in memory; cut or shrink it first") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path}: truncated or damaged ({reason}); a whole image file is wanted") from error


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with _decoder_errors(path), Image.open(path, formats=_FORMATS) as image:
        check_size(image.height, image.width, str(path))
        yield image


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8 from what stands before the pixels.

    The base class's method, because that of PNG decodes the whole file to look behind the pixels too.
    """
    try:
        return _valid_orientation(Image.Image.getexif(image).get(_ORIENTATION, 1))
    except Exception:
        # Damaged metadata are no reason to refuse sound pixels.
        return 1


def _valid_orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Pixels (h, w, ...) brought upright from an EXIF orientation 1..8."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    # After the transposition of 5..8: 6 still needs a left-right flip, 8 an up-down flip, 7 both.
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


@contextmanager
def _tiff_page(path: Path) -> Iterator[Any]:
    with _decoder_errors(path), tifffile.TiffFile(path) as file:
        if len(file.pages) == 0:
            raise InputError(f"{path}: truncated or damaged (no page in it); a whole image file is wanted")
        if len(file.pages) > 1:
            raise InputError(f"{path}: a TIFF of {len(file.pages)} pages; save the one that is meant alone")
        page: Any = file.pages[0]
        check_size(page.imagelength, page.imagewidth, str(path))
        # tifffile fills what is missing with zeros.
        ends = [a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if not ends or max(ends) > file.filehandle.size or 0 in page.databytecounts:
            raise InputError(f"{path}: truncated (pixel data missing); a whole image file is wanted")
        yield page


def _tiff_orientation(page: Any) -> int:
    tag = page.tags.get(_ORIENTATION)
    return _valid_orientation(None if tag is None else int(tag.value))


def _decode_tiff(path: Path, indices: bool) -> NDArray[Any]:
    with _tiff_page(path) as page:
        dtype = str(page.dtype)
        if dtype not in ("bool", "uint8", *_DEEP):
            raise InputError(f"{path}: a TIFF of {dtype} samples; uint8, uint16 or float in 0..1 is wanted")
        if dtype in _DEEP and page.photometric.name in _PLAIN_PHOTOMETRIC:
            if dtype == "uint16" and page.bitspersample != 16:
                raise InputError(f"{path}: a TIFF of {page.bitspersample} bits a sample; 8 or 16 are wanted")
            try:
                pixels = page.asarray()
            except ValueError as error:
                # A compression for which tifffile wants one more package; Pillow knows the usual ones.
                if "imagecodecs" not in str(error):
                    raise
            else:
                if page.axes == "SYX":
                    pixels = np.moveaxis(pixels, 0, -1)
                if page.photometric.name == "MINISWHITE":
                    pixels = (65535 if dtype == "uint16" else 1) - pixels
                return _turned(pixels, _tiff_orientation(page))
    # By handle, not by name: named files Pillow maps into memory, and then the rows are scrambled where the
    # orientation tag swaps the sides (seen in Pillow 13.0).
    with _decoder_errors(path), path.open("rb") as handle, Image.open(handle, formats=("TIFF",)) as image:
        image.load()
        # Pillow may have turned it while loading, and has then dropped the tag.
        upright = ImageOps.exif_transpose(image)
        return pil_array(upright, str(path), indices=indices)
