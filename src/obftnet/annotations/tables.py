"""A CSV table of images and their masks.

    image,mask,label
    photos/1.jpg,masks/1.png,scratch
    photos/2.jpg,,good

`mask` and `label` may be missing or empty, `material` may be there. An image may have several rows, one a
label.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from obftnet.annotations.annotated import Annotated, Request, Shape, says_good
from obftnet.annotations.mask_files import MaskFile, shapes_of
from obftnet.annotations.parse import one_file, read_table
from obftnet.annotations.places import Places
from obftnet.errors import InputError

_WANTED = "a CSV table with a column image, and mask, label and material where there are such, is wanted"


def read_csv(request: Request) -> Iterator[Annotated]:
    """Read a table, or the one of a folder.

    Raises:
        InputError: not such a table, a file that is not found, a row that contradicts itself or another.
    """
    path = one_file(request.source, (), "*.csv", _WANTED)
    places = Places([path.parent], request.images)
    found: dict[Path, Annotated] = {}
    for line, row in read_table(path, "image", _WANTED):
        annotated = _row(row, f"{path}: line {line}", places, request)
        earlier = found.get(annotated.image)
        if earlier is None:
            found[annotated.image] = annotated
            continue
        if not (earlier.shapes and annotated.shapes) or earlier.material != annotated.material:
            raise InputError(f"{annotated.where}: {row['image']} stands in it twice, and not as two defects")
        found[annotated.image] = replace(earlier, shapes=earlier.shapes + annotated.shapes)
    yield from found.values()


def _row(row: dict[str, str], where: str, places: Places, request: Request) -> Annotated:
    if not row["image"]:
        raise InputError(f"{where}: no image; {_WANTED}")
    image = places.find(row["image"], where)
    label, mask = row.get("label", ""), row.get("mask", "")
    material = row.get("material") or None
    if says_good(label):
        if mask:
            raise InputError(f"{where}: label {label!r} and a mask; leave one of them out")
        return Annotated(image, where, good=True, material=material)
    if not mask:
        if label:
            raise InputError(f"{where}: label {label!r} and no mask; name its mask, or leave the row out")
        return Annotated(image, where, material=material)
    file = places.find(mask, where, "mask")
    if label:
        shapes: tuple[Shape, ...] = (Shape(label, where, MaskFile(file, image, request.cut)),)
    else:
        shapes = shapes_of(file, image, where, request)
    return Annotated(image, where, shapes, material=material)
