"""Masks found by the names of their images."""

import re
from collections.abc import Sequence
from pathlib import Path

from obftnet.errors import InputError
from obftnet.imaging.read import image_size

SUFFIX = "_mask"
"""A mask is named as its image with this behind the stem."""

_ENDING = re.compile(r"(?P<image>.+)[_-](mask|gt|label)s?", re.IGNORECASE)


def image_stem(stem: str) -> str | None:
    """The stem of the image whose mask a file of this stem would be, or None where it is not named as a mask.

    `a` of a_mask, a-mask, a_gt and a_label, in any case.
    """
    found = _ENDING.fullmatch(stem)
    return found["image"] if found else None


def match_masks(images: Sequence[Path], masks: Sequence[Path], where: Path) -> list[tuple[Path, Path]]:
    """Pair every image with `<stem>_mask.<ext>`.

    Args:
        images: files of images.
        masks: files that claim to be their masks.
        where: the folder a missing mask belongs in, for the message.

    Raises:
        InputError: an image without a mask, a mask without an image, two files of one stem, or a mask whose
            header gives another size than its image's. Names the files.
    """
    image_of = by_stem(images)
    mask_of = by_stem(masks)
    for stem, mask in mask_of.items():
        if not stem.endswith(SUFFIX) or stem[: -len(SUFFIX)] not in image_of:
            wanted = f"{stem.removesuffix(SUFFIX)}.<ext>"
            raise InputError(
                f"{mask}: a mask without an image; an image {wanted} (mask: <stem>{SUFFIX}.png) is wanted"
            )
    missing = [image for stem, image in image_of.items() if stem + SUFFIX not in mask_of]
    if missing:
        more = f" (and {len(missing) - 1} more like it)" if len(missing) > 1 else ""
        raise InputError(f"{missing[0]}: no mask; {where / (missing[0].stem + SUFFIX)}.png is wanted{more}")
    pairs = [(image, mask_of[stem + SUFFIX]) for stem, image in image_of.items()]
    for image, mask in pairs:
        check_same_size(image, mask)
    return pairs


def check_same_size(image: Path, mask: Path) -> None:
    """Raises InputError, naming both files, where the headers give different sizes."""
    (height, width), (mask_height, mask_width) = image_size(image), image_size(mask)
    if (height, width) != (mask_height, mask_width):
        raise InputError(
            f"{mask}: a mask of {mask_width} x {mask_height} pixels, but {image} has {width} x {height}; "
            "a mask must have its image's size"
        )


def by_stem(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by their names without what follows the dot. Raises InputError where two have one."""
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise InputError(
                f"{path}: the same stem as {found[path.stem]}; image and mask are found by it, rename one"
            )
        found[path.stem] = path
    return found
