"""A pack made of what a segmenter was given: the files as they came, and pictures without one encoded."""

import getpass
import hashlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    kept = [Kept(one.role, one.kind, *_encoded_pair(one, bits)) for one in given]
    for kind in dict.fromkeys(one.kind for one in given if one.kind):
        check_kind(kind)
    return entries_of(named(kept))


@dataclass(frozen=True)
class Kept:
    """The files of an image of the guidance, called as in the pack: role, kind and mask as `ImageEntry`."""

    role: Role
    kind: str
    image: Encoded
    mask: Encoded | None = None


def named(kept: Sequence[Kept]) -> list[Kept]:
    """The same files by names of which no two are one (`content.file_names`): the first keep theirs."""
    names = file_names(
        (one.role, one.kind, one.image.name, None if one.mask is None else one.mask.name) for one in kept
    )
    return [
        replace(
            one,
            image=replace(one.image, name=name),
            mask=None if one.mask is None or mask is None else replace(one.mask, name=mask),
        )
        for one, (name, mask) in zip(kept, names, strict=True)
    ]


def entries_of(kept: Sequence[Kept]) -> tuple[tuple[ImageEntry, ...], dict[str, bytes]]:
    """Entries of a pack of files by their `named` names, supports before backgrounds, and the files by the
    names of their tensors."""
    entries, files = [], {}
    for index, one in enumerate(kept):
        files[f"image/{index}"] = one.image.data
        if one.mask is not None:
            files[f"mask/{index}"] = one.mask.data
        entries.append(
            ImageEntry(
                name=one.image.name,
                role=one.role,
                kind=one.kind,
                image=_encoding(f"image/{index}", one.image),
                mask=None if one.mask is None else _encoding(f"mask/{index}", one.mask),
                mask_name=None if one.mask is None else one.mask.name,
            )
        )
    return tuple(entries), files


def _encoding(tensor: str, file: Encoded) -> Encoding:
    return Encoding(tensor=tensor, sha256=file.sha256)


def check_kind(kind: str) -> str:
    """The name of a kind of defect. Raises InputError where it is no folder's name on every system."""
    if plain_name(kind) != kind:
        raise InputError(f"kind of defect {kind!r}: no name of a folder everywhere; give it another")
    return kind


def person() -> str:
    """Who is at work, as the system calls them; "" where it does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _encoded_pair(given: Given, bits: int | None) -> tuple[Encoded, Encoded | None]:
    """The files of an image and its mask, which show what was fitted."""
    name = given.known.name
    image = image_file(given.image, name)
    shown = image.picture()
    shown = shown if bits is None else shown.with_bits(bits)
    if known_picture(shown, given.role).digest != given.known.digest:
        raise _changed(name)
    if given.mask is None:
        return image, None
    called = name_of(given.mask, f"mask of {name}")
    mask = mask_file(given.mask, shown.shape, called)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)  # it was said when it was fitted
        if mask_hash(as_mask(mask, like=shown.shape)) != given.marked:
            raise _changed(called)
    return image, mask


def image_file(source: ImageSource, name: str) -> Encoded:
    """An image as a file: a file as it is, a picture without one encoded without loss.

    Raises InputError as `as_picture`; a file is not looked into.
    """
    file = _file(source)
    return encode_picture(as_picture(source, name), Path(name).stem) if file is None else file


def mask_file(source: ImageSource, size: tuple[int, int], name: str) -> Encoded:
    """The same of a mask of an image (h, w). Raises InputError as `as_mask`; a file is not looked into."""
    file = _file(source)
    return encode_mask(as_mask(source, like=size, name=name), Path(name).stem) if file is None else file


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
