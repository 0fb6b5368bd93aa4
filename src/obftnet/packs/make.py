"""A pack made of what a segmenter was given: the files as they came, and pictures without one encoded."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from obftnet.annotations.region import read_region
from obftnet.data.layouts.guidance import IGNORE_SUFFIX
from obftnet.errors import InputError, InputWarning
from obftnet.imaging.encoded import Encoded, encode_mask, encode_picture
from obftnet.imaging.read import ImageSource, as_mask, as_picture, name_of
from obftnet.inputs import KnownPicture, known_picture
from obftnet.packs.content import Encoding, ImageEntry, Role, file_names, plain_name
from obftnet.packs.mask_hash import mask_hash


@dataclass(frozen=True)
class Given:
    """An image of the guidance as it was given, and what was seen of it.

    kind: of defect, "" of a background. mask: of a support. known: what the image showed.
    marked: hash of what the mask marked, and of what is ignored (`packs.mask_hash`).
    ignored: a region of the image; None for nothing.
    """

    role: Role
    kind: str
    image: ImageSource
    mask: "ImageSource | None"
    known: KnownPicture
    marked: str = ""
    ignored: "ImageSource | None" = None


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
    """The files of an image of the guidance, called as in the pack: all as `ImageEntry` has it."""

    role: Role
    kind: str
    image: Encoded
    mask: Encoded | None = None
    ignored: Encoded | None = None


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
            ignored=None
            if one.ignored is None
            else replace(one.ignored, name=ignored_name(name, one.ignored)),
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
        if one.ignored is not None:
            files[f"ignored/{index}"] = one.ignored.data
        entries.append(
            ImageEntry(
                name=one.image.name,
                role=one.role,
                kind=one.kind,
                image=_encoding(f"image/{index}", one.image),
                mask=None if one.mask is None else _encoding(f"mask/{index}", one.mask),
                mask_name=None if one.mask is None else one.mask.name,
                ignored=None if one.ignored is None else _encoding(f"ignored/{index}", one.ignored),
                ignored_name=None if one.ignored is None else one.ignored.name,
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


def ignored_name(image: str, ignored: Encoded) -> str:
    """What the file of an image's ignored part is called."""
    return f"{Path(image).stem}{IGNORE_SUFFIX}{Path(ignored.name).suffix or '.png'}"


def _encoded_pair(given: Given, bits: int | None) -> tuple[Encoded, Encoded | None, Encoded | None]:
    """The files of an image, of its mask and of what of it is ignored, which show what was fitted."""
    name = given.known.name
    image = image_file(given.image, name)
    shown = image.picture()
    shown = shown if bits is None else shown.with_bits(bits)
    if known_picture(shown, given.role).digest != given.known.digest:
        raise _changed(name)
    mask = ignored = None
    called = name_of(given.mask, f"mask of {name}") if given.mask is not None else name
    if given.mask is not None:
        mask = mask_file(given.mask, shown.shape, called)
    if given.ignored is not None:
        ignored = region_file(given.ignored, shown.shape, f"ignored part of {name}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)  # it was said when it was fitted
        read = [None if file is None else as_mask(file, like=shown.shape) for file in (mask, ignored)]
    if mask_hash(read[0], read[1]) != given.marked:
        raise _changed(called)
    return image, mask, ignored


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


def region_file(source: ImageSource, size: tuple[int, int], name: str) -> Encoded:
    """The same of a region of an image (h, w); outlines are drawn. Raises InputError as `read_region`."""
    region = read_region(source, like=size, name=name)
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() == ".json":
        return encode_mask(region, Path(source).stem)
    file = _file(source)
    return encode_mask(region, Path(name).stem) if file is None else file


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
