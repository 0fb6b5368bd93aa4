"""From a tool's export to a guidance folder or a data set, written whole or not at all."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from obftnet.annotations.annotated import Annotated, Notes, Request, says_good
from obftnet.annotations.formats import FORMATS
from obftnet.annotations.forms import FormError
from obftnet.annotations.names import folder_names, image_names
from obftnet.annotations.write import LAYOUTS, Item
from obftnet.errors import InputError
from obftnet.files import atomic_folder
from obftnet.imaging.decode import image_size, orientation_stored
from obftnet.imaging.orientation import swaps_sides, upright
from obftnet.kinds import DEFAULT_KIND

_MATERIAL = "material"


@dataclass(frozen=True)
class Imported:
    """What was written.

    Attributes:
        kinds: images with a mask, by kind of defect; an image of two kinds counts for both.
        good: images without a defect.
        notes: what was left out, and what was taken though it may not be meant; a line each.
    """

    kinds: Mapping[str, int]
    good: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """What of the annotations is taken. As `import_annotations`; exif_open: nobody said, and the tool does
    not either, whether it shows images as their EXIF orientation has them."""

    labels: tuple[str, ...] | None
    merge: bool
    unmarked_good: bool
    as_stored: bool
    exif_open: bool


def import_annotations(
    tool: str,
    source: str | Path,
    out: str | Path,
    *,
    layout: str = "guidance",
    images: str | Path | None = None,
    labels: Iterable[str] | None = None,
    merge: bool = False,
    unmarked_good: bool = False,
    material: str | None = None,
    cut: SupportsFloat | None = None,
    as_stored: bool = False,
) -> Imported:
    """Make a guidance folder, or a data set in the layout of MVTec AD, of another tool's annotations.

    Image files are copied byte for byte. A mask marks the pixels whose centres lie inside what was drawn
    (`raster`), and is stored turned as its image is, so that both fit however they are read.

    Args:
        tool: one of `formats.FORMATS`.
        source: its file, or the folder with it.
        out: the folder to write; missing or empty.
        layout: "guidance" (support/, with several labels support/<label>/, and background/) or "mvtec"
            (<material>/test/<label>/ and so on).
        images: the folder of the images, where the source does not have them.
        labels: those that are wanted; None: all.
        merge: take them all as one kind of defect.
        unmarked_good: images on which nothing was drawn are good ones; by default only those are of which the
            tool says that somebody looked at them, and the others are left out.
        material: of several in the source the one that is wanted; in the layout of MVTec AD the name of what
            the source does not name.
        cut: of mask files: share of white, above 0 to 1, from which a pixel counts as marked; None: masks
            have two values, or soft edges between two, which are cut at half.
        as_stored: outlines were drawn on the pixels as stored and not as their EXIF orientation shows them.

    Raises:
        InputError: anything in the source that cannot be used, naming file and entry; no image to take; a
            setting out of range; `out` not empty or not to be written.
    """
    if tool not in FORMATS:
        raise InputError(f"format {tool!r}: there are {', '.join(FORMATS)}")
    if layout not in LAYOUTS:
        raise InputError(f"layout {layout!r}: there are {', '.join(LAYOUTS)}", "layout")
    exif_open = not (FORMATS[tool].shows_upright or as_stored)
    choice = Choice(_named(labels), merge, unmarked_good, as_stored, exif_open)
    request = Request(
        Path(source), None if images is None else Path(images), choice.labels, _share(cut), Notes()
    )
    if not os.path.lexists(source):
        raise InputError(f"{source}: no such file or folder; {FORMATS[tool].wanted}")
    with _fresh(Path(out)) as target:
        try:
            annotated = _of_material(list(FORMATS[tool].read(request)), material, layout)
        except OSError as error:
            where = error.filename or source
            raise InputError(f"{where}: cannot be read ({error.strerror or error})") from error
        _check_once(annotated)
        kinds = _kinds(annotated, choice, layout, request.notes)
        several = len(set(kinds.values())) > 1
        counts: Counter[str] = Counter()
        good = 0
        with atomic_folder(target) as folder:
            for item in _items(annotated, kinds, choice, material or _MATERIAL, request.notes):
                LAYOUTS[layout](folder, item, several)
                counts.update(list(item.kinds))
                good += not item.kinds
            if not counts and not good:
                said = "; ".join(request.notes.lines()) or "there is no image in it"
                raise InputError(f"{source}: nothing to import: {said}")
    return Imported(dict(counts), good, request.notes.lines())


def _named(labels: Iterable[str] | None) -> tuple[str, ...] | None:
    if labels is None:
        return None
    found = tuple(dict.fromkeys(label.strip() for label in labels))
    if not found or not all(found):
        raise InputError("labels: one is empty; names of labels are wanted", "labels")
    return found


def _share(cut: SupportsFloat | None) -> float | None:
    if cut is None:
        return None
    value = float(cut)
    if not 0 < value <= 1:
        raise InputError(f"cut {value:g}: a share of white above 0 and up to 1 is wanted", "cut")
    return value


@contextmanager
def _fresh(out: Path) -> Iterator[Path]:
    """A name that is free; an empty folder that stood there stands there again if nothing takes its place."""
    try:
        empty = out.is_dir() and not any(out.iterdir())
        if os.path.lexists(out) and not empty:
            what = "a folder that is not empty" if out.is_dir() else "is there already"
            raise InputError(f"{out}: {what}; a new or an empty folder is wanted", "out")
        target = Path(os.path.realpath(out))
        if empty:
            target.rmdir()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{out}: cannot be written ({reason}); name a place that can be", "out") from error
    try:
        yield target
    finally:
        if empty and not os.path.lexists(target):
            target.mkdir()


def _of_material(annotated: Sequence[Annotated], material: str | None, layout: str) -> list[Annotated]:
    """The images of the material that is wanted, where the source names any; guidance is of one."""
    there = sorted({one.material for one in annotated if one.material is not None})
    if there and material is not None:
        if material not in there:
            raise InputError(f"no material {material!r} in it; there are: {', '.join(there)}", "material")
        return [one for one in annotated if one.material == material]
    if layout == "guidance" and len(there) > 1:
        raise InputError(f"guidance is of one material; choose one of {', '.join(there)}", "material")
    return list(annotated)


def _check_once(annotated: Iterable[Annotated]) -> None:
    seen: dict[str, str] = {}
    for one in annotated:
        place = os.path.realpath(one.image)
        if place in seen:
            raise InputError(
                f"{one.where}: {one.image} is annotated in {seen[place]}, too; leave one of them"
            )
        seen[place] = one.where


def _items(
    annotated: Sequence[Annotated], kinds: Mapping[str, str], choice: Choice, material: str, notes: Notes
) -> Iterator[Item]:
    """What is written, drawn one at a time: images with a mask of each of their kinds, and good ones."""
    names = image_names([one.image for one in annotated])
    materials = folder_names(dict.fromkeys(one.material or material for one in annotated))
    for one in annotated:
        if one.good and one.shapes:
            raise InputError(
                f"{one.shapes[0].where}: drawn on an image that is said to be good; leave one out"
            )
        turned = orientation_stored(one.image)
        masks = _masks(one, kinds, _frame(one, turned, choice.as_stored), notes)
        if choice.as_stored:
            masks = {kind: upright(mask, turned) for kind, mask in masks.items()}
        if masks or one.good or (choice.unmarked_good and not one.shapes):
            if turned != 1 and masks and choice.exif_open:
                notes.add(
                    "images turned by their EXIF orientation, taken as drawn on as shown", one.image.name
                )
            place = materials[one.material or material]
            yield Item(one.image, names[one.image], masks, turned, place, one.train)
        elif one.shapes:
            notes.add("images on which nothing wanted is drawn, left out", one.image.name)
        else:
            notes.add("images that nobody marked and nobody called good, left out", one.image.name)


def _masks(
    one: Annotated, kinds: Mapping[str, str], size: tuple[int, int], notes: Notes
) -> dict[str, NDArray[np.bool_]]:
    """What is drawn on an image, by kind: (h, w) bool of that size."""
    masks: dict[str, NDArray[np.bool_]] = {}
    for shape in one.shapes:
        if shape.label not in kinds:
            continue
        try:
            marked = shape.form.mask(size)
        except FormError as error:
            raise InputError(f"{shape.where}: {error} ({one.image.name}); mend it in the tool") from error
        if not marked.any():
            notes.add("shapes with no pixel's centre inside, left out", shape.where)
            continue
        kind = kinds[shape.label]
        masks[kind] = masks[kind] | marked if kind in masks else marked
    return masks


def _kinds(annotated: Sequence[Annotated], choice: Choice, layout: str, notes: Notes) -> dict[str, str]:
    """Of every label that is taken, the kind of defect that it is written as."""
    counts = Counter(shape.label for one in annotated for shape in one.shapes)
    taken = list(counts) if choice.labels is None else list(choice.labels)
    for label in taken:
        if says_good(label) and label in counts:
            raise InputError(
                f"label {label!r} means good parts, and is drawn {counts[label]} time(s)", "labels"
            )
        if label not in counts:
            there = ", ".join(f"{name} ({count})" for name, count in counts.items()) or "none"
            raise InputError(f"no label {label!r} in the source; there are: {there}", "labels")
    for label, count in counts.items():
        if label not in taken:
            notes.add(f"label {label!r} is not wanted, left out", f"{count} shape(s)")
    if choice.merge:
        return dict.fromkeys(taken, DEFAULT_KIND)
    return folder_names(taken) if layout == "mvtec" or len(taken) > 1 else {label: label for label in taken}


def _frame(one: Annotated, turned: int, as_stored: bool) -> tuple[int, int]:
    """The size (h, w) of the image that was drawn on."""
    shown = image_size(one.image)
    stored = (shown[1], shown[0]) if swaps_sides(turned) else shown
    size = stored if as_stored else shown
    if one.size is None or one.size == size:
        return size
    said, has = (f"{width} x {height}" for height, width in (one.size, size))
    if one.size in (shown, stored):
        found = "as shown" if as_stored else "as stored"
        raise InputError(
            f"{one.where}: says {said} pixels, the size of {one.image} {found}, which its EXIF orientation "
            f"{turned} turns; say on which of the two it was drawn",
            "as_stored",
        )
    raise InputError(
        f"{one.where}: says {said} pixels, but {one.image} has {has}; give the image that was annotated"
    )
