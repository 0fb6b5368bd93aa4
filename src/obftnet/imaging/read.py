"""Images and masks from files, PIL images and arrays, each checked once, at the edge.

Nothing is resized here. One line of InputError says what is wrong with what was given.
"""

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obftnet.errors import InputError
from obftnet.imaging.checks import MAX_PIXELS, check_folder, check_size, unreadable
from obftnet.imaging.decode import decode, from_pil, image_size, orientation_stored, pil_orientation
from obftnet.imaging.encoded import Encoded
from obftnet.imaging.formats import IMAGE_SUFFIXES
from obftnet.imaging.masks import to_mask
from obftnet.imaging.picture import Picture, unit_floats

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ImageSource",
    "Picture",
    "as_image",
    "as_mask",
    "as_picture",
    "image_size",
    "list_images",
    "mask_orientation",
    "name_of",
    "read_image",
    "read_labels",
    "read_mask",
    "read_picture",
]

ImageSource: TypeAlias = "str | os.PathLike[str] | Image.Image | NDArray[Any] | Picture | Encoded"
"""What stands for an image or a mask in the Python interface."""


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read a PNG, TIFF, JPEG, WebP or BMP file; its integers stay integers.

    Grey stays grey, alpha is set apart, palettes are resolved and the EXIF orientation is followed.

    Raises:
        InputError: missing, not a regular file, empty; not an image, or of a kind that is not supported, by
            its name; several pages; truncated or damaged; float samples outside 0..1; of more than MAX_PIXELS
            pixels or of none.
    """
    return decode(Path(path))


def read_image(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """Read an image file as `read_picture` does, to RGB in 0..1; 16-bit samples are divided by 65535.

    Returns:
        (h, w, 3) float32, RGB, 0..1.

    Raises:
        InputError: as `read_picture`.
    """
    return read_picture(path).floats()


def as_picture(source: ImageSource, name: str = "image") -> Picture:
    """An image in any of the forms users hold it in.

    Args:
        source: a path, or a file's bytes (Encoded); a PIL image, which is turned as its EXIF orientation
            says; a Picture; or an array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of dtype bool, uint8,
            uint16 or floating within 0..1, RGB, in either byte order; alpha is set apart.
        name: what messages call it, unless it is a path.

    Returns:
        Its picture; not a copy of an array that needs none.

    Raises:
        InputError: as `read_picture`; or an array of another shape, dtype or range, or with masked elements.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, Encoded):
        return source.picture()
    if isinstance(source, str | os.PathLike):
        return read_picture(source)
    if isinstance(source, Image.Image):
        return from_pil(source, name)
    pixels = _array(source, name)
    alpha = pixels[:, :, 3] if pixels.ndim == 3 and pixels.shape[2] == 4 else None
    if pixels.ndim == 3:
        pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels[:, :, :3]
    if pixels.dtype == np.bool_:
        return Picture(pixels.astype(np.uint8), 1, name)
    if pixels.dtype == np.uint8:
        return Picture(pixels, 255, name, alpha=alpha)
    if pixels.dtype == np.uint16:
        return Picture(pixels, 65535, name, alpha=alpha)
    if pixels.dtype.kind == "f":
        return Picture(unit_floats(pixels, name), 1, name, alpha=alpha)
    raise InputError(
        f"{name}: an array of dtype {pixels.dtype}; bool, uint8, uint16 or float in 0..1 is wanted"
    )


def as_image(source: ImageSource, name: str = "image") -> NDArray[np.float32]:
    """As `as_picture`, to RGB in 0..1.

    Returns:
        (h, w, 3) float32, RGB, 0..1; never a view of what was given.

    Raises:
        InputError: as `as_picture`.
    """
    return as_picture(source, name).floats()


def read_mask(
    path: str | os.PathLike[str],
    *,
    like: tuple[int, int] | None = None,
    image: str | os.PathLike[str] | None = None,
    allow_empty: bool = False,
) -> NDArray[np.bool_]:
    """Read the annotation of an image: black is clean, the one other value or colour is defect.

    Args:
        path: the mask's file; two-valued, such as 0/255 or 0/1, grey, RGB or palette.
        like: (h, w) that the mask must have, its image's.
        image: the image's file, for the messages.
        allow_empty: accept a mask without a defect pixel.

    Returns:
        (h, w) bool, True on the defect.

    Raises:
        InputError: as `read_image`; of another size than its image; more than two values; no black in two
            values; empty; transparent in places. Names both files.
    """
    owner = None if image is None else str(image)
    return as_mask(Path(path), like=like, image_name=owner, allow_empty=allow_empty)


def as_mask(
    source: ImageSource,
    *,
    like: tuple[int, int] | None = None,
    name: str = "mask",
    image_name: str | None = None,
    orientation: int = 1,
    allow_empty: bool = False,
) -> NDArray[np.bool_]:
    """A mask in any of the forms users hold it in: `read_mask` for paths, PIL images and arrays.

    Arrays are (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of bool, integers or floats, two-valued. Where its
    image was turned by an EXIF orientation, `orientation` lets a message say so.

    Raises:
        InputError: as `read_mask`.
    """
    if isinstance(source, str | os.PathLike):
        source = decode(Path(source))
    elif isinstance(source, Encoded):
        source = source.picture()
    elif isinstance(source, Image.Image):
        source = from_pil(source, name)
    alpha = None
    if isinstance(source, Picture):
        pixels, alpha, name = source.values(), source.alpha, source.name
    else:
        pixels = _array(source, name)
        if pixels.ndim == 3 and pixels.shape[2] == 4:
            pixels, alpha = pixels[:, :, :3], pixels[:, :, 3]
    return to_mask(
        pixels,
        alpha,
        like=like,
        name=name,
        owner=image_name,
        owner_orientation=orientation,
        allow_empty=allow_empty,
    )


def mask_orientation(source: ImageSource) -> int:
    """The EXIF orientation by which `as_mask` turns a mask; 1 of arrays.

    Raises:
        InputError: as `image_size`.
    """
    if isinstance(source, Encoded):
        with source.on_disk() as path:
            return orientation_stored(path)
    if isinstance(source, str | os.PathLike):
        return orientation_stored(source)
    if isinstance(source, Image.Image):
        return pil_orientation(source)
    return source.orientation if isinstance(source, Picture) else 1


def read_labels(path: str | os.PathLike[str]) -> NDArray[np.int64]:
    """Read an annotation whose values are class numbers; of a palette image, the indices.

    Returns:
        (h, w) int64.

    Raises:
        InputError: as `read_picture`, or not one integer a pixel.
    """
    picture = decode(Path(path), indices=True)
    labels = picture.values()
    if labels.ndim != 2 or labels.dtype.kind != "u" or picture.alpha is not None:
        channels = (1 if labels.ndim == 2 else labels.shape[2]) + (picture.alpha is not None)
        raise InputError(
            f"{path}: {channels} channel(s) of {labels.dtype}; "
            "one class number a pixel (8-bit grey) is wanted"
        )
    return labels.astype(np.int64)


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """What in a folder (not in its subfolders) has an image's ending, sorted by name; no hidden names.

    What is no image in spite of its ending (a broken link, a folder) is listed, so that reading it says so.

    Raises:
        InputError: the folder is missing, is a file or cannot be read.
    """
    folder = Path(folder)
    check_folder(folder, "a folder of images is wanted")
    try:
        found = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        ]
    except OSError as error:
        raise unreadable(folder, error, "a folder of images is wanted") from error
    return sorted(found, key=lambda path: path.name)


def name_of(source: object, otherwise: str) -> str:
    """A path's text, or what to call a picture that came without one."""
    if isinstance(source, Picture | Encoded):
        return source.name
    return str(source) if isinstance(source, str | os.PathLike) else otherwise


def _array(source: object, name: str) -> NDArray[Any]:
    """An array of 2 or 3 axes in native byte order, a plain one; its size checked."""
    if not isinstance(source, np.ndarray):
        raise InputError(f"{name}: a {type(source).__name__}; a path, a PIL image or a numpy array is wanted")
    if isinstance(source, np.ma.MaskedArray) and np.ma.is_masked(source):
        count = int(np.ma.getmaskarray(source).sum())
        raise InputError(f"{name}: an array with {count:,} masked elements; fill them first (array.filled)")
    pixels = np.asarray(source)
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise InputError(
            f"{name}: an array of shape {pixels.shape}; (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) is wanted"
        )
    check_size(pixels.shape[0], pixels.shape[1], name)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
