"""COCO's annotation file (https://cocodataset.org/#format-data): one JSON file of images and what is on them.

The format does not say whether outlines were drawn on an image as shown or as stored: they are taken as drawn
on it as shown, and a note says so where it matters.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from obftnet.annotations.annotated import Annotated, Notes, Request, Shape
from obftnet.annotations.forms import Form, Polygon, Runs, box
from obftnet.annotations.parse import Fields, Number, Whole, one_file, read_model
from obftnet.annotations.places import Places
from obftnet.errors import InputError

_WANTED = "a COCO JSON object with images, annotations and categories is wanted"
_NAMES = ("annotations/instances_default.json", "result.json", "_annotations.coco.json")


class _Category(Fields):
    id: Whole
    name: str


class _Image(Fields):
    id: Whole
    file_name: str
    height: Whole
    width: Whole


class _Rle(Fields):
    size: tuple[Whole, Whole]
    counts: list[Whole] | str


class _Annotation(Fields):
    image_id: Whole
    category_id: Whole
    segmentation: list[list[Number]] | _Rle | None = None
    bbox: tuple[Number, Number, Number, Number] | None = None
    iscrowd: Whole = 0
    ignore: bool | Whole = False
    id: Any = None


class _File(Fields):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]
    info: dict[str, Any] | list[Any] | None = None


def read_coco(request: Request) -> Iterator[Annotated]:
    """Read a file, or the one of a folder.

    Raises:
        InputError: not such a file, an id that is there twice or not at all, an image that is not found.
    """
    path = one_file(request.source, _NAMES, "*.json", _WANTED)
    file = read_model(path, _File, _WANTED)
    root = request.source if request.source.is_dir() else path.parent
    subset = path.stem.removeprefix("instances_")
    folders = dict.fromkeys([path.parent, root, root / "images", root / "images" / subset])
    places = Places(tuple(folders), request.images)
    labels: dict[int, str] = {}
    for index, category in enumerate(file.categories):
        if category.id in labels:
            raise InputError(f"{path}: categories[{index}]: id {category.id} stands there twice; {_WANTED}")
        labels[category.id] = category.name
    shapes: dict[int, list[Shape]] = {}
    for index, image in enumerate(file.images):
        if image.id in shapes:
            raise InputError(f"{path}: images[{index}]: id {image.id} stands there twice; {_WANTED}")
        shapes[image.id] = []
    for index, annotation in enumerate(file.annotations):
        where = f"{path}: annotations[{index}]"
        if annotation.image_id not in shapes:
            raise InputError(f"{where}: image {annotation.image_id}, which images does not have; {_WANTED}")
        if annotation.category_id not in labels:
            raise InputError(
                f"{where}: category {annotation.category_id}, which categories does not have; {_WANTED}"
            )
        label = labels[annotation.category_id]
        for form in _forms(annotation, where, f"annotations[{index}]", request.notes):
            shapes[annotation.image_id].append(Shape(label, where, form))
    by_label_studio = isinstance(file.info, dict) and file.info.get("contributor") == "Label Studio"
    for index, image in enumerate(file.images):
        where = f"{path}: images[{index}]"
        found = places.find(image.file_name, where)
        if by_label_studio:
            _check_label_studio(found, (image.height, image.width), where)
        yield Annotated(found, where, tuple(shapes[image.id]), (image.height, image.width))


def _forms(annotation: _Annotation, where: str, short: str, notes: Notes) -> list[Form]:
    """What an annotation draws; several polygons are parts of one object."""
    if annotation.ignore:
        notes.add("annotations to be ignored, left out", short)
        return []
    if annotation.iscrowd:
        notes.add("annotations of a crowd (iscrowd), marked as others", short)
    drawn = annotation.segmentation
    if isinstance(drawn, _Rle):
        return [_rle(drawn, where)]
    if drawn:
        return [_polygon(values, f"{where}: segmentation[{part}]") for part, values in enumerate(drawn)]
    if annotation.bbox is None:
        notes.add("annotations without segmentation and box, left out", short)
        return []
    notes.add("boxes without a segmentation, marked whole", short)
    x, y, width, height = annotation.bbox
    return [box(x, y, x + width, y + height)]


def _polygon(values: Sequence[float], where: str) -> Polygon:
    if len(values) % 2 or len(values) < 6:
        raise InputError(f"{where}: {len(values)} numbers; x and y of 3 points or more are wanted")
    return Polygon((tuple(zip(values[::2], values[1::2], strict=True)),))


def _rle(rle: _Rle, where: str) -> Runs:
    height, width = rle.size
    counts = rle.counts
    if isinstance(counts, str):
        try:
            counts = runs_of(counts)
        except ValueError as error:
            raise InputError(f"{where}: compressed runs that are damaged ({error}); {_WANTED}") from error
    return Runs(counts, (0, 0, width, height), by_column=True)


def runs_of(text: str) -> list[int]:
    """Lengths of runs of COCO's string, the inverse of `obftnet.regions.coco.compressed`.

    Raises:
        ValueError: characters that it does not have, or a number that does not end.
    """
    runs: list[int] = []
    number = shift = 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60:
            raise ValueError(f"{character!r} in it")
        number |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    if shift:
        raise ValueError("its last number does not end")
    return runs


def _check_label_studio(image: Path, size: tuple[int, int], where: str) -> None:
    """Label Studio gives an image that EXIF turns the size that is stored and outlines on what is shown
    (https://github.com/HumanSignal/label-studio/issues/6608): the two cannot be told from another tool's."""
    from obftnet.imaging.decode import image_size, orientation_stored

    if image_size(image) != size and orientation_stored(image) != 1:
        raise InputError(
            f"{where}: {image} is turned by its EXIF orientation, of which Label Studio's COCO files "
            "have the size wrong; export the project as JSON, and import that as labelstudio"
        )
