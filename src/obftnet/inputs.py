"""What callers give to a segmenter, brought into one form and checked once: settings, guidance, queries."""

import hashlib
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obftnet import wording
from obftnet.errors import InputError, InputWarning
from obftnet.imaging.checks import MAX_PIXELS
from obftnet.imaging.decode import bits_stored
from obftnet.imaging.encoded import Encoded
from obftnet.imaging.orientation import swaps_sides
from obftnet.imaging.picture import Picture, bits_for
from obftnet.imaging.read import ImageSource, as_mask, as_picture, mask_orientation, name_of
from obftnet.kinds import DEFAULT_KIND, check_kinds

#: Least side of a tile, pixels: less shows too little of a texture. And the most: no image is larger.
MIN_TILE, MAX_TILE = 64, math.isqrt(MAX_PIXELS)

#: Supports up to which weights are trained and measured.
MOST_SUPPORTS = 5

#: A mask of fewer pixels is likely a slip of the brush, one of a larger share of its image likely inverted.
_LEAST_MARKED, _MOST_MARKED = 9, 0.5

#: An image that uses so many bits fewer than the guidance is nearly black beside it.
_DARK = 4

_FINGERPRINT_ROWS = 16


def check_threshold(threshold: SupportsFloat) -> float:
    """A threshold as a float between 0 and 1.

    Raises:
        InputError: any other; 0 and 1, too, which mark all or nothing.
    """
    if isinstance(threshold, bool | str | bytes) or not isinstance(threshold, SupportsFloat):
        raise InputError(f"threshold {threshold!r}: not a number; one between 0 and 1 is wanted")
    try:
        value = float(threshold)
    except TypeError as error:  # an array of several
        raise InputError(f"threshold {threshold!r}: not a number; one between 0 and 1 is wanted") from error
    if not 0 < value < 1:
        marks = {0.0: "would mark nearly everything", 1.0: "would mark nothing"}
        why = marks.get(value, "outside the range of a score")
        raise InputError(f"threshold {value:g}: {why}; a number between 0 and 1 is wanted")
    return value


def check_tile(tile: SupportsIndex | None) -> int | None:
    """The side of a tile in pixels, or None for whole images. Raises InputError where it is neither."""
    if tile is None:
        return None
    side = _whole(tile, "tile", f"{MIN_TILE} to {MAX_TILE} pixels")
    if not MIN_TILE <= side <= MAX_TILE:
        raise InputError(
            f"tile of {side} pixels: at least {MIN_TILE} and at most {MAX_TILE} are wanted, or none to take "
            "images whole"
        )
    return side


def check_bits(bits: SupportsIndex | None) -> int | None:
    """How many bits of 16 are used, 8 to 16, or None to find out. Raises InputError for any other."""
    if bits is None:
        return None
    count = _whole(bits, "bits", "8 to 16")
    if not 8 <= count <= 16:
        raise InputError(f"bits {count}: 8 to 16 are wanted, or none to find them in the guidance")
    return count


def check_scale(scale: SupportsFloat | None) -> float | None:
    """Pixels a millimetre, or None where it is not known. Raises InputError for any other."""
    if scale is None:
        return None
    if isinstance(scale, bool | str | bytes) or not isinstance(scale, SupportsFloat):
        wanted = "pixels a millimetre, a number above 0, are wanted"
        raise InputError(f"scale {scale!r}: not a number; {wanted}")
    value = float(scale)
    if not 0 < value <= 1e9:
        raise InputError(wording.SCALE_OUT_OF_RANGE(scale=f"{value:g}"))
    return value


def check_interest(interest: NDArray[np.bool_] | None, picture: Picture) -> None:
    """Raises InputError where a region of interest (h, w) is of another size than the picture it is for."""
    if interest is not None and interest.shape != picture.shape:
        raise InputError(
            f"{picture.name}: {picture.shape[1]} x {picture.shape[0]} pixels, but the region of interest is "
            f"drawn on {interest.shape[1]} x {interest.shape[0]}; images must be of its size"
        )


def _whole(value: object, what: str, wanted: str) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, SupportsIndex):
        raise InputError(f"{what} {value!r}: not a whole number; {wanted} is wanted")
    return int(value.__index__())


#: (image, mask)
SupportPair: TypeAlias = tuple[ImageSource, ImageSource]

Supports: TypeAlias = Iterable[SupportPair] | Mapping[str, Iterable[SupportPair]]
"""Pairs of one kind of defect, or of several, each by its name."""


def as_supports(supports: Supports) -> dict[str, tuple[SupportPair, ...]]:
    """Supports as (image, mask) pairs by the names of their kinds; pairs alone are of `DEFAULT_KIND`.

    Raises:
        InputError: none, or none of a kind; not a collection; an element that is no pair; a name that cannot
            be one, or too many kinds.
    """
    if not isinstance(supports, Mapping):
        return {DEFAULT_KIND: _as_pairs(supports, "")}
    if not supports:
        raise InputError("no support: give at least one image of the defect with its mask")
    return {kind: _as_pairs(supports[kind], f" of {kind}") for kind in check_kinds(supports)}


def _as_pairs(supports: Any, of_kind: str) -> tuple[SupportPair, ...]:
    wanted = "a list of (image, mask) pairs is wanted"
    pairs = _listed(supports, f"supports{of_kind}", wanted)
    if not pairs:
        raise InputError(f"no support{of_kind}: give at least one image of the defect with its mask")
    for index, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list):
            raise InputError(f"support {index}{of_kind}: a {type(pair).__name__}; {wanted}")
        if len(pair) != 2:
            raise InputError(f"support {index}{of_kind}: {len(pair)} things; {wanted}")
    return tuple((image, mask) for image, mask in pairs)


def support_names(supports: Mapping[str, Sequence[SupportPair]]) -> list[str]:
    """What messages call supports that came without a name, kind by kind."""
    several = len(supports) > 1
    return [
        f"support {index} of {kind}" if several else f"support {index}"
        for kind, pairs in supports.items()
        for index in range(len(pairs))
    ]


def masks_of_others(supports: Mapping[str, Sequence[SupportPair]]) -> list[list[ImageSource]]:
    """Of each support, kind by kind, the masks that other kinds have of the same picture, pixel for pixel.

    What they mark is no good material, though this kind's mask leaves it black.

    Raises:
        InputError: an image that cannot be used.
    """
    if len(supports) == 1:
        return [[] for pairs in supports.values() for _ in pairs]
    names = iter(support_names(supports))
    of_pictures: dict[str, list[tuple[str, ImageSource]]] = {}
    shown = []
    for kind, pairs in supports.items():
        for image, mask in pairs:
            digest = _digest(as_picture(image, next(names)))
            of_pictures.setdefault(digest, []).append((kind, mask))
            shown.append((kind, digest))
    return [[mask for other, mask in of_pictures[digest] if other != kind] for kind, digest in shown]


BackgroundSource: TypeAlias = Literal["good", "window", "complement"]
"""Where good material is seen: in good images, in the largest clean rectangle of each support, or in all of
the supports that is no defect."""


def as_backgrounds(
    backgrounds: Iterable[ImageSource], source: BackgroundSource = "good"
) -> tuple[ImageSource, ...]:
    """Backgrounds as a tuple.

    Raises:
        InputError: one image that is not in a list; none where good material is seen in them, or some where
            it is seen in the supports; a source that there is not.
    """
    found = _listed(backgrounds, "backgrounds", "a list of images is wanted")
    if source not in get_args(BackgroundSource):
        wanted = ", ".join(get_args(BackgroundSource))
        raise InputError(f"background {source!r}: one of {wanted} is wanted", "background")
    if source != "good":
        if found:
            raise InputError(
                f"{len(found)} good image(s) beside background {source}, by which good material is seen in "
                "the supports; leave one of the two out",
                "background",
            )
        return ()
    if not found:
        raise InputError("no background: give at least one defect-free image of the material")
    return found


IgnoredPair: TypeAlias = tuple[ImageSource, ImageSource]
"""An image of the guidance, as it is given there, and what of it is to be ignored."""


def as_ignored(
    ignored: Iterable[IgnoredPair], images: Sequence[ImageSource]
) -> "tuple[ImageSource | None, ...]":
    """For each of the guidance's images what of it is ignored, None for nothing.

    Raises:
        InputError: an element that is no pair; an image that is not among them, or is named twice.
    """
    found: list[ImageSource | None] = [None] * len(images)
    for index, pair in enumerate(_listed(ignored, "ignored", "a list of (image, region) pairs is wanted")):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InputError(f"ignored {index}: no pair; a list of (image, region) pairs is wanted")
        places = [at for at, image in enumerate(images) if _same(image, pair[0])]
        called = name_of(pair[0], f"ignored {index}")
        if not places:
            raise InputError(f"{called}: to be ignored in part, but no image of the guidance")
        if any(found[at] is not None for at in places):
            raise InputError(f"{called}: two regions of it to be ignored; give one")
        for at in places:
            found[at] = pair[1]
    return tuple(found)


def _same(one: ImageSource, other: ImageSource) -> bool:
    """Whether two sources are one: the same object or the same path."""
    if isinstance(one, str | os.PathLike) and isinstance(other, str | os.PathLike):
        return os.fspath(one) == os.fspath(other)
    return one is other or (isinstance(one, Encoded) and isinstance(other, Encoded) and one == other)


def _listed(values: Any, what: str, wanted: str) -> tuple[Any, ...]:
    single = (str, bytes, os.PathLike, Image.Image, np.ndarray, Picture, Encoded, dict)
    if isinstance(values, single) or not isinstance(values, Iterable):
        raise InputError(f"{what}: a {type(values).__name__}; {wanted}")
    return tuple(values)


def find_bits(sources: Iterable[tuple[str, ImageSource]]) -> int | None:
    """The least of 8, 10, 12, 14, 16 bits that hold each sample of the images that store 16; None for none.

    Cameras of 10, 12 and 14 bits fill 16 only in part, and no file says so. Images come with what messages
    call them.

    Raises:
        InputError: an image that cannot be used.
    """
    top = None
    for name, source in sources:
        if isinstance(source, str | os.PathLike) and bits_stored(source) != 16:
            continue
        if isinstance(source, Encoded):
            with source.on_disk() as path:
                if bits_stored(path) != 16:
                    continue
        picture = as_picture(source, name)
        if picture.is_deep:
            top = max(top or 0, int(picture.samples.max()))
    return None if top is None else bits_for(top)


def read_support(
    image: ImageSource, mask: ImageSource, called: str, bits: int | None
) -> tuple[Picture, NDArray[np.bool_]]:
    """A support and what it marks: (h, w) bool. Warns (InputWarning) where the mask is likely a mistake.

    called: as `support_names` has it.

    Raises:
        InputError: an image or mask that cannot be used, or that do not fit together.
    """
    picture = with_bits(as_picture(image, called), bits)
    owner, name = picture.name, name_of(mask, f"mask of {called}")
    turned = mask_orientation(mask)
    marked = as_mask(mask, like=picture.shape, name=name, image_name=owner, orientation=picture.orientation)
    height, width = picture.shape
    if turned != picture.orientation and (height == width or not swaps_sides(picture.orientation)):
        said = {"image": owner, "orientation": picture.orientation, "mask": name, "other": turned}
        _warn(wording.MASK_OTHERWISE_TURNED(**said))
    count = int(np.count_nonzero(marked))
    if count < _LEAST_MARKED:
        _warn(wording.MASK_SMALL(mask=name, count=count, image=owner))
    elif count > _MOST_MARKED * marked.size:
        share = f"{100 * count / marked.size:.0f}"
        _warn(wording.MASK_LARGE(mask=name, share=share, image=owner))
    return picture, marked


def marked_by(masks: Iterable[ImageSource], picture: Picture) -> NDArray[np.bool_]:
    """What any of some masks of a picture marks: (h, w) bool. Raises InputError as `read_support`."""
    marked = np.zeros(picture.shape, np.bool_)
    for mask in masks:
        name = name_of(mask, f"mask of {picture.name}")
        shape, turned = picture.shape, picture.orientation
        marked |= as_mask(mask, like=shape, name=name, image_name=picture.name, orientation=turned)
    return marked


def check_count(supports: int, of_kind: str = "") -> None:
    """Warns (InputWarning) of more supports, of a kind, than weights are trained and measured with."""
    if supports > MOST_SUPPORTS:
        if of_kind:
            _warn(wording.MANY_OF_KIND(count=supports, kind=of_kind, most=MOST_SUPPORTS))
        else:
            _warn(wording.MANY_SUPPORTS(count=supports, most=MOST_SUPPORTS))


def of_interest(
    marked: NDArray[np.bool_], interest: NDArray[np.bool_] | None, picture: Picture
) -> NDArray[np.bool_]:
    """What a support's mask (h, w) marks within a region of interest; all of it without one.

    Raises:
        InputError: nothing; a region of another size than the picture.
    """
    if interest is None:
        return marked
    check_interest(interest, picture)
    within = marked & interest
    if not within.any():
        raise InputError(
            f"{picture.name}: its mask marks nothing within the region of interest, outside of which nothing "
            "is looked for; leave it out, or draw the region so that it holds such defects"
        )
    return within


def with_bits(picture: Picture, bits: int | None) -> Picture:
    """A picture with white where the bits that its 16-bit samples use put it; None: the guidance has no such.

    Warns (InputWarning) of one so dark that it may be of fewer bits.

    Raises:
        InputError: a sample beyond the bits; or None, and samples that leave it open.
    """
    if bits is None and picture.is_deep:
        bits = bits_for(int(picture.samples.max()))
        if bits < 16:
            raise InputError(wording.BITS_OPEN(image=picture.name, bits=bits))
    if bits is None:
        return picture
    found = picture.with_bits(bits)
    if picture.is_deep and bits_for(top := int(picture.samples.max())) <= bits - _DARK:
        _warn(wording.DARK(image=picture.name, top=top, bits=bits, white=found.white))
    return found


def check_tile_fits(shape: tuple[int, int], tile: int, name: str | None = None) -> None:
    """Warns (InputWarning) of an image (h, w) smaller than a tile in both directions, which is mirrored.

    Without a name of the image the warning of many images is one.

    Raises:
        InputError: it is smaller than half a tile: most of what would be looked at is its mirror image.
    """
    height, width = shape
    if max(shape) >= tile:
        return
    most = 2 * max(shape) < tile
    line = wording.TILE_ABOVE_IMAGE if most else wording.TILE_MIRRORED
    said = line(tile=tile, width=width, height=height)
    if name:
        said = wording.ABOUT(file=name, reason=said)
    if most:
        raise InputError(said)
    _warn(said)


@dataclass(frozen=True)
class KnownPicture:
    """A picture by what it shows: some of it, all of it. role: "support" or "background"."""

    fingerprint: str
    digest: str
    role: str
    name: str


class KnownPictures:
    """The pictures of the guidance, each known again pixel for pixel."""

    def __init__(self, known: Iterable[KnownPicture] = ()) -> None:
        """With those that were taken in before."""
        self._found: dict[str, list[KnownPicture]] = {}
        for one in known:
            self._found.setdefault(one.fingerprint, []).append(one)

    def add(self, picture: Picture, role: str) -> KnownPicture:
        """Take in a picture as "support" or "background". Warns (InputWarning) of a mask as the latter.

        Raises:
            InputError: a background that is a support's image: it cannot be both.
        """
        known = self.find(picture, "support")
        if known is not None and role == "background":
            raise InputError(wording.GOOD_IS_SUPPORT(image=picture.name, support=known))
        if role == "background" and _is_like_a_mask(picture):
            _warn(wording.GOOD_IS_MASK(image=picture.name))
        entry = known_picture(picture, role)
        self._found.setdefault(entry.fingerprint, []).append(entry)
        return entry

    def find(self, picture: Picture, role: str) -> str | None:
        """The name under which this very picture was taken in by that role, or None."""
        alike = [known for known in self._found.get(_fingerprint(picture), ()) if known.role == role]
        digest = _digest(picture) if alike else ""
        return next((known.name for known in alike if known.digest == digest), None)


def known_picture(picture: Picture, role: str) -> KnownPicture:
    """A picture by what it shows."""
    return KnownPicture(_fingerprint(picture), _digest(picture), role, picture.name)


def warn_of_background(query: str, background: str) -> None:
    """Warns (InputWarning) of a query that is a picture of the guidance."""
    _warn(wording.QUERY_IS_BACKGROUND(image=query, other=background))


def warn_of_repeated(support: str, other: str) -> None:
    """Warns (InputWarning) of a support whose picture is another's of its kind."""
    _warn(wording.REPEATED_SUPPORT(image=support, other=other))


def _is_like_a_mask(picture: Picture) -> bool:
    """Whether every sample is black or has one other value."""
    samples = picture.values()
    high = samples.max()
    rows = max(1, (1 << 20) // samples[0].size)
    strips = (samples[top : top + rows] for top in range(0, len(samples), rows))
    return not samples.min() and all(bool(((strip == 0) | (strip == high)).all()) for strip in strips)


def _fingerprint(picture: Picture) -> str:
    """Of every 16th row: most pictures are told apart by it without a look at all the others."""
    return hashlib.sha256(picture[::_FINGERPRINT_ROWS].floats().data).hexdigest() + str(picture.shape)


def _digest(picture: Picture) -> str:
    digest = hashlib.sha256()
    rows = 256
    for top in range(0, picture.shape[0], rows):
        digest.update(picture[top : top + rows].floats().data)
    return digest.hexdigest()


def _warn(message: str) -> None:
    warnings.warn(message, InputWarning, stacklevel=3)
