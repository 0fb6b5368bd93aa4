"""Names that imported images and kinds of defect have on the disk: each once, none taken for a mask's."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from obftnet.data.collection import GOOD
from obftnet.data.layouts.folders import why_no_image
from obftnet.data.layouts.pairs import image_stem
from obftnet.errors import InputError
from obftnet.imaging.formats import IMAGE_SUFFIXES


def image_names(images: Sequence[Path]) -> dict[Path, str]:
    """A file name for each image: its own; where two share a stem, the folders before it are part of it.

    No stem ends as a mask's does (`_mask`, `_gt`, `_label`), by which an image would be taken for a mask.

    Raises:
        InputError: a file without an image's ending.
    """
    for image in images:
        if image.suffix.lower() not in IMAGE_SUFFIXES:
            raise InputError(f"{image}: {why_no_image(image)}")
    common = Path(os.path.commonpath([image.parent for image in images])) if images else Path()
    stems = [_stem(image.stem) for image in images]
    often = _often(stems)
    taken: set[str] = set()
    names = {}
    for image, stem in zip(images, stems, strict=True):
        if stem.lower() in often:
            stem = _stem("_".join((*image.relative_to(common).parts[:-1], image.stem)))
        wanted, number = stem, 1
        while stem.lower() in taken:
            number += 1
            stem = f"{wanted}-{number}"
        taken.add(stem.lower())
        names[image] = stem + image.suffix
    return names


def _stem(stem: str) -> str:
    """Not hidden, and not a mask's."""
    stem = stem.lstrip(".") or "image"
    return stem if image_stem(stem) is None else f"{stem}_image"


def _often(stems: Iterable[str]) -> set[str]:
    """Those that are there more than once; systems take `A` and `a` for one file."""
    seen: set[str] = set()
    often: set[str] = set()
    for stem in stems:
        (often if stem.lower() in seen else seen).add(stem.lower())
    return often


def folder_names(labels: Iterable[str]) -> dict[str, str]:
    """A folder's name for each label: letters, digits, `-`, `_`, dots within; anything else is a `_`.

    Raises:
        InputError: a label of which nothing is left, one that means good parts, or two with one name.
    """
    found: dict[str, str] = {}
    owner: dict[str, str] = {}
    for label in labels:
        name = re.sub(r"[^\w.-]+", "_", label).strip("._")[:100]
        if not name:
            raise InputError(
                f"label {label!r}: no letter or digit in it, and folders are named by it; rename it"
            )
        if name.lower() == GOOD:
            raise InputError(f"label {label!r}: the folder of that name is that of good parts; rename it")
        if name.lower() in owner:
            both = f"{owner[name.lower()]!r} and {label!r}"
            raise InputError(f"labels {both}: both would be a folder {name}; rename one, or take one of them")
        found[label] = name
        owner[name.lower()] = label
    return found
