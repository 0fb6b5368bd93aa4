"""A region of an image: a picture of two values, or outlines in a JSON file as labelme saves it."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from obftnet import wording
from obftnet.annotations.forms import FormError
from obftnet.annotations.labelme import read_outlines
from obftnet.errors import InputError
from obftnet.imaging.read import ImageSource, as_mask, name_of


def read_region(
    source: ImageSource, *, like: tuple[int, int] | None = None, name: str = "region"
) -> NDArray[np.bool_]:
    """What is white in a picture, or lies inside any of the outlines of a JSON file, whatever their labels.

    Args:
        source: as `as_mask`; a path that ends in .json is a file of labelme, which also gives the size.
        like: (h, w) that it must have; None for its own.
        name: what messages call it, unless it is a path.

    Returns:
        (h, w) bool.

    Raises:
        InputError: it cannot be read, is of another size, or holds nothing.
    """
    if not (isinstance(source, str | os.PathLike) and Path(source).suffix.lower() == ".json"):
        return as_mask(source, like=like, name=name_of(source, name))
    path = Path(source)
    size, shapes = read_outlines(path)
    size = size or like
    if size is None:
        raise InputError(f"{path}: no imageHeight and imageWidth in it; the size it was drawn on is wanted")
    if like is not None and size != like:
        (height, width), (image_height, image_width) = size, like
        said = wording.REGION_SIZE(
            file=path, width=width, height=height, image_width=image_width, image_height=image_height
        )
        raise InputError(said)
    found = np.zeros(size, np.bool_)
    for shape in shapes:
        try:
            found |= shape.form.mask(size)
        except FormError as error:
            raise InputError(f"{shape.where}: {error}") from error
    if not found.any():
        raise InputError(f"{path}: no outline in it that holds a pixel; a polygon or a rectangle is wanted")
    return found
