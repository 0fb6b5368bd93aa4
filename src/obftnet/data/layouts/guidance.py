"""The folder that tells a segmenter what to look for: one to five annotated images and clean ones.

DIR/support/<stem>.<ext>
DIR/support/<stem>_mask.png      or -mask, _gt, _label, in any case
DIR/background/*
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from obftnet.data.layouts.folders import images_in
from obftnet.data.layouts.pairs import SUFFIX, by_stem, check_same_size, image_stem
from obftnet.errors import InputError
from obftnet.imaging.decode import check_folder

_WANTED = "a guidance folder with support/ and background/ is wanted"


@dataclass(frozen=True)
class GuidanceFolder:
    """Files of a guidance folder, sorted by name.

    Attributes:
        supports: (image, mask) pairs.
        backgrounds: images without a defect.
    """

    supports: tuple[tuple[Path, Path], ...]
    backgrounds: tuple[Path, ...]


def read_guidance(folder: str | Path) -> GuidanceFolder:
    """Find and match the files of a guidance folder; sizes are checked by header, pixels when they are read.

    Raises:
        InputError: the folder, its support or its background folder is missing or holds no image; an image
            without its mask or a mask without its image; sizes that differ.
    """
    folder = Path(folder)
    check_folder(folder, _WANTED)
    support, background = folder / "support", folder / "background"
    if not support.is_dir():
        raise InputError(
            f"{folder}: no folder support in it; support/<stem>.<ext> with its <stem>{SUFFIX}.png is wanted"
        )
    files = images_in(support)
    if not files:
        raise InputError(
            f"{support}: no support image in it; <stem>.<ext> with <stem>{SUFFIX}.png is wanted, at least one"
        )
    supports = _pairs(files, support)
    if not background.is_dir():
        raise InputError(
            f"{folder}: no background image, there is no folder background in it; put at least one image "
            "without a defect there"
        )
    backgrounds = images_in(background)
    if not backgrounds:
        raise InputError(f"{background}: no background image in it; put one without a defect there, or more")
    return GuidanceFolder(tuple(supports), tuple(backgrounds))


def _pairs(files: Sequence[Path], folder: Path) -> list[tuple[Path, Path]]:
    """Every image with its mask, by name. Raises InputError where one is without the other."""
    named = by_stem(files)
    masks: dict[str, Path] = {}
    for stem, path in named.items():
        image = image_stem(stem)
        if image in named and image is not None:
            if image in masks:
                raise InputError(
                    f"{path}: a second mask of {named[image].name}, beside {masks[image].name}; leave one"
                )
            masks[image] = path
    taken = {path: stem for stem, path in masks.items()}
    pairs = []
    for stem, path in named.items():
        if path in taken and stem not in masks:
            continue
        if path in taken:
            owner = named[taken[path]]
            raise InputError(f"{path}: named as the mask of {owner.name}, and has a mask itself; rename it")
        if stem not in masks:
            raise _no_mask(path, folder)
        check_same_size(path, masks[stem])
        pairs.append((path, masks[stem]))
    return pairs


def _no_mask(image: Path, folder: Path) -> InputError:
    wanted = f"{folder / (image.stem + SUFFIX)}.png"
    if image_stem(image.stem) is not None:
        return InputError(
            f"{image}: a mask without an image; an image {image_stem(image.stem)}.<ext> is wanted beside it"
        )
    polygons = image.with_suffix(".json")
    if polygons.exists():
        return InputError(
            f"{image}: no mask; outlines in JSON ({polygons.name}, as labelme writes them) are not read, "
            f"export them as an image {wanted}, white on the defect and black elsewhere"
        )
    return InputError(f"{image}: no mask; {wanted} is wanted, white on the defect and black elsewhere")
