"""A pack made of what a segmenter was given: the files as they came, and pictures without one encoded."""

import getpass
import hashlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError, InputWarning
from obftnet.imaging.encoded import Encoded, encode_mask, encode_picture
from obftnet.imaging.read import ImageSource, as_mask, as_picture, name_of
from obftnet.inputs import KnownPicture, known_picture
from obftnet.packs.content import Encoding, ImageEntry, Role, file_names, plain_name


@dataclass(frozen=True)
class Given:
    """An image of the guidance as it was given, and what was seen of it.

    kind: of defect, "" of a background. mask: of a support. known: what the image showed.
    marked: hash of what the mask marked (`mask_hash`), "" of a background.
    """

    role: Role
    kind: str
    image: ImageSource
    mask: "ImageSource | None"
    known: KnownPicture
    marked: str = ""


def mask_hash(mask: NDArray[np.bool_]) -> str:
    """SHA-256 of a mask (h, w) bool."""
    return hashlib.sha256(str(mask.shape).encode() + np.packbits(mask).tobytes()).hexdigest()


def encode_guidance(
    given: Sequence[Given], bits: int | None
) -> tuple[tuple[ImageEntry, ...], dict[str, bytes]]:
    """Entries of a pack, and the files by the names of their tensors.

    Every file is decoded again and compared with what was fitted: the pack shows what the segmenter saw.

    Args:
        given: supports before backgrounds.
        bits: of samples stored in 16 (`Segmenter.bits`).

    Raises:
        InputError: an image cannot be read any more, or is no longer what was fitted.
    """
    entries, files = [], {}
    found = [_encoded_pair(one, bits) for one in given]
    for kind in dict.fromkeys(one.kind for one in given if one.kind):
        if plain_name(kind) != kind:
            raise InputError(f"kind of defect {kind!r}: no name of a folder everywhere; give it another")
    names = file_names(
        (one.role, one.kind, image.name, None if mask is None else mask.name)
        for one, (image, mask) in zip(given, found, strict=True)
    )
    for index, (one, (image, mask)) in enumerate(zip(given, found, strict=True)):
        files[f"image/{index}"] = image.data
        if mask is not None:
            files[f"mask/{index}"] = mask.data
        entries.append(
            ImageEntry(
                name=names[index][0],
                role=one.role,
                kind=one.kind,
                image=Encoding(tensor=f"image/{index}", sha256=image.sha256),
                mask=None if mask is None else Encoding(tensor=f"mask/{index}", sha256=mask.sha256),
                mask_name=names[index][1],
            )
        )
    return tuple(entries), files


def person() -> str:
    """Who is at work, as the system calls them; "" where it does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _encoded_pair(given: Given, bits: int | None) -> tuple[Encoded, Encoded | None]:
    """The files of an image and its mask, which show what was fitted."""
    name = given.known.name
    image = _file(given.image)
    if image is None:
        image = encode_picture(as_picture(given.image, name), Path(name).stem)
    shown = image.picture()
    shown = shown if bits is None else shown.with_bits(bits)
    if known_picture(shown, given.role).digest != given.known.digest:
        raise _changed(name)
    if given.mask is None:
        return image, None
    called = name_of(given.mask, f"mask of {name}")
    mask = _file(given.mask)
    if mask is None:
        mask = encode_mask(as_mask(given.mask, like=shown.shape, name=called), Path(called).stem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)  # it was said when it was fitted
        if mask_hash(as_mask(mask, like=shown.shape)) != given.marked:
            raise _changed(called)
    return image, mask


def _file(source: ImageSource) -> Encoded | None:
    """The bytes of a file as they are; None of a picture without one."""
    if isinstance(source, Encoded):
        return source
    if not isinstance(source, str | os.PathLike):
        return None
    try:
        return Encoded(str(source), Path(source).read_bytes())
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror or error}); make it readable") from error


def _changed(name: str) -> InputError:
    return InputError(f"{name}: no longer what was fitted; leave the guidance alone, and fit again")
