"""The folder that tells a segmenter what to look for: one to five annotated images and clean ones.

DIR/support/<stem>.<ext>
DIR/support/<stem>_mask.png      or -mask, _gt, _label, in any case
DIR/background/*
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from obftnet.data.layouts.folders import images_in
from obftnet.data.layouts.pairs import SUFFIX, by_stem, image_stem, same_size
from obftnet.data.layouts.report import Report, refuse
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


def read_guidance(folder: str | Path, report: Report = refuse) -> GuidanceFolder:
    """Find and match the files of a guidance folder; sizes are checked by header, pixels when they are read.

    Args:
        folder: the guidance folder.
        report: takes what cannot be used; by default the first such thing is raised.

    Raises:
        InputError: no such folder. Reported: its support or its background folder is missing or holds no
            image; an image without its mask or a mask without its image; sizes that differ.
    """
    folder = Path(folder)
    check_folder(folder, _WANTED)
    return GuidanceFolder(tuple(_supports(folder, report)), tuple(_backgrounds(folder, report)))


def _supports(folder: Path, report: Report) -> list[tuple[Path, Path]]:
    support = folder / "support"
    if not support.is_dir():
        report(
            InputError(
                f"{folder}: no folder support in it; support/<stem>.<ext> with its <stem>{SUFFIX}.png is "
                "wanted"
            )
        )
        return []
    files = images_in(support, report)
    if not files:
        wanted = f"<stem>.<ext> with <stem>{SUFFIX}.png is wanted, at least one"
        report(InputError(f"{support}: no support image in it; {wanted}"))
    return _pairs(files, support, report)


def _backgrounds(folder: Path, report: Report) -> list[Path]:
    background = folder / "background"
    if not background.is_dir():
        report(
            InputError(
                f"{folder}: no background image, there is no folder background in it; put at least one image "
                "without a defect there"
            )
        )
        return []
    files = images_in(background, report)
    if not files:
        wanted = "put one without a defect there, or more"
        report(InputError(f"{background}: no background image in it; {wanted}"))
    return files


def _pairs(files: Sequence[Path], folder: Path, report: Report) -> list[tuple[Path, Path]]:
    """Every image with its mask, by name; one without the other is reported."""
    named = by_stem(files, report)
    masks: dict[str, Path] = {}
    for stem, path in named.items():
        image = image_stem(stem)
        if image in named and image is not None:
            if image in masks:
                error = f"a second mask of {named[image].name}, beside {masks[image].name}; leave one"
                report(InputError(f"{path}: {error}"))
            else:
                masks[image] = path
    taken = {path: stem for stem, path in masks.items()}
    pairs = []
    for stem, path in named.items():
        if path in taken and stem not in masks:
            continue
        if path in taken:
            owner = named[taken[path]]
            report(InputError(f"{path}: named as the mask of {owner.name}, and has a mask itself; rename it"))
        elif stem not in masks:
            # A second mask was reported as such.
            if image_stem(stem) not in masks:
                report(_no_mask(path, folder))
        elif same_size(path, masks[stem], report):
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
