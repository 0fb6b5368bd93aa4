"""Label Studio's JSON export (https://labelstud.io/guide/task_format): tasks with their annotations.

The browser shows images turned by their EXIF orientation; sizes and coordinates (per cent of the sides) are
those of what it shows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from obftnet.annotations.annotated import Annotated, Request, Shape, says_good
from obftnet.annotations.forms import Ellipse, Form, FormError, Polygon, TurnedBox, box
from obftnet.annotations.parse import Fields, Number, Whole, one_file, read_model
from obftnet.annotations.places import Places
from obftnet.errors import InputError
from obftnet.imaging.read import IMAGE_SUFFIXES
from obftnet.kinds import DEFAULT_KIND

_WANTED = "a Label Studio export as JSON (not JSON-MIN) is wanted"
_KINDS = ("polygon", "rectangle", "ellipse", "brush")
_OPEN = ("keypoint", "vector", "cuboid")
#: Results that say something of the image or of a region and draw none; "" is what is left of "labels".
_NO_REGION = (
    "",
    "choices",
    "datetime",
    "number",
    "pairwise",
    *("ranker", "rating", "relation", "taxonomy", "textarea"),
)
#: A brush is soft at its rim: from this opacity of 255 a pixel is marked.
_OPAQUE = 128


class _Value(Fields):
    points: list[tuple[Number, Number]] | None = None
    closed: bool = True
    x: Number | None = None
    y: Number | None = None
    width: Number | None = None
    height: Number | None = None
    radiusX: Number | None = None  # noqa: N815
    radiusY: Number | None = None  # noqa: N815
    rotation: Number = 0.0
    rle: list[Whole] | None = None
    labels: tuple[str, ...] = ()
    polygonlabels: tuple[str, ...] = ()
    rectanglelabels: tuple[str, ...] = ()
    ellipselabels: tuple[str, ...] = ()
    brushlabels: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


class _Result(Fields):
    type: str = ""
    id: str | None = None
    value: _Value = _Value()
    original_width: Whole | None = None
    original_height: Whole | None = None
    image_rotation: Number = 0.0
    item_index: Whole | None = None
    hidden: bool = False


class _Annotation(Fields):
    result: list[_Result]
    was_cancelled: bool = False
    ground_truth: bool = False


class _Task(Fields):
    id: Whole | str | None = None
    data: dict[str, Any]
    annotations: list[_Annotation]


@dataclass(frozen=True)
class Brush:
    """A brush's region: RGBA of every pixel, in runs as `unpack` has them. content: bytes, each 0..255."""

    content: Sequence[int] = field(repr=False)

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """As `Form`; marked where the opacity reaches half."""
        try:
            samples = unpack(bytes(self.content), size[0] * size[1] * 4)
        except ValueError as error:
            raise FormError(f"a brush's runs that are damaged ({error})") from error
        return samples.reshape(*size, 4)[:, :, 3] >= _OPAQUE


def unpack(content: bytes, count: int) -> NDArray[np.uint8]:
    """Samples that rle-pack packed (https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack).

    Bits: 32 the number of samples, 5 the bits of a sample less 1, four times 4 the bits of a length less 1;
    then chunks: 1 whether it repeats one sample, 2 which of the four it uses, its length less 1, its samples.

    Args:
        content: packed.
        count: of the samples that are wanted.

    Returns:
        (count,) uint8.

    Raises:
        ValueError: another number of samples, samples of other than 8 bits, or it ends too early.
    """
    at, end = 0, len(content) * 8

    def read(bits: int) -> int:
        nonlocal at
        if at + bits > end:
            raise ValueError("they end too early")
        first, last = at >> 3, (at + bits + 7) >> 3
        at += bits
        return int.from_bytes(content[first:last], "big") >> (last * 8 - at) & ((1 << bits) - 1)

    number, word = read(32), read(5) + 1
    if number != count:
        raise ValueError(f"{number:,} samples; {count:,} are wanted, four a pixel")
    if word != 8:
        raise ValueError(f"samples of {word} bits; 8 are wanted")
    lengths = [read(4) + 1 for _ in range(4)]
    samples = np.empty(count, np.uint8)
    done = 0
    while done < count:
        repeats, length = read(1), read(lengths[read(2)]) + 1
        if done + length > count:
            raise ValueError("more samples than pixels")
        if repeats:
            samples[done : done + length] = read(8)
        else:
            samples[done : done + length] = [read(8) for _ in range(length)]
        done += length
    return samples


def read_labelstudio(request: Request) -> Iterator[Annotated]:
    """Read an export, or the one of a folder.

    A task that was submitted without a region was seen to be good; one that was skipped was not.

    Raises:
        InputError: not such a file, several annotations of one task, an image that is not found.
    """
    path = one_file(request.source, (), "*.json", _WANTED)
    tasks = read_model(path, list[_Task], _WANTED)
    places = Places([path.parent, path.parent / "images"], request.images)
    for index, task in enumerate(tasks):
        where = f"{path}: [{index}]" + ("" if task.id is None else f" (task {task.id})")
        short = f"task {index if task.id is None else task.id}"
        made = [annotation for annotation in task.annotations if not annotation.was_cancelled]
        if len(made) < len(task.annotations):
            request.notes.add("annotations that were skipped, left out", short)
        if len(made) > 1:
            made = [annotation for annotation in made if annotation.ground_truth] or made
        if len(made) > 1:
            raise InputError(
                f"{where}: {len(made)} annotations; leave one, or mark one as ground truth, and export again"
            )
        image = places.find(_file_name(_image(task.data, where)), where)
        if not made:
            yield Annotated(image, where)
            continue
        chosen = [choice for result in made[0].result for choice in result.value.choices]
        size = _size(made[0].result, where)
        shapes = tuple(_shapes(made[0].result, size, where, short, request))
        # Whatever else stands there (a text, a choice, a key point) may speak of a defect.
        good = any(map(says_good, chosen)) or not made[0].result
        yield Annotated(image, where, shapes, size, good)


def _image(data: Mapping[str, Any], where: str) -> str:
    """What a task's data says of its image."""
    if isinstance(data.get("image"), str):
        return str(data["image"])
    found = [
        value
        for value in data.values()
        if isinstance(value, str) and PurePosixPath(_file_name(value)).suffix.lower() in IMAGE_SUFFIXES
    ]
    if len(found) != 1:
        raise InputError(f"{where}: {len(found)} images among its data; one is wanted")
    return found[0]


def _file_name(text: str) -> str:
    """The path in an address as Label Studio writes them; any other text as it is."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+://|/data/", text):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    local = parse_qs(parts.query).get("d") if parts.path.startswith("/data/local-files") else None
    # Absolute, so that it is looked for in the folder of the images alone.
    return "/" + (local[0] if local else unquote(parts.path)).lstrip("/")


def _size(results: Sequence[_Result], where: str) -> tuple[int, int] | None:
    sizes = {
        (result.original_height, result.original_width)
        for result in results
        if result.original_height is not None and result.original_width is not None
    }
    if len(sizes) > 1:
        raise InputError(f"{where}: regions on images of several sizes; one image a task is wanted")
    return next(iter(sizes), None)


def _shapes(
    results: Sequence[_Result], size: tuple[int, int] | None, where: str, short: str, request: Request
) -> Iterator[Shape]:
    # <Brush> beside <Labels> gives a region twice: once as drawn, once with its labels.
    labels: dict[str | None, list[str]] = {}
    for result in results:
        if result.type == "labels":
            labels.setdefault(result.id, []).extend(result.value.labels)
    for index, result in enumerate(results):
        kind = result.type.removesuffix("labels")
        place = f"{where}: result[{index}]"
        if kind in _OPEN or (kind == "polygon" and not result.value.closed):
            request.notes.add(f"{result.type} marks no area, left out", f"{short} result[{index}]")
        if kind not in _KINDS:
            if kind not in (*_OPEN, *_NO_REGION):
                raise InputError(f"{place}: a region of type {result.type!r}; {', '.join(_KINDS)} are known")
            continue
        if kind == "polygon" and not result.value.closed:
            continue
        if result.image_rotation % 360:
            raise InputError(
                f"{place}: drawn on an image that was turned by hand ({result.image_rotation:g} degrees); "
                "turn it back, or save the image so, and draw again"
            )
        if result.item_index:
            raise InputError(f"{place}: on image {result.item_index} of several; one image a task is wanted")
        if size is None:
            raise InputError(f"{place}: no original_width and original_height; {_WANTED}")
        if result.hidden:
            request.notes.add("hidden regions, marked as others", f"{short} result[{index}]")
        if kind == "rectangle":
            request.notes.add("rectangles, marked whole", f"{short} result[{index}]")
        form = _form(kind, result.value, size, place)
        value = result.value
        own = [*value.polygonlabels, *value.rectanglelabels, *value.ellipselabels, *value.brushlabels]
        for label in own or labels.get(result.id) or [DEFAULT_KIND]:
            yield Shape(label, place, form)


def _form(kind: str, value: _Value, size: tuple[int, int], where: str) -> Form:
    height, width = size
    across, down = width / 100, height / 100

    def given(*values: float | None) -> list[float]:
        if any(number is None for number in values):
            raise InputError(f"{where}: a {kind} whose place is not given; {_WANTED}")
        return [number for number in values if number is not None]

    if kind == "polygon":
        return Polygon((tuple((x * across, y * down) for x, y in value.points or ()),))
    if kind == "rectangle":
        x, y, w, h = given(value.x, value.y, value.width, value.height)
        if value.rotation % 360:
            return TurnedBox((x * across, y * down), (w * across, h * down), value.rotation)
        return box(x * across, y * down, (x + w) * across, (y + h) * down)
    if kind == "ellipse":
        x, y, rx, ry = given(value.x, value.y, value.radiusX, value.radiusY)
        return Ellipse((x * across, y * down), (rx * across, ry * down), value.rotation)
    if value.rle is None or not all(0 <= byte < 256 for byte in value.rle):
        raise InputError(f"{where}: a brush without runs, or with numbers beyond 0..255; {_WANTED}")
    return Brush(value.rle)
