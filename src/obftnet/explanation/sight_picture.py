"""The picture: a row a point; the query, then side by side the point and what it is most like."""

import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from obftnet.errors import printable
from obftnet.explanation.sight import Sight, Spot
from obftnet.files import atomic
from obftnet.imaging.panel import names_as_they_are, show_panel
from obftnet.imaging.picture import Picture
from obftnet.imaging.tiles import Part
from obftnet.imaging.write import MARK

_FONT = 8
_POINT = "#00e5ff"
_OUTLINE = "#ff00dc"
#: Share of what was looked at that a close view shows, along each side.
_CLOSE = 0.25
#: Longest side of a whole image in the picture, pixels.
_SIDE = 640
#: Letters of a file's name in a title.
_NAME = 34

_KEY = (
    ("point, and what it is most like", {"marker": "o", "color": "none", "markeredgecolor": _POINT}),
    ("annotated defect", {"color": _OUTLINE}),
    ("what the close view shows", {"color": _POINT, "linewidth": 0.8}),
)
_NOTE = (
    "Numbers are similarities (cosines; 1 is the same). Typical: the median over this image, or the tile. "
    "Mass: the share of all similarity,\nweighed exponentially, that is on the defect. A point is judged by "
    "how it differs from what is typical, at several scales at once; this is one.\n"
    "The close views are of one scale."
)


@names_as_they_are()
def draw_sights(
    path: Path,
    query: Picture,
    score: NDArray[np.float32],
    sights: Sequence[Sight],
    support: Callable[[int], tuple[Picture, NDArray[np.bool_]]],
    background: Callable[[int], Picture],
) -> None:
    """Write the PNG, whole or not at all.

    Args:
        path: of the picture.
        query: the image.
        score: (h, w) in 0..1.
        sights: one a point.
        support: reads a support and its mask (h, w) by index.
        background: reads a background by index.

    Raises:
        InputError: it cannot be written, or an image cannot be read.
    """
    figure = Figure(figsize=(14.5, 3.7 * len(sights) + 0.9), dpi=90, layout="constrained")
    axes = figure.subplots(len(sights), 5, squeeze=False)
    step = math.ceil(max(query.shape) / _SIDE)
    small, low = query[::step, ::step].floats(), score[::step, ::step]
    for line, sight in zip(axes, sights, strict=True):
        _whole(line[0], small, step, sight, f"query {_short(query.name)}\npoint {_at(sight.point)}")
        title = [sight.verdict, *([sight.course.strip(" ()")] if sight.course else [])]
        _whole(line[1], low, step, sight, _wrapped("\n".join(title)))
        second = [_wrapped(sight.second_look)] if len(sight.looks) > 1 else []
        itself = [] if sight.here.distant is None else [f"like the rest of this image: {sight.like_itself}"]
        _close(
            line[2], *_unmarked(query), sight.part, sight.point, "\n".join(["the point", *itself, *second])
        )
        views = [] if sight.here.views is None else [f"a turned or mirrored view: {sight.like_views}"]
        if sight.defect is None:
            _nothing(line[3], "no defect position in the guidance\nat this level")
        else:
            told = [f"most like the defect: {sight.like_defect}", _where(sight.defect), *views, sight.mass]
            image, mask = support(sight.defect.part.image)
            _close(line[3], image, mask, sight.defect.part, sight.defect.pixel, "\n".join(told))
        if sight.good is None:
            _nothing(line[4], "no good position in the guidance\nat this level")
            continue
        kind = "outside the defect" if sight.good_in_support else "background"
        told = [f"most like good material: {sight.like_good}", _where(sight.good), kind]
        index = sight.good.part.image
        image, mask = support(index) if sight.good_in_support else _unmarked(background(index))
        _close(line[4], image, mask, sight.good.part, sight.good.pixel, "\n".join(told))
    handles = [Line2D([], [], label=label, **look) for label, look in _KEY]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=_FONT,
        title=_NOTE,
        title_fontsize=_FONT,
    )
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", metadata=MARK, bbox_inches="tight")


def _whole(axis: Axes, panel: NDArray[np.float32], step: int, sight: Sight, title: str) -> None:
    """Every `step`th pixel of the query or of its score, the point and the edge of its close view."""
    show_panel(axis, panel, title, _FONT)
    x, y = sight.point
    rows, columns = _window(sight.part, sight.point)
    _mark(axis, x / step, y / step, 9)
    frame = (columns.start / step, rows.start / step)
    width, height = (columns.stop - columns.start) / step, (rows.stop - rows.start) / step
    axis.add_patch(Rectangle(frame, width, height, fill=False, edgecolor=_POINT, linewidth=0.8))


def _close(
    axis: Axes, image: Picture, mask: NDArray[np.bool_], part: Part, pixel: tuple[int, int], title: str
) -> None:
    """What surrounds a pixel."""
    window = _window(part, pixel)
    step = math.ceil(max(window[0].stop - window[0].start, window[1].stop - window[1].start) / _SIDE)
    rows, columns = (slice(one.start, one.stop, step) for one in window)
    show_panel(axis, image[rows, columns].floats(), title, _FONT)
    marked = mask[rows, columns]
    if 0 < marked.mean() < 1 and min(marked.shape) > 1:  # a contour needs two pixels a side
        axis.contour(marked, levels=[0.5], colors=_OUTLINE, linewidths=1)
    _mark(axis, (pixel[0] - columns.start) / step, (pixel[1] - rows.start) / step, 13)


def _unmarked(image: Picture) -> tuple[Picture, NDArray[np.bool_]]:
    """A picture in which nothing is annotated."""
    return image, np.zeros(image.shape, bool)


def _window(part: Part, pixel: tuple[int, int]) -> tuple[slice, slice]:
    """The close view around a pixel (x, y) of an image: as large a share of every part, within its image."""
    spans = []
    for at, size, whole in zip((pixel[1], pixel[0]), part.size, part.whole, strict=True):
        length = min(whole, max(1, round(_CLOSE * size)))
        start = min(max(0, at - length // 2), whole - length)
        spans.append(slice(start, start + length))
    return spans[0], spans[1]


def _mark(axis: Axes, x: float, y: float, size: float) -> None:
    for color, width in (("black", 3.0), (_POINT, 1.5)):
        axis.plot(
            x,
            y,
            "o",
            markersize=size,
            markerfacecolor="none",
            markeredgecolor=color,
            markeredgewidth=width,
            clip_on=False,
        )


def _nothing(axis: Axes, title: str) -> None:
    axis.set_axis_off()
    axis.set_title(title, fontsize=_FONT)


def _where(spot: Spot) -> str:
    return f"{_short(spot.name)} at {_at(spot.pixel)}"


def _at(pixel: tuple[int, int]) -> str:
    return f"{pixel[0]},{pixel[1]}"


def _short(name: str) -> str:
    """A file's name as a title has room for: its beginning and its end."""
    name = printable(Path(name).name)
    half = (_NAME - 1) // 2
    return name if len(name) <= _NAME else f"{name[:half]}…{name[-half:]}"


def _wrapped(text: str) -> str:
    return "\n".join(part for line in text.split("\n") for part in textwrap.wrap(line, 50))
