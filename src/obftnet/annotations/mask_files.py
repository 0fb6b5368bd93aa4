"""Masks as people save them: 0 and 1, 0 and 255, a palette, RGB, on a transparent layer, soft, in classes."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obftnet.annotations.annotated import Request, Shape
from obftnet.errors import InputError, InputWarning
from obftnet.imaging.decode import decode, image_size, orientation_stored
from obftnet.imaging.masks import to_mask
from obftnet.imaging.orientation import swaps_sides
from obftnet.imaging.picture import Picture
from obftnet.kinds import DEFAULT_KIND

#: More values are a photograph's, and no classes that somebody numbered.
_MOST_CLASSES = 32


@dataclass(frozen=True)
class MaskFile:
    """A mask in a file.

    path: of the mask. image: of its image, for messages. cut: as `annotated.Request`. value: the class that
    is meant, as `classes_in` names it; "" for all that is not black.
    """

    path: Path
    image: Path
    cut: float | None = None
    value: str | None = None

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """As `Form`."""
        _check_turned(self.path, self.image, size)
        if self.value is None:
            picture = _flat(decode(self.path))
            if self.cut is not None:
                marked: NDArray[np.bool_] = _brightness(picture) >= self.cut
                picture = Picture(marked.view(np.uint8), 1, str(self.path))
            return _to_mask(picture, self.path, size, str(self.image))
        numbers = _numbers(self.path)
        wanted = numbers != 0 if self.value == "" else numbers == _number(self.value)
        return _to_mask(Picture(wanted.view(np.uint8), 1, str(self.path)), self.path, size, str(self.image))


def shapes_of(path: Path, image: Path, where: str, request: Request) -> tuple[Shape, ...]:
    """What a mask file without a label of its own marks; none where it is black all over.

    A mask of two values is one shape; in one of several classes each is one, labelled by its number or
    colour.

    Raises:
        InputError: not a mask; or of several classes, and no label chosen: a mask with soft edges looks
        alike.
    """
    picture = _flat(decode(path))
    if request.cut is not None:
        form = MaskFile(path, image, request.cut)
        return (Shape(DEFAULT_KIND, where, form),) if (_brightness(picture) >= request.cut).any() else ()
    if not picture.values().any():
        return ()
    try:
        with warnings.catch_warnings():
            # It is said when the mask is drawn.
            warnings.simplefilter("ignore", InputWarning)
            _to_mask(picture, path, picture.shape, str(image))
    except InputError as error:
        classes = classes_in(path)
        if classes is None:
            raise
        if request.labels is None:
            raise InputError(
                f"{path}: {len(classes)} values or colours beside black ({', '.join(classes)}); if they "
                "number kinds of defect, name those that are wanted; if the mask has soft edges, say from "
                "which brightness a pixel counts",
                "labels",
                "cut",
            ) from error
        return tuple(Shape(name, where, MaskFile(path, image, value=name)) for name in classes)
    return (Shape(DEFAULT_KIND, where, MaskFile(path, image)),)


def classes_in(path: Path) -> list[str] | None:
    """The classes of a mask file but black: "1", "2" of grey and of a palette, "#rrggbb" of colours.

    None where it has too many for somebody to have numbered them, or no black.

    Raises:
        InputError: as `obftnet.imaging.read_picture`.
    """
    black, *found = np.unique(_numbers(path)).tolist()
    if black != 0 or len(found) > _MOST_CLASSES:
        return None
    return [f"#{value - _COLOUR:06x}" if value >= _COLOUR else str(value) for value in found]


#: Added to colours, so that none is taken for a class's number.
_COLOUR = 1 << 24


def _number(name: str) -> int:
    return _COLOUR + int(name[1:], 16) if name.startswith("#") else int(name)


def _numbers(path: Path) -> NDArray[np.int64]:
    """(h, w): the class of every pixel, 0 for black; of a palette image the index, of colours 2^24 + RGB."""
    picture = _flat(decode(path, indices=_has_palette(path)))
    values = picture.values()
    if values.dtype.kind not in "bu":
        raise InputError(f"{path}: a mask of {values.dtype}; whole numbers are wanted")
    numbers = values.astype(np.int64)
    if numbers.ndim == 2:
        return numbers
    if values.dtype != np.uint8:
        raise InputError(f"{path}: a mask of colours of {values.dtype}; 8 bits a colour are wanted")
    colours: NDArray[np.int64] = (numbers * np.array([1 << 16, 1 << 8, 1])).sum(axis=2)
    return np.where(colours == 0, 0, colours + _COLOUR)


def _has_palette(path: Path) -> bool:
    with Image.open(path) as image:
        return image.mode == "P"


def _flat(picture: Picture) -> Picture:
    """A mask without alpha: what was painted on a transparent layer is told by opacity where it has one
    colour, and by its colours, on black, where it has several.

    Raises:
        InputError: black on a transparent layer beside other colours: which is meant, cannot be told.
    """
    alpha = picture.alpha
    if alpha is None:
        return picture
    white = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1
    if (alpha == alpha[0, 0]).all():
        return Picture(
            picture.samples, picture.white, picture.name, picture.inverted, None, picture.orientation
        )
    samples = picture.values()
    painted = samples[alpha > 0]
    if (painted == painted[0]).all():
        return Picture(alpha, int(white), picture.name, orientation=picture.orientation)
    dark = painted == 0 if painted.ndim == 1 else (painted == 0).all(axis=1)
    if dark.any():
        raise InputError(
            f"{picture.name}: black and other colours on a transparent layer; flatten it to black "
            "(clean) and white (defect)"
        )
    shown = alpha > 0 if samples.ndim == 2 else (alpha > 0)[:, :, None]
    flat: NDArray[Any] = np.where(shown, samples, 0).astype(samples.dtype)
    return Picture(flat, picture.white, picture.name, orientation=picture.orientation)


def _brightness(picture: Picture) -> NDArray[np.float32]:
    """(h, w) in 0..1: the mean of the colours."""
    brightness: NDArray[np.float32] = picture.floats().mean(axis=2)
    return brightness


def _check_turned(path: Path, image: Path, size: tuple[int, int]) -> None:
    """Raises InputError where a mask has its image's size but for the turn by EXIF."""
    height, width = image_size(path)
    turned = orientation_stored(image)
    if height != width and (width, height) == size and swaps_sides(turned):
        raise InputError(
            f"{path}: a mask of {width} x {height} pixels, but {image} has {size[1]} x {size[0]}; its EXIF "
            f"orientation {turned} turns it, say on which of the two the mask was drawn",
            "as_stored",
        )


def _to_mask(picture: Picture, path: Path, size: tuple[int, int], image: str) -> NDArray[np.bool_]:
    return to_mask(picture.values(), None, like=size, name=str(path), owner=image, allow_empty=False)
