"""CVAT: "CVAT for images 1.1" (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/).

It shows images turned by their EXIF orientation (since 2022: pull request 4529), and size and coordinates are
those of what it shows. Runs of a mask go along the rows of its window, pixels that are not marked first.
"""

import math
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from obftnet.annotations.annotated import Annotated, Request, Shape, says_good
from obftnet.annotations.forms import Ellipse, Form, Polygon, Runs, TurnedBox, box
from obftnet.annotations.parse import number, one_file, read_xml, whole
from obftnet.annotations.places import Places
from obftnet.errors import InputError

_WANTED = "annotations.xml of an export as CVAT for images 1.1, unpacked, is wanted"
_OPEN = ("polyline", "points", "cuboid", "skeleton")


def read_cvat(request: Request) -> Iterator[Annotated]:
    """Read an annotations.xml, or that of a folder.

    Raises:
        InputError: not such a file, a field that is missing or wrong, an image that is not found.
    """
    path = one_file(request.source, ("annotations.xml",), "*.xml", _WANTED)
    root = read_xml(path, _WANTED)
    if root.tag != "annotations":
        raise InputError(f"{path}: XML of <{root.tag}>; {_WANTED}")
    if root.find("track") is not None:
        raise InputError(f"{path}: tracks of a video; {_WANTED}")
    places = Places([path.parent, path.parent / "images"], request.images)
    for image in root.iterfind("image"):
        name = image.get("name")
        if not name:
            raise InputError(f"{path}: image {image.get('id')}: no name; {_WANTED}")
        where = f"{path}: image {name!r}"
        size = (
            whole(image.get("height"), where, "height"),
            whole(image.get("width"), where, "width"),
        )
        # A project's images lie in a folder a subset.
        found = places.find(name, where, below=image.get("subset"))
        tags = [tag.get("label", "") for tag in image.iterfind("tag")]
        good = any(map(says_good, tags))
        yield Annotated(found, where, tuple(_shapes(image, where, name, request)), size, good)


def _shapes(image: Element, where: str, name: str, request: Request) -> Iterator[Shape]:
    notes = request.notes
    counts: dict[str, int] = {}
    for drawn in image:
        if drawn.tag in ("tag", "attribute"):
            continue
        place = f"{drawn.tag}[{counts.get(drawn.tag, 0)}]"
        counts[drawn.tag] = counts.get(drawn.tag, 0) + 1
        if drawn.tag in _OPEN:
            notes.add(f"{drawn.tag} marks no area, left out", f"{name} {place}")
            continue
        if drawn.get("outside") == "1":
            notes.add("shapes outside their image, left out", f"{name} {place}")
            continue
        if drawn.get("occluded") == "1":
            notes.add("occluded shapes, marked as others", f"{name} {place}")
        if drawn.tag == "box":
            notes.add("boxes, marked whole", f"{name} {place}")
        label = drawn.get("label")
        if not label:
            raise InputError(f"{where} {place}: no label; {_WANTED}")
        yield Shape(label, f"{where} {place}", _form(drawn, f"{where} {place}"))


def _form(drawn: Element, where: str) -> Form:
    fields = drawn.attrib
    if drawn.tag == "polygon":
        return Polygon((tuple(_points(fields.get("points", ""), where)),))
    if drawn.tag == "mask":
        left, top, width, height = (
            whole(fields.get(key), where, key) for key in ("left", "top", "width", "height")
        )
        runs = tuple(whole(run, where, "rle") for run in fields.get("rle", "").split(","))
        return Runs(runs, (left, top, width, height), by_column=False)
    if drawn.tag == "box":
        x0, y0, x1, y1 = (number(fields.get(key), where, key) for key in ("xtl", "ytl", "xbr", "ybr"))
        turn = _rotation(fields, where)
        return _turned(x0, y0, x1, y1, turn) if turn else box(x0, y0, x1, y1)
    if drawn.tag == "ellipse":
        x, y, rx, ry = (number(fields.get(key), where, key) for key in ("cx", "cy", "rx", "ry"))
        return Ellipse((x, y), (rx, ry), _rotation(fields, where))
    raise InputError(f"{where}: a {drawn.tag}; polygon, mask, box and ellipse are known")


def _points(text: str, where: str) -> Iterator[tuple[float, float]]:
    for pair in text.split(";"):
        x, _, y = pair.partition(",")
        yield number(x, where, "points"), number(y, where, "points")


def _rotation(fields: Mapping[str, str], where: str) -> float:
    return number(fields.get("rotation", "0"), where, "rotation")


def _turned(x0: float, y0: float, x1: float, y1: float, rotation: float) -> TurnedBox:
    """A box that was turned about its middle."""
    cos, sin = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    across, down = (x1 - x0) / 2, (y1 - y0) / 2
    corner = ((x0 + x1) / 2 - across * cos + down * sin, (y0 + y1) / 2 - across * sin - down * cos)
    return TurnedBox(corner, (x1 - x0, y1 - y0), rotation)
