"""The folder that tells a segmenter what to look for: one to five annotated images and clean ones.

DIR/support/<stem>.<ext>
DIR/support/<stem>_mask.png      or -mask, _gt, _label, in any case
DIR/background/*
DIR/.../<stem>_ignore.png        or _ignore.json, of any of the images: what of it is no good material

Of several kinds of defect, each has a folder of supports: DIR/support/<kind>/<stem>.<ext> with its mask.
An image that shows two kinds lies in both folders, each time with the mask of that kind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from obftnet import wording
from obftnet.data.layouts.folders import images_in, subfolders
from obftnet.data.layouts.pairs import SUFFIX, by_stem, image_stem, same_size
from obftnet.data.layouts.report import Report, refuse
from obftnet.errors import InputError
from obftnet.imaging.checks import check_file, check_folder
from obftnet.imaging.read import list_images
from obftnet.kinds import DEFAULT_KIND, check_kinds

#: What of an image is ignored is called as the image, with this behind the stem.
IGNORE_SUFFIX = "_ignore"

_WANTED = "a guidance folder with support/ and background/ is wanted"


@dataclass(frozen=True)
class GuidanceFolder:
    """Files of a guidance folder, sorted by name.

    Attributes:
        supports: (image, mask) pairs, kind by kind.
        backgrounds: images without a defect.
        kinds: of each support the kind of its defect; () where it has no folder for kinds.
        ignored: (image, region) pairs: what of an image is neither defect nor good material.
    """

    supports: tuple[tuple[Path, Path], ...]
    backgrounds: tuple[Path, ...]
    kinds: tuple[str, ...] = ()
    ignored: tuple[tuple[Path, Path], ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        of_supports = (path for pair in self.supports for path in pair)
        return (*of_supports, *self.backgrounds, *(region for _, region in self.ignored))

    @property
    def by_kind(self) -> dict[str, tuple[tuple[Path, Path], ...]]:
        """The supports of each kind; of the one kind that has no folder under `DEFAULT_KIND`."""
        kinds = self.kinds or (DEFAULT_KIND,) * len(self.supports)
        found: dict[str, tuple[tuple[Path, Path], ...]] = {}
        for kind, pair in zip(kinds, self.supports, strict=True):
            found[kind] = (*found.get(kind, ()), pair)
        return found

    @property
    def support_names(self) -> tuple[str, ...]:
        """The supports' images by name, of a kind's folder with it: `scratch/part1.png`."""
        names = [image.name for image, _ in self.supports]
        if not self.kinds:
            return tuple(names)
        return tuple(f"{kind}/{name}" for kind, name in zip(self.kinds, names, strict=True))

    def first(self, shots: int) -> Self:
        """With only the first so many supports of each kind."""
        found = {kind: pairs[:shots] for kind, pairs in self.by_kind.items()}
        supports = tuple(pair for pairs in found.values() for pair in pairs)
        used = {*(image for image, _ in supports), *self.backgrounds}
        return replace(
            self,
            supports=supports,
            ignored=tuple(pair for pair in self.ignored if pair[0] in used),
            kinds=tuple(kind for kind, pairs in found.items() for _ in pairs) if self.kinds else (),
        )


def read_guidance(folder: str | Path, report: Report = refuse, *, good_images: bool = True) -> GuidanceFolder:
    """Find and match the files of a guidance folder; sizes are checked by header, pixels when they are read.

    Args:
        folder: the guidance folder.
        report: takes what cannot be used; by default the first such thing is raised.
        good_images: whether any are wanted; where not, there may be none.

    Raises:
        InputError: no such folder. Reported: its support or its background folder is missing or holds no
            image; a kind's folder that holds none, or whose name is none; images beside folders of kinds; an
            image without its mask or a mask without its image; sizes that differ.
    """
    folder = Path(folder)
    check_folder(folder, _WANTED)
    ignored: list[tuple[Path, Path]] = []
    found = _supports(folder, report, ignored)
    kinds = [] if None in found else [kind for kind, pairs in found.items() for _ in pairs]
    return GuidanceFolder(
        tuple(pair for pairs in found.values() for pair in pairs),
        tuple(_backgrounds(folder, report, ignored, good_images)),
        tuple(kind for kind in kinds if kind is not None),
        tuple(ignored),
    )


def read_supports(sources: Iterable[str | Path]) -> list[tuple[Path, Path]]:
    """Images with their masks, which lie beside them as in a guidance folder.

    Args:
        sources: images, or folders of images and masks.

    Raises:
        InputError: no such file or folder; an image without a mask, or with two; a mask of another size.
    """
    pairs: list[tuple[Path, Path]] = []
    for source in map(Path, sources):
        if source.is_dir():
            pairs += _of_kind(images_in(source), source, refuse, [])
            continue
        check_file(source)
        beside = list_images(source.parent)
        owner = [path for path in beside if path.stem == image_stem(source.stem)]
        if owner:
            raise InputError(f"{source}: the mask of {owner[0].name} by its name; name the image")
        alike = [path for path in beside if path.stem == source.stem and path != source]
        masks = [path for path in beside if image_stem(path.stem) == source.stem]
        pairs += _pairs([source, *alike, *masks], source.parent, refuse)
    return pairs


def read_backgrounds(sources: Iterable[str | Path]) -> list[Path]:
    """Good images, named one by one or by their folders. Raises InputError: no such file or folder, or a
    folder without an image."""
    found: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            images = images_in(source)
            if not images:
                raise InputError(f"{source}: no image in it; name an image without a defect, or more")
            found += images
        else:
            check_file(source)
            found.append(source)
    return found


def _supports(
    folder: Path, report: Report, ignored: list[tuple[Path, Path]]
) -> dict[str | None, list[tuple[Path, Path]]]:
    """Pairs by their kinds, None where there are no folders of kinds."""
    support = folder / "support"
    if not support.is_dir():
        report(
            InputError(
                f"{folder}: no folder support in it; support/<stem>.<ext> with its <stem>{SUFFIX}.png is "
                "wanted"
            )
        )
        return {}
    files, folders = images_in(support, report), subfolders(support, report)
    if files and folders:
        report(
            InputError(
                f"{support}: images beside the folder {folders[0].name}; put the images of each kind of "
                "defect into a folder of its own, or the folder elsewhere"
            )
        )
    if files or not folders:
        return {None: _of_kind(files, support, report, ignored)}
    try:
        check_kinds(path.name for path in folders)
    except InputError as error:
        report(InputError(f"{support}: {error}"))
    return {path.name: _of_kind(images_in(path, report), path, report, ignored) for path in folders}


def _of_kind(
    files: Sequence[Path], folder: Path, report: Report, ignored: list[tuple[Path, Path]]
) -> list[tuple[Path, Path]]:
    files, regions = _apart(files, folder, report)
    if not files:
        report(InputError(wording.NO_SUPPORT_IN(folder=folder)))
    pairs = _pairs(files, folder, report)
    ignored += _with_regions([image for image, _ in pairs], regions, report)
    return pairs


def _apart(files: Sequence[Path], folder: Path, report: Report) -> tuple[list[Path], dict[str, Path]]:
    """The images of a folder, and by the stems of theirs the regions to be ignored."""
    regions: dict[str, Path] = {}
    for path in (*files, *sorted(folder.glob(f"*{IGNORE_SUFFIX}.json"))):
        stem = path.stem.removesuffix(IGNORE_SUFFIX)
        if not path.stem.endswith(IGNORE_SUFFIX) or path.name.startswith("."):
            continue
        if stem in regions:
            report(
                InputError(f"{path}: a second region to be ignored, beside {regions[stem].name}; leave one")
            )
        regions.setdefault(stem, path)
    return [path for path in files if not path.stem.endswith(IGNORE_SUFFIX)], regions


def _with_regions(
    images: Sequence[Path], regions: dict[str, Path], report: Report
) -> list[tuple[Path, Path]]:
    """Images with what of them is ignored; a region without its image is reported."""
    by_image = {path.stem: path for path in images}
    for stem, path in regions.items():
        if stem not in by_image:
            report(
                InputError(
                    f"{path}: a region to be ignored without its image; {stem}.<ext> is wanted beside it"
                )
            )
    found = [(by_image[stem], path) for stem, path in regions.items() if stem in by_image]
    return [
        pair for pair in found if pair[1].suffix.lower() == ".json" or same_size(pair[0], pair[1], report)
    ]


def _backgrounds(
    folder: Path, report: Report, ignored: list[tuple[Path, Path]], wanted_any: bool
) -> list[Path]:
    background = folder / "background"
    if not background.is_dir():
        if not wanted_any:
            return []
        report(
            InputError(
                f"{folder}: no background image, there is no folder background in it; put at least one image "
                "without a defect there, or fit a pack whose background is the supports' complement"
            )
        )
        return []
    files, regions = _apart(images_in(background, report), background, report)
    ignored += _with_regions(files, regions, report)
    if not files and wanted_any:
        report(InputError(wording.NO_BACKGROUND_IN(folder=background)))
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
