"""Figures 8 and 9: the same queries segmented by several methods, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from obftnet.data.episodes import Episode
from obftnet.decision import decide
from obftnet.evaluation.evaluate import Evaluator
from obftnet.evaluation.metrics import Counts
from obftnet.files import atomic
from obftnet.imaging.overlay import draw_overlay
from obftnet.imaging.panel import names_as_they_are, show_panel
from obftnet.reproduction.queries import drawn_queries
from obftnet.reproduction.run import Progress, episodes_for, trained
from obftnet.reproduction.setting import Setting
from obftnet.reproduction.tables import PaperRow

_FONT = 8
#: Characters of a file's name below a panel.
_LONGEST = 28


@dataclass(frozen=True)
class Segmented:
    """An episode, the fold its models were trained without, and a mask (h, w) of the query by each row."""

    episode: Episode
    fold: str
    masks: Mapping[str, NDArray[np.bool_]]


def segmentations(
    setting: Setting,
    rows: Mapping[str, PaperRow],
    folds: Sequence[str],
    *,
    count: int,
    draw_seed: int,
    progress: Progress | None = None,
) -> list[Segmented]:
    """Segment drawn queries by the models of seed 0, trained as far as that is not done yet; one shot.

    Args:
        setting: data, backbone, budget, folder; with `transfer` the queries are of that data.
        rows: the methods.
        folds: left out of training.
        count: queries a fold.
        draw_seed: of the queries.
        progress: told (what is at work, models done, models in all).

    Raises:
        InputError: as `run.reproduce`.
    """
    collection = (setting.transfer or setting.data).collection
    found: list[Segmented] = []
    for number, fold in enumerate(folds):
        protocol, drawn = episodes_for(setting, fold, shots=1, seeds=1)
        listed = [episode for by_seed in drawn.values() for some in by_seed.values() for episode in some]
        chosen = drawn_queries(listed, count, draw_seed, fold)
        masks: list[dict[str, NDArray[np.bool_]]] = [{} for _ in chosen]
        for place, (name, row) in enumerate(rows.items()):
            if progress is not None:
                progress(f"{name}, {fold}", number * len(rows) + place, len(folds) * len(rows))
            evaluator = Evaluator(trained(setting, row, fold, seed=0), collection)
            for by_row, episode in zip(masks, chosen, strict=True):
                by_row[name] = decide(evaluator.score(episode), protocol.decision)
        found += [Segmented(episode, fold, by_row) for episode, by_row in zip(chosen, masks, strict=True)]
    if progress is not None:
        progress("", len(folds) * len(rows), len(folds) * len(rows))
    return found


@names_as_they_are()
def draw_segmentations(path: Path, found: Sequence[Segmented], title: str) -> None:
    """Write the PNG: a row an episode, its support, the query's truth, each method's mask with its IoU.

    Raises:
        InputError: it cannot be written, or an image cannot be read.
    """
    names = list(found[0].masks)
    headings = ("support", "query: truth", *names)
    figure = Figure(
        figsize=(2.1 * len(headings) + 0.4, 2.3 * len(found) + 0.4), dpi=100, layout="constrained"
    )
    axes = figure.subplots(len(found), len(headings), squeeze=False)
    for line, row in zip(axes, found, strict=True):
        support, query = row.episode.supports[0], row.episode.query
        image, truth = query.load_image(), query.load_mask()
        show_panel(line[0], draw_overlay(support.load_image(), support.load_mask()))
        show_panel(line[1], draw_overlay(image, truth))
        line[0].set_ylabel(f"without {row.fold}\n{query.material}: {query.kind}", fontsize=_FONT)
        line[0].set_xlabel(_end(support.image.stem), fontsize=_FONT)
        line[1].set_xlabel(_end(query.image.stem), fontsize=_FONT)
        for axis, name in zip(line[2:], names, strict=True):
            show_panel(axis, draw_overlay(image, row.masks[name]))
            axis.set_xlabel(_judged(row.masks[name], truth), fontsize=_FONT)
    for axis, heading in zip(axes[0], headings, strict=True):
        axis.set_title(heading, fontsize=_FONT + 1)
    figure.suptitle(title, fontsize=_FONT + 1)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")


def _judged(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> str:
    """The IoU of a mask; an empty one looks like an image that nothing was drawn on, so it is said."""
    return f"IoU {100 * Counts.of(mask, truth).iou:.0f} %" if mask.any() else "IoU 0 %: nothing marked"


def _end(stem: str) -> str:
    """A file's name as far as a panel has room; its end tells files apart."""
    return stem if len(stem) <= _LONGEST else "…" + stem[1 - _LONGEST :]
