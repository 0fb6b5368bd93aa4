"""What is known of the images from elsewhere: masks by name, folders by label, or a data set."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from obftnet.data.collection import GOOD, Sample
from obftnet.data.hashes import FileHashes
from obftnet.data.layouts import read_layout
from obftnet.data.layouts.folders import images_in, subfolders
from obftnet.data.layouts.kind_of import kind_of
from obftnet.data.layouts.pairs import image_stem
from obftnet.errors import InputError
from obftnet.imaging.checks import check_folder
from obftnet.imaging.read import read_mask
from obftnet.segmentation.record import Entry
from obftnet.segmentation.tables import image_name

Form = Literal["masks", "folders", "mvtec", "neu_seg"]


@dataclass(frozen=True)
class Label:
    """The truth of an image.

    kind: of its defect, of several kinds all; "" where it is good or nobody says. annotations: of the defect,
    masks or samples of a data set, which knows how theirs are read; () where there are none.
    """

    defective: bool
    kind: str = ""
    annotations: tuple[Path | Sample, ...] = ()

    def load(self, entry: Entry) -> NDArray[np.bool_] | None:
        """Where the defect is, (h, w) bool; None where that is not annotated.

        Raises:
            InputError: an annotation cannot be read, or is not of the image's size.
        """
        found = [
            annotation.load_defects() if isinstance(annotation, Sample) else _read(annotation, entry)
            for annotation in self.annotations
        ]
        return np.logical_or.reduce(found) if found else None


@dataclass(frozen=True)
class Truth:
    """The truth of a report's images.

    folder: it came from. form: how it was read. labels: by what results are called; images that it says
    nothing of have none. unused: masks or images in the folder that are of no image of the results.
    """

    folder: Path
    form: Form
    labels: dict[str, Label]
    unused: int


def read_truth(folder: str | Path, entries: Sequence[Entry], results: Path) -> Truth:
    """Read the truth of results.

    A folder is read as what it looks like: a data set in a layout, its images found by their content;
    `good` and a folder for each kind of defect, likewise, each image's mask beside it or none; or masks,
    named as the images (`part1_mask.png`, `part1.png`), in folders as the images'. A black mask says that
    an image is good; an image without a mask is of unknown truth.

    Args:
        folder: of the truth.
        entries: the images of the results.
        results: their folder, for messages.

    Raises:
        InputError: no such folder; nothing in it is of an image of the results; two truths of one image; an
            annotation that cannot be read or is not of its image's size.
    """
    folder = Path(folder)
    check_folder(folder, "a folder of masks, or of images in folders by label, is wanted")
    kind = kind_of(folder)
    if kind == "guidance":
        raise InputError(f"{folder}: a guidance folder; a folder with the truth of the results is wanted")
    form: Form = "mvtec" if kind == "mvtec" else "neu_seg"
    labels: dict[str, Label] = {}
    unused = 0
    if kind != "queries":
        labels, unused = _by_content(_of_layout(kind, folder), entries)
    elif any(path.name == GOOD for path in subfolders(folder)):
        form = "folders"
        labels, unused = _by_content(_of_folders(folder), entries)
    if kind == "queries" and not labels:  # masks may lie in folders of these names, too
        form = "masks"
        labels, unused = _by_name(folder, entries)
    if not labels:
        raise InputError(
            f"{folder}: nothing in it is of an image of {results}; masks <stem>_mask.png in folders as the "
            f"images', these same images in folders by label ({GOOD}, and the kinds of defect), or the data "
            "set that they are of, is wanted"
        )
    return Truth(folder, form, labels, unused)


def _of_layout(kind: str, folder: Path) -> list[tuple[Path, Label]]:
    return [
        (sample.image, Label(False) if sample.mask is None else Label(True, sample.kind, (sample,)))
        for sample in read_layout(kind, folder).samples
    ]


def _of_folders(folder: Path) -> list[tuple[Path, Label]]:
    found = []
    for place in subfolders(folder):
        images = images_in(place)
        stems = {path.stem: path for path in images}
        masks = {image_stem(path.stem): path for path in images if image_stem(path.stem) in stems}
        for path in images:
            if image_stem(path.stem) in stems:
                continue
            mask = (masks[path.stem],) if path.stem in masks else ()
            found.append((path, Label(False) if place.name == GOOD else Label(True, place.name, mask)))
    return found


def _by_content(
    labelled: Iterable[tuple[Path, Label]], entries: Sequence[Entry]
) -> tuple[dict[str, Label], int]:
    """Labels of the results whose images are the same files, wherever they lie; how many are of none."""
    hashes = FileHashes()
    of_content: dict[str, list[str]] = {}
    for entry in entries:
        of_content.setdefault(entry.sha256, []).append(entry.result)
    labels: dict[str, tuple[Path, Label]] = {}
    unused = 0
    for path, label in labelled:
        names = of_content.get(hashes.of(path), [])
        unused += not names
        for name in names:
            other = labels.get(name)
            if other is None:
                labels[name] = path, label
            elif other[1].defective != label.defective:
                raise InputError(f"{path}: the same image as {other[0]}, and one of them is good; leave one")
            elif label.kind != other[1].kind:
                both = (*other[1].annotations, *label.annotations)
                labels[name] = path, Label(True, f"{other[1].kind}, {label.kind}", both)
    return {name: label for name, (_, label) in labels.items()}, unused


def _by_name(folder: Path, entries: Sequence[Entry]) -> tuple[dict[str, Label], int]:
    """Labels by masks of the same name in the same place; how many masks are of none."""
    masks = _masks(folder, PurePosixPath())
    of_name = Counter(map(_name, entries))
    labels, used = {}, set()
    for entry in entries:
        # Where two images have one stem, their results have their whole names, and so must the masks.
        options = {entry.result} | ({_name(entry)} if of_name[_name(entry)] == 1 else set())
        options |= {image_name(entry)} if entry.part else set()
        found = [path for option in sorted(options) for path in masks.get(option, ())]
        if len(found) > 1:
            raise InputError(
                f"{found[1]}: a second mask of {Path(entry.file).name}, beside {found[0]}; leave one"
            )
        if found:
            used.add(found[0])
            defective = bool(_read(found[0], entry).any())
            labels[entry.result] = Label(defective, annotations=(found[0],) if defective else ())
    return labels, sum(map(len, masks.values())) - len(used)


def _masks(folder: Path, place: PurePosixPath) -> dict[str, list[Path]]:
    """The images below a folder by the names of the results that they may be the masks of."""
    found: dict[str, list[Path]] = {}
    for path in images_in(folder):
        stem = image_stem(path.stem) or path.stem
        found.setdefault(str(place / stem), []).append(path)
    for below in subfolders(folder):
        found |= _masks(below, place / below.name)
    return found


def _name(entry: Entry) -> str:
    return str(PurePosixPath(image_name(entry)).with_name(Path(entry.file).stem))


def _read(path: Path, entry: Entry) -> NDArray[np.bool_]:
    return read_mask(path, like=(entry.height, entry.width), image=entry.file, allow_empty=True)
