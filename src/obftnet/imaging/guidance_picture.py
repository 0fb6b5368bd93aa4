"""One picture of the guidance as it was understood: a glance tells whether a mask is inverted or turned."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from obftnet.files import atomic
from obftnet.imaging.overlay import draw_overlay
from obftnet.imaging.panel import show_panel
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import ImageSource, as_mask, as_picture

#: Longest side of an image in the picture, pixels, and how many stand side by side.
_SIDE = 512
_COLUMNS = 5


def draw_guidance(
    path: str | Path,
    supports: Iterable[tuple[ImageSource, ImageSource]],
    backgrounds: Iterable[ImageSource],
    *,
    bits: int | None = None,
    kinds: Sequence[str] = (),
) -> None:
    """Draw every support with its mask's outline and every background, with their names, into one PNG.

    Args:
        path: of the PNG, which is written whole or not at all.
        supports: (image, mask) pairs.
        backgrounds: images without a defect.
        bits: how many bits of samples stored in 16 are used (`Segmenter.bits`); None for all.
        kinds: of each support the kind of its defect, in whose colour it is outlined, as in overlays; () for
            one without a name.

    Raises:
        InputError: an image or a mask cannot be used; the picture cannot be written.
    """
    # Each by a call of its own: of large photographs there is no room for two.
    names = list(dict.fromkeys(kinds))
    panels = [
        _support_panel(pair, index, bits, kinds[index] if kinds else "", names)
        for index, pair in enumerate(supports)
    ]
    panels += [_background_panel(image, index, bits) for index, image in enumerate(backgrounds)]
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(2.6 * columns, 3.0 * rows), dpi=120, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for axis, (title, panel) in zip(axes, panels, strict=False):
        show_panel(axis, panel)
        axis.set_title(title, fontsize=7, parse_math=False)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")


def _support_panel(
    pair: tuple[ImageSource, ImageSource], index: int, bits: int | None, kind: str, kinds: Sequence[str]
) -> tuple[str, NDArray[np.uint8]]:
    """Title and picture (h, w, 3) of a support."""
    image, annotation = pair
    picture = _picture(image, f"support {index}", bits)
    mask = as_mask(annotation, like=picture.shape, name=f"mask of support {index}", image_name=picture.name)
    title = f"{kind}: " if kind else "support "
    title += f"{Path(picture.name).name}\n{100 * float(mask.mean()):.2g} % marked"
    return title, _small(picture, mask, kinds.index(kind) if kind else 0)


def _background_panel(image: ImageSource, index: int, bits: int | None) -> tuple[str, NDArray[np.uint8]]:
    """The same of a background."""
    picture = _picture(image, f"background {index}", bits)
    return f"background\n{Path(picture.name).name}", _small(picture, np.zeros(picture.shape, bool))


def _picture(source: ImageSource, name: str, bits: int | None) -> Picture:
    picture = as_picture(source, name)
    return picture if bits is None else picture.with_bits(bits)


def _small(picture: Picture, mask: NDArray[np.bool_], kind: int = 0) -> NDArray[np.uint8]:
    """At most _SIDE pixels a side; no marked pixel is lost."""
    step = math.ceil(max(picture.shape) / _SIDE)
    cells = [np.arange(0, n, step) for n in picture.shape]
    marked = np.logical_or.reduceat(np.logical_or.reduceat(mask, cells[0], axis=0), cells[1], axis=1)
    return draw_overlay(picture[::step, ::step], marked, best=np.full(marked.shape, kind, np.uint8))
