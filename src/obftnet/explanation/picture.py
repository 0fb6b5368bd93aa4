"""The picture: a row a point, the query with the point, then its mass on every support and background."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from obftnet.explanation.match import Match
from obftnet.files import atomic
from obftnet.imaging.panel import show_panel
from obftnet.imaging.write import MARK

_FONT = 8
_POINT = "#00e5ff"
_OUTLINE = "#ff00dc"
#: The brightness that is left of an image, so that the heat can be seen.
_DIM = 0.75


@dataclass(frozen=True)
class Row:
    """A query point (x, y) in pixels, its score in 0..1, and where its mass goes."""

    point: tuple[int, int]
    score: float
    match: Match


def draw(
    path: Path,
    query: NDArray[np.float32],
    score: NDArray[np.float32],
    supports: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]],
    backgrounds: Sequence[NDArray[np.float32]],
    rows: Sequence[Row],
) -> None:
    """Write the PNG, whole or not at all.

    Args:
        path: of the picture.
        query: (h, w, 3) in 0..1.
        score: (h, w) in 0..1.
        supports: images (h, w, 3) with their masks (h, w).
        backgrounds: images (h, w, 3).
        rows: one a point.

    Raises:
        InputError: it cannot be written.
    """
    columns = 2 + len(supports) + len(backgrounds)
    figure = Figure(figsize=(2.2 * columns, 2.45 * len(rows) + 0.6), dpi=90, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        x, y = row.point
        show_panel(line[0], query, f"query ({x}, {y})", _FONT)
        show_panel(line[1], score, f"score {row.score:.2f}", _FONT)
        for axis in line[:2]:
            axis.plot(
                x, y, "o", markersize=9, markerfacecolor="none", markeredgecolor="black", markeredgewidth=3
            )
            axis.plot(
                x, y, "o", markersize=9, markerfacecolor="none", markeredgecolor=_POINT, markeredgewidth=1.5
            )
        of_support = line[2 : 2 + len(supports)]
        for axis, (image, mask), mass in zip(of_support, supports, row.match.support, strict=True):
            heat = _heat(image, _at(mass, mask.shape), float(row.match.support.max()))
            show_panel(axis, heat, "support", _FONT)
            # A hairline: a wider outline would hide what falls on a thin defect.
            axis.contour(mask, levels=[0.5], colors=_OUTLINE, linewidths=0.7)
        of_support[0].set_title(f"support: {100 * row.match.defect:.0f} % on the defect", fontsize=_FONT)
        of_good = line[2 + len(supports) :]
        peak = float(row.match.background.max() * row.match.background.size)
        for axis, good, mass in zip(of_good, backgrounds, row.match.background, strict=True):
            heat = _heat(good, _at(mass, good.shape[:2]), float(row.match.background.max()))
            show_panel(axis, heat, "background", _FONT)
        of_good[0].set_title(f"background: peak {peak:.0f} x uniform", fontsize=_FONT)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", metadata=MARK)


def _at(mass: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A cell map (h, w) at an image's size: every cell a block, because that is what is known."""
    rows = np.arange(shape[0]) * mass.shape[0] // shape[0]
    columns = np.arange(shape[1]) * mass.shape[1] // shape[1]
    values: NDArray[np.float32] = mass[rows[:, None], columns]
    return values


def _heat(image: NDArray[np.float32], share: NDArray[np.float32], largest: float) -> NDArray[np.float32]:
    """An image (h, w, 3), grey, with red to yellow where mass (h, w) falls; yellow at `largest`."""
    strength = np.sqrt(share / max(largest, 1e-12))[:, :, None]
    color = np.concatenate([np.ones_like(strength), strength**2, np.zeros_like(strength)], -1)
    grey = _DIM * image.mean(-1, keepdims=True)
    heated: NDArray[np.float32] = (1 - strength) * grey + strength * color
    return heated
