"""Images and masks from files, PIL images and arrays, each checked once, at the edge.

Nothing is resized here. One line of InputError says what is wrong with what was given.
"""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obftnet.errors import InputError
from obftnet.imaging.decode import MAX_PIXELS, check_folder, check_size, decode, image_size, pil_array

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ImageSource",
    "as_image",
    "as_mask",
    "image_size",
    "list_images",
    "read_image",
    "read_labels",
    "read_mask",
]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
"""Suffixes by which `list_images` knows an image, in any case."""

ImageSource: TypeAlias = "str | Path | Image.Image | NDArray[Any]"
"""What stands for an image or a mask in the Python interface."""


def read_image(path: str | Path) -> NDArray[np.float32]:
    """Read a PNG, TIFF, BMP or JPEG file.

    Grey becomes three equal channels, alpha is dropped, palettes are resolved and the EXIF orientation is
    followed. 16-bit samples are divided by 65535, 8-bit ones by 255. Of 16-bit *colour* PNG (and grey with
    alpha) Pillow keeps the upper 8 bits: still a true ramp, in 256 steps.

    Returns:
        (h, w, 3) float32, RGB, 0..1.

    Raises:
        InputError: missing, a folder, empty, truncated, not an image, several pages, float samples outside
            0..1, of more than MAX_PIXELS pixels or of none.
    """
    path = Path(path)
    return _to_rgb(decode(path), str(path))


def as_image(source: ImageSource, name: str = "image") -> NDArray[np.float32]:
    """An image in any of the forms users hold it in.

    Args:
        source: a path; a PIL image; or an array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of dtype bool,
            uint8, uint16 or floating within 0..1, RGB; alpha is dropped.
        name: what error messages call it, unless it is a path.

    Returns:
        (h, w, 3) float32, RGB, 0..1; never a view of what was given.

    Raises:
        InputError: as `read_image`, or an array of another shape, dtype or range.
    """
    if isinstance(source, str | Path):
        return read_image(source)
    return _to_rgb(_pixels(source, name), name)


def read_mask(
    path: str | Path,
    *,
    like: tuple[int, int] | None = None,
    image: str | Path | None = None,
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
    path = Path(path)
    image_name = None if image is None else str(image)
    return _to_mask(decode(path), like=like, name=str(path), image_name=image_name, allow_empty=allow_empty)


def as_mask(
    source: ImageSource,
    *,
    like: tuple[int, int] | None = None,
    name: str = "mask",
    image_name: str | None = None,
    allow_empty: bool = False,
) -> NDArray[np.bool_]:
    """A mask in any of the forms users hold it in: `read_mask` for paths, PIL images and arrays.

    Arrays are (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of bool, integers or floats, two-valued.

    Raises:
        InputError: as `read_mask`.
    """
    if isinstance(source, str | Path):
        return read_mask(source, like=like, image=image_name, allow_empty=allow_empty)
    pixels = _pixels(source, name)
    return _to_mask(pixels, like=like, name=name, image_name=image_name, allow_empty=allow_empty)


def read_labels(path: str | Path) -> NDArray[np.int64]:
    """Read an annotation whose values are class numbers; of a palette image, the indices.

    Returns:
        (h, w) int64.

    Raises:
        InputError: as `read_image`, or not one integer a pixel.
    """
    path = Path(path)
    labels = decode(path, indices=True)
    if labels.ndim != 2 or labels.dtype.kind not in "bu":
        raise InputError(f"{path}: {_described(labels)}; one class number a pixel (8-bit grey) is wanted")
    return labels.astype(np.int64)


def list_images(folder: str | Path) -> list[Path]:
    """The image files of a folder (not of its subfolders), sorted by name; hidden files are left out.

    Raises:
        InputError: the folder is missing, is a file or cannot be read.
    """
    folder = Path(folder)
    check_folder(folder, "a folder of images is wanted")
    try:
        found = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
        ]
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror or error})") from error
    return sorted(found, key=lambda path: path.name)


def _pixels(source: Image.Image | NDArray[Any], name: str) -> NDArray[Any]:
    """A PIL image or array as an array of 2 or 3 axes; sizes checked."""
    if isinstance(source, Image.Image):
        check_size(source.height, source.width, name)
        try:
            return pil_array(source, name)
        except OSError as error:
            # PIL images decode only when their pixels are asked for.
            raise InputError(f"{name}: cannot be decoded ({error}); a whole image is wanted") from error
    if not isinstance(source, np.ndarray):
        raise InputError(f"{name}: a {type(source).__name__}; a path, a PIL image or a numpy array is wanted")
    if source.ndim not in (2, 3) or (source.ndim == 3 and source.shape[2] not in (1, 3, 4)):
        raise InputError(
            f"{name}: an array of shape {source.shape}; (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) is wanted"
        )
    check_size(source.shape[0], source.shape[1], name)
    return source


def _to_rgb(pixels: NDArray[Any], name: str) -> NDArray[np.float32]:
    """(h, w) or (h, w, 1 | 3 | 4) of a known dtype -> (h, w, 3) float32, 0..1."""
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"{name}: {pixels.shape[2]} channels; grey, RGB or RGBA is wanted")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    # Grey with alpha (2) keeps the grey, RGBA the colours.
    pixels = pixels[:, :, :1] if pixels.shape[2] < 3 else pixels[:, :, :3]
    scaled: NDArray[np.float32]
    if pixels.dtype == np.bool_:
        scaled = pixels.astype(np.float32)
    elif pixels.dtype == np.uint8:
        scaled = pixels.astype(np.float32)
        scaled /= np.float32(255)  # in place: of a large photograph there is no room for two
    elif pixels.dtype == np.uint16:
        scaled = pixels.astype(np.float32)
        scaled /= np.float32(65535)
    elif pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        # Written so that NaN fails too.
        if not (low >= 0 and high <= 1):
            raise InputError(
                f"{name}: float pixels from {low:.4g} to {high:.4g}; floats must lie in 0..1 (or give uint8)"
            )
        scaled = pixels.astype(np.float32)
    else:
        raise InputError(
            f"{name}: an array of dtype {pixels.dtype}; bool, uint8, uint16 or float in 0..1 is wanted"
        )
    if scaled.shape[2] == 1:
        return np.repeat(scaled, 3, axis=2)
    return np.ascontiguousarray(scaled)


def _to_mask(
    pixels: NDArray[Any],
    *,
    like: tuple[int, int] | None,
    name: str,
    image_name: str | None,
    allow_empty: bool,
) -> NDArray[np.bool_]:
    owner = image_name or "its image"
    height, width = pixels.shape[:2]
    if like is not None and (height, width) != tuple(like):
        raise InputError(
            f"{name}: a mask of {width} x {height} pixels, but {owner} has {like[1]} x {like[0]}; "
            "a mask must have its image's size"
        )
    if pixels.dtype.kind not in "buif":
        raise InputError(f"{name}: a mask of dtype {pixels.dtype}; bool or two-valued numbers are wanted")
    if pixels.dtype.kind == "f" and np.isnan(pixels).any():
        raise InputError(f"{name}: NaN among its values; the mask of {owner} must hold two, 0 and one other")
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        alpha = pixels[:, :, -1]
        if (alpha != alpha[0, 0]).any():
            raise InputError(
                f"{name}: a mask of {owner} drawn with transparency; flatten it to black (clean) and white "
                "(defect)"
            )
        pixels = pixels[:, :, :-1]
    if pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, 0]
    what, count = _distinct(pixels)
    if count > 2:
        raise InputError(
            f"{name}: {count:,} {what}, but the mask of {owner} must hold two, 0 (clean) and one other "
            "(defect); save it without smoothing and not as JPEG"
        )
    mask: NDArray[np.bool_] = pixels != 0 if pixels.ndim == 2 else (pixels != 0).any(axis=2)
    if count == 2 and mask.all():
        raise InputError(f"{name}: two {what}, neither of them 0; clean pixels of {owner} must be 0")
    if not allow_empty and not mask.any():
        raise InputError(
            f"{name}: an empty mask, no pixel marks a defect in {owner}; paint the defect with 255 or leave "
            "this image out"
        )
    return np.ascontiguousarray(mask)


def _distinct(pixels: NDArray[Any]) -> tuple[str, int]:
    """How many grey values (h, w) or colours (h, w, 3) there are, and which of the two words fits."""
    if pixels.ndim == 2:
        return "grey values", _two_or_more(pixels.reshape(-1))
    flat = pixels.reshape(-1, pixels.shape[2])
    first = flat[0]
    others = flat[(flat != first).any(axis=1)]
    if not len(others):
        return "colours", 1
    if (others == others[0]).all():
        return "colours", 2
    return "colours", len(np.unique(flat, axis=0))


def _two_or_more(flat: NDArray[Any]) -> int:
    # Sorting every pixel is needed only where the answer is not one or two.
    low, high = flat.min(), flat.max()
    if low == high:
        return 1
    if ((flat == low) | (flat == high)).all():
        return 2
    return len(np.unique(flat))


def _described(pixels: NDArray[Any]) -> str:
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    return f"{channels} channel(s) of {pixels.dtype}"
