"""A grid a person can judge at a glance: query, truth, prediction, support, background, a row an episode."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from obftnet.data.episodes import Episode
from obftnet.decision import Decision, decide
from obftnet.files import atomic
from obftnet.imaging.overlay import draw_overlay
from obftnet.imaging.panel import names_as_they_are, show_panel

_T = TypeVar("_T")
COLUMNS = ("query", "truth", "prediction", "score", "support", "background")


@names_as_they_are()
def draw_grid(
    path: Path, rows: Sequence[tuple[Episode, NDArray[np.float32]]], decision: Decision | float, title: str
) -> None:
    """Write a PNG of episodes with their score maps (h, w) in 0..1."""
    figure = Figure(figsize=(2 * len(COLUMNS), 2.15 * len(rows) + 0.5), dpi=90, layout="constrained")
    axes = figure.subplots(len(rows), len(COLUMNS), squeeze=False)
    for row, (episode, score) in zip(axes, rows, strict=True):
        query = episode.query.load_image()
        support = episode.supports[0]
        panels: tuple[NDArray[np.uint8] | NDArray[np.float32], ...] = (
            query,
            draw_overlay(query, episode.query.load_mask()),
            draw_overlay(query, decide(score, decision)),
            score,
            draw_overlay(support.load_image(), support.load_mask()),
            episode.backgrounds[0].load()[0],
        )
        for axis, panel in zip(row, panels, strict=True):
            show_panel(axis, panel)
        row[0].set_ylabel(f"{episode.query.material}\n{episode.query.kind}", fontsize=8)
    for axis, name in zip(axes[0], COLUMNS, strict=True):
        axis.set_title(name, fontsize=9)
    figure.suptitle(title, fontsize=9)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")


def spread_out(items: Sequence[_T], count: int) -> list[_T]:
    """At most `count` items at equal distances in their list: chosen by place, not by taste."""
    if len(items) <= count:
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]
