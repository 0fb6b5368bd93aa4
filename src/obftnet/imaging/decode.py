"""Files and PIL images to pictures: what is stored, unscaled, and every way in which it can be unusable."""

import io
import warnings
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from obftnet import wording
from obftnet.errors import InputError
from obftnet.imaging.checks import (
    IMAGE_WANTED,
    MAX_PIXELS,
    check_file,
    check_folder,
    check_size,
    decoding,
)
from obftnet.imaging.codecs import codecs
from obftnet.imaging.formats import READ, image_format
from obftnet.imaging.orientation import ORIENTATION, swaps_sides, upright, valid_orientation
from obftnet.imaging.picture import Picture, unit_floats
from obftnet.imaging.png import check_header, check_rows, with_metadata_first

__all__ = [
    "MAX_PIXELS",
    "bits_stored",
    "check_file",
    "check_folder",
    "check_size",
    "decode",
    "from_pil",
    "image_size",
    "orientation_stored",
    "pil_orientation",
]

# TIFF's tags, as Pillow has them.
_LENGTH, _BITS, _PHOTOMETRIC, _STRIP_OFFSETS, _ROWS_PER_STRIP = 257, 258, 262, 273, 278
_WHITE_IS_ZERO = 0
# Rows that go through Pillow at a time, in samples: beside the image there is no room for two copies.
_STRIP = 1 << 21
#: Modes whose pixels Pillow may map.
_MAPPED = ("L", "P", "RGBX", "RGBA", "CMYK", "I;16", "I;16L", "I;16B")
_ALPHA = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA"}
_COLOUR = ("RGBX", "CMYK", "YCbCr", "HSV")
#: Where Pillow keeps what says how a PNG is turned.
_TURNED_BY = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
_PLAIN = ("1", "L", "LA", "RGB", "RGBA", "F")


def decode(path: Path, *, indices: bool = False) -> Picture:
    """The image in a file, turned as its EXIF orientation says.

    Args:
        path: a PNG, TIFF, JPEG, WebP or BMP file; what it is, is told by its content and not by its name.
        indices: of a palette image return the indices instead of the colours.

    Raises:
        InputError: missing, not a regular file, empty; not an image, or of a kind that is not supported, by
            its name; several pages; truncated or damaged; of more than MAX_PIXELS or of none.
    """
    if _format(path) == "TIFF":
        # Only now: it takes longer to import than most images take to read.
        from obftnet.imaging.tiff import read_tiff

        return _turned(read_tiff(path, indices=indices))
    with _opened(path) as image:
        orientation = pil_orientation(image)
        if _is_sixteen_bit_colour(image):
            png_decode = codecs(path, "a PNG of 16-bit colour").png_decode
            with decoding(path):
                pixels = np.asarray(png_decode(path.read_bytes()))
            return _turned(_picture(pixels, 65535, str(path), orientation))
        with decoding(path):
            image.load()
        if image.format == "PNG":
            check_rows(path, image)
        return _turned(_from_loaded(image, str(path), orientation, indices))


def image_size(path: str | PathLike[str]) -> tuple[int, int]:
    """Height and width in pixels, as `decode` would return them, from the header alone.

    Raises:
        InputError: as `decode`, as far as the header tells.
    """
    size, orientation = _size_and_orientation(Path(path))
    return (size[1], size[0]) if swaps_sides(orientation) else size


def bits_stored(path: str | PathLike[str]) -> int:
    """How many bits a sample of a file has, from its header alone; 32 for floats.

    Raises:
        InputError: as `decode`, as far as the header tells.
    """
    path = Path(path)
    if _format(path) == "TIFF":
        from obftnet.imaging.tiff import tiff_header

        header = tiff_header(path)
        return 32 if header.is_float else header.bits
    with _opened(path) as image:
        return 16 if image.mode.startswith("I") or _is_sixteen_bit_colour(image) else 8


def orientation_stored(path: str | PathLike[str]) -> int:
    """EXIF orientation 1..8 of a file. Raises InputError as `decode`, as far as the header tells."""
    return _size_and_orientation(Path(path))[1]


def from_pil(image: Image.Image, name: str) -> Picture:
    """A PIL image without loss of depth, turned as its EXIF orientation says.

    Raises:
        InputError: pixels with no plain way to grey or RGB, or that Pillow has already cut to 8 of 16 bits.
    """
    check_size(image.height, image.width, name)
    if _was_cut(image):
        raise InputError(f"{name}: of its 16 bits a sample Pillow keeps 8; give the file's path instead")
    _check_tiff(image, name)
    with decoding(Path(name)):
        # PIL images decode only when their pixels are asked for; some are turned then, and say so no more.
        image.load()
    return _turned(_from_loaded(image, name, pil_orientation(image), indices=False))


def _format(path: Path) -> str:
    """Which of the kinds that are read a file is. Raises InputError for any other."""
    found = image_format(path)
    if found is None:
        raise InputError(wording.UNKNOWN_IMAGE(file=path, wanted=IMAGE_WANTED))
    if found not in READ:
        raise InputError(wording.OTHER_KIND(file=path, kind=found, wanted=IMAGE_WANTED))
    return found


def _size_and_orientation(path: Path) -> tuple[tuple[int, int], int]:
    """(height, width) as stored, and the EXIF orientation."""
    if _format(path) == "TIFF":
        from obftnet.imaging.tiff import tiff_header

        header = tiff_header(path)
        return header.size, header.orientation
    with _opened(path) as image:
        return (image.height, image.width), pil_orientation(image)


def _opened(path: Path) -> Image.Image:
    """By Pillow, the header alone."""
    found = _format(path)
    if found == "PNG":
        with decoding(path):
            check_header(path)
    with decoding(path):
        try:
            image = Image.open(path, formats=(found.upper(),))
        except UnidentifiedImageError:
            # It says no more than that; its parser says why.
            with path.open("rb") as file:
                image = Image.OPEN[found.upper()][0](file, str(path))
            raise
        whole = with_metadata_first(path) if found == "PNG" else None
        if whole is not None:
            with Image.open(io.BytesIO(whole), formats=("PNG",)) as all_said:
                image.info |= {key: all_said.info[key] for key in _TURNED_BY if key in all_said.info}
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and found != "JPEG":  # of a JPEG they are previews, or the other eye's
        image.close()
        raise InputError(wording.ANIMATION(file=path, frames=frames))
    try:
        check_size(image.height, image.width, str(path))
    except InputError:
        image.close()
        raise
    return image


def pil_orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8 of a PIL image; of a file, `_opened` has looked behind the pixels, too.

    The base class's method, because that of PNG decodes the whole file to look there.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return valid_orientation(Image.Image.getexif(image).get(ORIENTATION, 1))
        except Exception:
            # Damaged metadata are no reason to refuse sound pixels.
            return 1


def _is_sixteen_bit_colour(image: Image.Image) -> bool:
    """Of these Pillow keeps the upper 8 bits alone (and of grey with alpha)."""
    return image.format == "PNG" and _was_cut(image)


def _was_cut(image: Image.Image) -> bool:
    stored = [args[0] if isinstance(args, tuple) else args for *_, args in getattr(image, "tile", ()) if args]
    deep = any(isinstance(mode, str) and ";16" in mode for mode in stored)
    bits = getattr(image, "tag_v2", {}).get(_BITS, (8,))  # of a TIFF, known after it was loaded, too
    deep = deep or max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return deep and image.mode in ("L", "LA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK")


def _check_tiff(image: Image.Image, name: str) -> None:
    """Raises InputError for a TIFF that Pillow opens and shows otherwise than our reader."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and image.mode not in ("1", "L"):
        raise InputError(f"{name}: a TIFF that Pillow shows as its negative; give the file's path instead")
    if _is_garbled(image):
        raise InputError(f"{name}: a turned TIFF that Pillow garbles; give the file's path instead")
    rows = tags.get(_ROWS_PER_STRIP, 0)
    if rows and len(tags.get(_STRIP_OFFSETS, ())) < -(-tags.get(_LENGTH, 0) // rows):
        raise InputError(wording.DAMAGED(file=name, reason="strips missing"))


def _is_garbled(image: Image.Image) -> bool:
    """Whether Pillow takes rows of a file for as long as those of the image once it is turned: what it does
    where it maps the pixels into memory, instead of reading them."""
    path, tiles = str(getattr(image, "filename", "")), getattr(image, "tile", ())
    mapped = getattr(image, "map", None) is not None or any(tile[0] == "raw" for tile in tiles)
    if image.format != "TIFF" or image.mode not in _MAPPED or not (path and mapped):
        return False
    try:
        return swaps_sides(orientation_stored(path))
    except InputError:
        return False


def _from_loaded(image: Image.Image, name: str, orientation: int, indices: bool) -> Picture:
    """The samples of a PIL image whose pixels are there."""
    mode = image.mode
    if mode == "P" and not indices:
        _check_palette(image, name)
        mode = "RGBA" if "transparency" in image.info else "RGB"
    elif mode in _ALPHA:
        mode = _ALPHA[mode]
    elif mode in _COLOUR:
        mode = "RGB"
    elif not (mode in _PLAIN or mode == "P" or mode == "I" or mode.startswith("I;16")):
        raise InputError(f"{name}: pixels of Pillow's mode {mode}; grey or RGB is wanted")
    pixels = _array(image, mode)
    if mode == "I":
        # Older Pillow opens 16-bit grey PNG as 32-bit integers.
        if pixels.min() < 0 or pixels.max() > 65535:
            raise InputError(f"{name}: integer pixels of 32 bits; 8 or 16 bits a sample are wanted")
        pixels = pixels.astype(np.uint16)
    if mode == "1":
        # Pillow's True may be any other than 0.
        return _picture((pixels.view(np.uint8) > 0).view(np.uint8), 1, name, orientation)
    if mode == "F":
        return _picture(unit_floats(pixels, name), 1, name, orientation)
    if mode.startswith("I;16"):
        pixels = pixels.astype(np.uint16, copy=False)
    return _picture(pixels, 65535 if pixels.dtype == np.uint16 else 255, name, orientation)


def _check_palette(image: Image.Image, name: str) -> None:
    """Raises InputError where a pixel has no colour: Pillow takes black."""
    palette = image.palette
    colours = 0 if palette is None else len(palette.palette) // len(palette.mode)
    top = image.getextrema()[1]
    if not isinstance(top, int | float) or top >= colours:
        raise InputError(
            f"{name}: truncated or damaged (a palette of {colours} colours, and pixels of number {top}); "
            "a whole image file is wanted"
        )


def _array(image: Image.Image, mode: str) -> NDArray[Any]:
    """Its pixels in a mode, an array of its own, strip by strip."""
    rows = max(1, _STRIP // (image.width * 4))
    found: NDArray[Any] | None = None
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        strip = image if rows >= image.height else image.crop((0, top, image.width, bottom))
        pixels = np.asarray(strip if strip.mode == mode else strip.convert(mode))
        if found is None:
            found = np.empty((image.height, *pixels.shape[1:]), pixels.dtype)
        found[top:bottom] = pixels
    assert found is not None
    return found


def _picture(pixels: NDArray[Any], white: int, name: str, orientation: int) -> Picture:
    """Of samples (h, w) or (h, w, 1 to 4), an even number of them with alpha."""
    alpha = None
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels, alpha = pixels[:, :, :-1], pixels[:, :, -1]
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return Picture(pixels, white, name, alpha=alpha, orientation=orientation)


def _turned(picture: Picture) -> Picture:
    if picture.orientation == 1:
        return picture
    alpha = None if picture.alpha is None else upright(picture.alpha, picture.orientation)
    return replace(picture, samples=upright(picture.samples, picture.orientation), alpha=alpha)
