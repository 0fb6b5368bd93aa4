"""Masks found by the names of their images."""

import re
from collections.abc import Sequence
from pathlib import Path

from obftnet import wording
from obftnet.data.layouts.report import Report, refuse
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


def match_masks(
    images: Sequence[Path], masks: Sequence[Path], where: Path, report: Report = refuse
) -> list[tuple[Path, Path]]:
    """Pair every image with `<stem>_mask.<ext>`.

    Args:
        images: files of images.
        masks: files that claim to be their masks.
        where: the folder a missing mask belongs in, for the message.
        report: takes what is wrong.

    Reports:
        InputError: an image without a mask, a mask without an image, two files of one stem, or a mask whose
            header gives another size than its image's. Names the files.
    """
    image_of = by_stem(images, report)
    mask_of = by_stem(masks, report)
    for stem, mask in mask_of.items():
        if not stem.endswith(SUFFIX) or stem[: -len(SUFFIX)] not in image_of:
            wanted = f"{stem.removesuffix(SUFFIX)}.<ext>"
            report(
                InputError(
                    f"{mask}: a mask without an image; an image {wanted} (mask: <stem>{SUFFIX}.png) is wanted"
                )
            )
    pairs = []
    for stem, image in image_of.items():
        if stem + SUFFIX not in mask_of:
            report(InputError(f"{image}: no mask; {where / (stem + SUFFIX)}.png is wanted"))
        elif same_size(image, mask_of[stem + SUFFIX], report):
            pairs.append((image, mask_of[stem + SUFFIX]))
    return pairs


def same_size(image: Path, mask: Path, report: Report = refuse) -> bool:
    """Whether the headers give both files one size; if not, that is reported, naming both files."""
    sizes = []
    for path in (image, mask):
        try:
            sizes.append(image_size(path))
        except InputError as error:
            report(error)
    if len(sizes) < 2:
        return False
    (height, width), (mask_height, mask_width) = sizes
    if (height, width) == (mask_height, mask_width):
        return True
    said = wording.MASK_SIZE(
        mask=mask, width=mask_width, height=mask_height, image=image, image_width=width, image_height=height
    )
    report(InputError(said))
    return False


def by_stem(paths: Sequence[Path], report: Report = refuse) -> dict[str, Path]:
    """Files by their names without what follows the dot; a second one of a stem is reported instead."""
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            report(
                InputError(
                    f"{path}: the same stem as {found[path.stem]}; image and mask are found by it, rename one"
                )
            )
        else:
            found[path.stem] = path
    return found
