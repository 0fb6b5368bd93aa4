"""TIFF: every way to store grey and colour that has one meaning, read once; the rest refused by its name."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import COMPRESSION, PHOTOMETRIC, PREDICTOR, SAMPLEFORMAT

from obftnet import wording
from obftnet.errors import InputError
from obftnet.imaging.checks import check_size, decoding, unreadable
from obftnet.imaging.codecs import codecs
from obftnet.imaging.orientation import ORIENTATION, valid_orientation
from obftnet.imaging.picture import Picture, unit_floats
from obftnet.imaging.tiff_segments import check_contents, check_segments

_WANTED = wording.PLAIN_WANTED
# Those that give back the samples as the other tags describe them.
_COMPRESSIONS = (
    COMPRESSION.NONE,
    COMPRESSION.CCITTRLE,
    COMPRESSION.CCITT_T4,
    COMPRESSION.CCITT_T6,
    COMPRESSION.LZW,
    COMPRESSION.JPEG,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.DEFLATE,
    COMPRESSION.PACKBITS,
    COMPRESSION.LZMA,
    COMPRESSION.ZSTD,
    COMPRESSION.ZSTD_DEPRECATED,
    COMPRESSION.WEBP,
    COMPRESSION.WEBP_DEPRECATED,
    COMPRESSION.LERC,
    COMPRESSION.JPEG2000,
    COMPRESSION.JPEGXL,
    COMPRESSION.PNG,
)
# Those of them that every program undoes a predictor of, and those that only some do; the rest have none.
_PREDICTED = (
    COMPRESSION.LZW,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.DEFLATE,
    COMPRESSION.LZMA,
    COMPRESSION.ZSTD,
    COMPRESSION.ZSTD_DEPRECATED,
)
_PLAIN = (COMPRESSION.NONE, COMPRESSION.PACKBITS)
# How many samples of a pixel are colour.
_COLOURS = {
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.YCBCR: 3,
    PHOTOMETRIC.SEPARATED: 4,
}
_PHOTOMETRIC = 262
_INK_SET, _CMYK = 332, 1
_ASSOCIATED, _UNASSOCIATED = 1, 2
_PREVIEW_OR_MASK = 0b101

#: Tags without which samples would be taken for what they are not.
_DECIDING = {
    256,
    257,
    258,
    259,
    262,
    266,
    273,
    277,
    278,
    279,
    284,
    317,
    320,
    322,
    323,
    324,
    325,
    338,
    339,
    347,
}

#: Pages that are looked at, to find the one image among its previews.
_MOST_PAGES = 16


@dataclass(frozen=True)
class Header:
    """What a page says of its image.

    size: (height, width) as stored. bits: of a sample. colours: how many samples of a pixel are colours.
    alpha: whether one more is opacity. orientation: EXIF's, 1..8.
    """

    size: tuple[int, int]
    photometric: Any
    bits: int
    is_float: bool
    colours: int
    alpha: bool
    premultiplied: bool
    orientation: int


def read_tiff(path: Path, *, indices: bool = False) -> Picture:
    """The image of a TIFF file; `indices` of a palette image instead of its colours.

    Integers of 1 to 16 bits and floats in 0..1; either byte order; strips, tiles, planes; WhiteIsZero,
    BlackIsZero, RGB, palette, CMYK and JPEG's YCbCr; one alpha channel, by which premultiplied colours are
    divided. Without a photometric tag three samples are RGB and one is BlackIsZero.

    Raises:
        InputError: anything else, by its name; several pages; truncated or damaged.
    """
    with _page(path) as (page, header):
        _check_decoder(page, header, path)
        check_contents(page, path)
        with decoding(path):
            stored = page.asarray()
            colormap = page.colormap if header.photometric == PHOTOMETRIC.PALETTE else None
        pixels = _channels_last(stored, header, page.planarconfig == 2)
        if pixels.shape[:2] != header.size:
            raise InputError(
                f"{path}: truncated or damaged ({header.size[1]} x {header.size[0]} pixels are said, "
                f"{pixels.shape[1]} x {pixels.shape[0]} are stored); a whole image file is wanted"
            )
        if header.photometric == PHOTOMETRIC.PALETTE and colormap is None:
            raise InputError(f"{path}: truncated or damaged (a palette image without its colours)")
        if colormap is not None and not indices:
            pixels = _coloured(pixels, colormap, path)
        return _picture(pixels, header, str(path), resolved=colormap is not None and not indices)


def _check_decoder(page: Any, header: Header, path: Path) -> None:
    """Raises InputError where pixels need imagecodecs, and it is not there: tifffile has decoders of its own
    for some of these, and an image shall not depend on what is installed."""
    plain = header.bits in (8, 16, 32, 64) and page.fillorder == 1 and page.predictor == PREDICTOR.NONE
    if page.compression != COMPRESSION.NONE or not plain:
        packed = "" if page.compression == COMPRESSION.NONE else f", {_named(COMPRESSION, page.compression)}"
        codecs(path, f"a TIFF of {header.bits} bits{packed}")


def tiff_header(path: Path) -> Header:
    """What the file says of its image. Raises InputError as `read_tiff`, but for what the pixels show."""
    with _page(path) as (_, header):
        return header


@contextmanager
def _page(path: Path) -> Iterator[tuple[Any, Header]]:
    """The one page that is meant, and its header, all of it checked."""
    try:
        handle = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with handle:
        with decoding(path):
            file = tifffile.TiffFile(handle)
            count = len(file.pages)
            pages: list[Any] = [file.pages[index] for index in range(min(count, _MOST_PAGES))]
            behind = _images_behind(file)
        if not pages:
            raise InputError(wording.DAMAGED(file=path, reason="no page in it"))
        full = [page for page in pages if not (page.subfiletype & _PREVIEW_OR_MASK)]
        if count > _MOST_PAGES or len(full) > 1 or behind > 1:
            raise InputError(wording.SEVERAL_PAGES(file=path, pages=max(count, behind)))
        if not full:
            raise InputError(f"{path}: a TIFF that holds only a preview or a mask of an image; {_WANTED}")
        page = full[0]
        with decoding(path):
            tags = {number: page.tags.valueof(number) for number in (_PHOTOMETRIC, _INK_SET, ORIENTATION)}
            segments = int(np.prod(page.chunked))
            lost = _listed_tags(file, page.offset) - set(page.tags.keys())
        if lost & _DECIDING:
            raise InputError(f"{path}: truncated or damaged (tag {min(lost & _DECIDING)} cannot be read)")
        header = _header(page, tags, path)
        check_segments(page, segments, path.stat().st_size, path)
        yield page, header


def _images_behind(file: Any) -> int:
    """Images that ImageJ and tifffile store one behind the other, with a page for the first alone."""
    images = 1
    if file.is_imagej:
        images = int((file.imagej_metadata or {}).get("images", 1))
    for shaped in file.shaped_metadata or ():
        if shaped.get("truncated"):
            images = max(images, int(np.prod(shaped["shape"])) // max(1, file.pages[0].size))
    return images


def _listed_tags(file: Any, offset: int) -> set[int]:
    """The numbers of a page's tags: tifffile leaves out those whose values it cannot read."""
    handle, kind = file.filehandle, file.tiff
    handle.seek(offset)
    (count,) = struct.unpack(kind.tagnoformat, handle.read(kind.tagnosize))
    entries = handle.read(count * kind.tagsize)
    return {
        struct.unpack_from(kind.byteorder + "H", entries, index * kind.tagsize)[0] for index in range(count)
    }


def _header(page: Any, tags: dict[int, Any], path: Path) -> Header:
    """Read and check all that decides how the samples are to be taken, before any is decoded."""
    numbers = (page.imagelength, page.imagewidth, page.imagedepth, page.samplesperpixel, page.planarconfig)
    if not all(isinstance(number, int) for number in numbers) or page.planarconfig not in (1, 2):
        raise InputError(
            f"{path}: truncated or damaged (sizes, samples and planes {numbers}); "
            "a whole image file is wanted"
        )
    check_size(page.imagelength, page.imagewidth, str(path))
    if page.imagedepth > 1:
        raise InputError(f"{path}: a TIFF of {page.imagedepth} planes; save the one that is meant alone")
    if page.compression not in _COMPRESSIONS:
        name = _named(COMPRESSION, page.compression)
        raise InputError(wording.COMPRESSION(file=path, name=name, wanted=_WANTED))
    samples, photometric = page.samplesperpixel, page.photometric
    if tags[_PHOTOMETRIC] is None:
        photometric = PHOTOMETRIC.RGB if samples >= 3 else PHOTOMETRIC.MINISBLACK
    # Only a JPEG decoder turns YCbCr into RGB, and only where it has the three side by side.
    is_ycbcr = photometric == PHOTOMETRIC.YCBCR
    if (
        photometric not in _COLOURS
        or (is_ycbcr and (page.compression != COMPRESSION.JPEG or page.planarconfig != 1 or samples != 3))
        or (photometric == PHOTOMETRIC.SEPARATED and (tags[_INK_SET] or _CMYK) != _CMYK)
    ):
        name = _named(PHOTOMETRIC, photometric)
        raise InputError(wording.PHOTOMETRIC(file=path, name=name, wanted=_WANTED))
    formats = _named(SAMPLEFORMAT, page.sampleformat)
    bits, is_float = page.bitspersample, page.sampleformat == SAMPLEFORMAT.IEEEFP
    integers = is_float or page.sampleformat in (SAMPLEFORMAT.UINT, SAMPLEFORMAT.VOID)
    if not integers or not isinstance(bits, int) or page.dtype is None or (not is_float and bits > 16):
        kind = page.dtype if isinstance(bits, int) and page.dtype else f"{bits} bits, {formats}"
        raise InputError(wording.SAMPLES(file=path, kind=kind))
    predicted = {PREDICTOR.HORIZONTAL: not is_float and bits in (8, 16), PREDICTOR.FLOATINGPOINT: is_float}
    by_all = page.compression in _PREDICTED and predicted.get(page.predictor, False)
    if page.predictor != PREDICTOR.NONE and page.compression in (*_PREDICTED, *_PLAIN) and not by_all:
        name, packed = _named(PREDICTOR, page.predictor), _named(COMPRESSION, page.compression)
        raise InputError(
            f"{path}: predictor {name} with compression {packed} and samples of {bits} bits is not "
            f"supported; {_WANTED}"
        )
    colours = _COLOURS[photometric]
    extra, kinds = samples - colours, tuple(page.extrasamples)
    alpha = bool(kinds) and kinds[0] in (_ASSOCIATED, _UNASSOCIATED)
    # A fourth sample beside RGB is padding or opacity, whatever its tag says. A second one beside grey is a
    # second image unless it is said to be opacity.
    if extra < 0 or extra > 1 or (extra == 1 and colours == 1 and not alpha):
        raise InputError(
            f"{path}: {samples} channels with photometric {_named(PHOTOMETRIC, photometric)}; "
            "grey, RGB, or one of these with alpha is wanted"
        )
    return Header(
        size=(page.imagelength, page.imagewidth),
        photometric=photometric,
        bits=bits,
        is_float=is_float,
        colours=colours,
        alpha=extra == 1 and alpha,
        premultiplied=alpha and kinds[0] == _ASSOCIATED,
        orientation=valid_orientation(tags[ORIENTATION]),
    )


def _channels_last(stored: NDArray[Any], header: Header, planar: bool) -> NDArray[Any]:
    """(h, w, samples), native byte order; booleans as 0 and 1."""
    if stored.ndim == 2:
        stored = stored[:, :, None]
    elif planar:
        stored = np.moveaxis(stored, 0, -1)
    if stored.dtype == np.bool_:
        return (stored.view(np.uint8) > 0).view(np.uint8)
    return stored.astype(stored.dtype.newbyteorder("="), copy=False)


def _coloured(pixels: NDArray[Any], colormap: Any, path: Path) -> NDArray[np.uint8]:
    """Indices (h, w, 1 + alpha) -> RGB of 8 bits. Colour maps hold 16; of some writers 8."""
    table = np.asarray(colormap)
    if table.ndim != 2 or table.shape[0] != 3 or int(pixels[:, :, 0].max()) >= table.shape[1]:
        raise InputError(wording.DAMAGED(file=path, reason="colours missing"))
    colours = (table >> 8 if table.max() > 255 else table).astype(np.uint8)
    found: NDArray[np.uint8] = colours.T[pixels[:, :, 0]]
    return found


def _picture(pixels: NDArray[Any], header: Header, name: str, resolved: bool) -> Picture:
    """Samples (h, w, c) by what the header says of them; `resolved`: already RGB of 8 bits."""
    colours, bits = (3, 8) if resolved else (header.colours, header.bits)
    inverted = header.photometric == PHOTOMETRIC.MINISWHITE
    alpha = pixels[:, :, colours] if pixels.shape[2] > colours and header.alpha else None
    pixels = pixels[:, :, :colours]
    white = 1 if header.is_float else 2**bits - 1
    if header.is_float:
        pixels = unit_floats(pixels, name)
    if header.premultiplied and alpha is not None:
        pixels = _divided(pixels, alpha, white)
    if colours == 4:
        pixels = _from_cmyk(pixels, white)
    if pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return Picture(pixels, white, name, inverted, alpha, header.orientation)


def _divided(pixels: NDArray[Any], alpha: NDArray[Any], white: int) -> NDArray[Any]:
    """Premultiplied colours by their opacity, as far as there is any."""
    opacity = np.where(alpha > 0, alpha, white).astype(np.float32)[:, :, None]
    plain = (pixels.astype(np.float32) * (np.float32(white) / opacity)).clip(0, white)
    return plain.astype(pixels.dtype) if pixels.dtype.kind == "f" else np.rint(plain).astype(pixels.dtype)


def _from_cmyk(pixels: NDArray[Any], white: int) -> NDArray[Any]:
    """Inks (h, w, 4) -> RGB: what each ink and black leave of the paper's white."""
    left = np.float32(white) - pixels.astype(np.float32)
    colours = left[:, :, :3] * (left[:, :, 3:] / np.float32(white))
    return colours if pixels.dtype.kind == "f" else np.rint(colours).astype(pixels.dtype)


def _named(kinds: Any, value: Any) -> str:
    try:
        return str(kinds(value).name)
    except ValueError:
        return str(value)
