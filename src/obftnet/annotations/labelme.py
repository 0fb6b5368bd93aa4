"""labelme: a JSON file an image (https://github.com/wkentaro/labelme, `labelme/_label_file.py`).

It shows images turned by their EXIF orientation, and its coordinates are those of what it shows.
"""

import base64
import binascii
import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from obftnet.annotations.annotated import Annotated, Notes, Request, Shape, says_good
from obftnet.annotations.forms import Ellipse, Form, FormError, Polygon, box, check_window
from obftnet.annotations.parse import Fields, Number, Whole, place
from obftnet.annotations.places import Places
from obftnet.errors import InputError
from obftnet.imaging.checks import decoding
from obftnet.imaging.read import IMAGE_SUFFIXES
from obftnet.json_files import read_json

_WANTED = "a JSON file that labelme saved is wanted"
_OPEN = ("line", "linestrip", "point", "points")


class _Shape(Fields):
    label: str
    points: list[tuple[Number, Number]]
    shape_type: str | None = "polygon"
    mask: str | None = None


class _File(Fields):
    imagePath: str  # noqa: N815
    shapes: list[_Shape]
    flags: dict[str, bool] | None = None
    imageHeight: Whole | None = None  # noqa: N815
    imageWidth: Whole | None = None  # noqa: N815

    @property
    def size(self) -> tuple[int, int] | None:
        """(h, w) of the image, where the file says it."""
        if self.imageHeight is None or self.imageWidth is None:
            return None
        return self.imageHeight, self.imageWidth


@dataclass(frozen=True)
class MaskInWindow:
    """labelme's `mask`: a PNG of a part of the image.

    text: base64. corners: the part's first and last pixel, (x, y).
    """

    text: str = field(repr=False)
    corners: tuple[tuple[float, float], tuple[float, float]]

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """As `Form`."""
        (left, top), (right, bottom) = (tuple(map(int, corner)) for corner in self.corners)
        width, height = right - left + 1, bottom - top + 1
        check_window(left, top, width, height, size)
        try:
            content = base64.b64decode(self.text, validate=True)
        except (ValueError, binascii.Error) as error:
            raise FormError("a mask that is not base64") from error
        try:
            with decoding(Path("mask")), Image.open(io.BytesIO(content), formats=("PNG",)) as image:
                found = image.size
                pixels = np.asarray(image) if found == (width, height) else None
        except InputError as error:
            raise FormError("a mask that is not a whole PNG") from error
        if pixels is None or pixels.ndim != 2:
            raise FormError(
                f"a mask of {found[0]} x {found[1]} pixels, but its corners span {width} x {height}"
            )
        marked = np.zeros(size, np.bool_)
        marked[top : bottom + 1, left : right + 1] = pixels != 0
        return marked


def read_labelme(request: Request) -> Iterator[Annotated]:
    """Read one JSON file, or all of a folder and those below it.

    Raises:
        InputError: no such file, a file that labelme did not write, an image that is not found.
    """
    root = request.source if request.source.is_dir() else request.source.parent
    files = _files(request.source)
    places = Places([root], request.images)
    seen = set()
    for path in files:
        content = read_json(path, _WANTED)
        if path != request.source and not (isinstance(content, dict) and "shapes" in content):
            request.notes.add("JSON files that labelme did not write, left out", path.name)
            continue
        annotated = _read(path, content, root, places, request.notes)
        seen.add(annotated.image)
        yield annotated
    if request.source.is_dir():
        for image in sorted(root.rglob("*")):
            if image.suffix.lower() in IMAGE_SUFFIXES and image not in seen and image.is_file():
                request.notes.add("images without a JSON file, left out", image.name)


def read_outlines(path: Path) -> tuple[tuple[int, int] | None, tuple[Shape, ...]]:
    """What is drawn in a JSON file, whose image is not wanted: (h, w) where it says so, and the shapes.

    Raises:
        InputError: no such file, or one that labelme did not write; lines or points, which hold no area.
    """
    content = read_json(path, _WANTED)
    if isinstance(content, dict):
        content = {"imagePath": "", **content}
    file = _parsed(path, content)
    for index, shape in enumerate(file.shapes):
        if shape.shape_type in _OPEN:
            raise InputError(f"{path}: shapes[{index}]: a {shape.shape_type} holds no area; draw polygons")
    return file.size, tuple(
        Shape(shape.label, where, _form(shape, where))
        for shape, where in ((s, f"{path}: shapes[{i}]") for i, s in enumerate(file.shapes))
    )


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    found = sorted(path for path in source.rglob("*.json") if path.is_file())
    if not found:
        raise InputError(f"{source}: no *.json in it; {_WANTED}")
    return found


def _read(path: Path, content: object, root: Path, places: Places, notes: Notes) -> Annotated:
    file = _parsed(path, content)
    shapes = []
    for index, shape in enumerate(file.shapes):
        where = f"{path}: shapes[{index}]"
        if shape.shape_type in _OPEN:
            notes.add(f"{shape.shape_type} marks no area, left out", f"{path.name} shapes[{index}]")
            continue
        if shape.shape_type == "rectangle":
            notes.add("rectangles, marked whole", f"{path.name} shapes[{index}]")
        shapes.append(Shape(shape.label, where, _form(shape, where)))
    good = any(value and says_good(flag) for flag, value in (file.flags or {}).items())
    image = places.find(_name(file.imagePath, path, root), str(path))
    return Annotated(image, str(path), tuple(shapes), file.size, good)


def _parsed(path: Path, content: object) -> _File:
    try:
        return TypeAdapter(_File).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"{path}: {place(first['loc'])}{first['msg'].lower()}; {_WANTED}") from error


def _name(name: str, path: Path, root: Path) -> str:
    """The image's name, which is relative to its JSON file, relative to the root if it does not lead out."""
    joined = os.path.normpath(path.parent.relative_to(root) / name.replace("\\", "/"))
    return name if joined.startswith("..") else joined


def _form(shape: _Shape, where: str) -> Form:
    kind, points = shape.shape_type, shape.points
    wanted = {"rectangle": 2, "circle": 2, "mask": 2, "oriented_rectangle": 4}.get(kind or "", len(points))
    if len(points) != wanted:
        raise InputError(f"{where}: a {kind} of {len(points)} point(s); {wanted} are wanted")
    if kind in (None, "polygon", "oriented_rectangle"):
        return Polygon((tuple(points),))
    if kind == "rectangle":
        return box(*points[0], *points[1])
    if kind == "circle":
        radius = math.dist(points[0], points[1])
        return Ellipse(points[0], (radius, radius))
    if kind == "mask" and shape.mask is not None:
        return MaskInWindow(shape.mask, (points[0], points[1]))
    known = "polygon, rectangle, oriented_rectangle, circle and mask"
    raise InputError(f"{where}: a shape of type {kind!r}; {known} are known")
