"""A table's results beside the paper's values: CSV, Markdown and a figure."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from obftnet.files import atomic
from obftnet.imaging.panel import names_as_they_are
from obftnet.reproduction.run import Unit
from obftnet.reproduction.tables import MEANS, SPLITS, PaperRow, PaperTable


class Cell(NamedTuple):
    """One number: ours and its sample deviation over the seeds of training, and the paper's, in %.

    beside: the paper's backbone whose value `paper` is; None where there is no value.
    """

    row: str
    shots: int
    column: str
    ours: float
    std: float
    paper: float | None
    beside: str | None = None


def cells(
    table: PaperTable,
    backbone: str,
    results: Mapping[Unit, Mapping[str, Any]],
    folds: Sequence[str],
    *,
    compared: bool,
) -> list[Cell]:
    """The numbers of a table, in its order.

    A column a fold, then the means over the folds there are results of; where other data was tested, then a
    column a class of it, mean over the folds.

    Args:
        table: rows, and the paper's values.
        backbone: of the results.
        results: contents of result files.
        folds: of the results, in order.
        compared: whether the folds are the paper's splits, so that its values stand beside ours; its means do
            only where all five are there.
    """
    return list(_cells(table, backbone, results, folds, compared))


def write_report(
    out: Path, name: str, table: PaperTable, backbone: str, numbers: Sequence[Cell], note: str
) -> list[Path]:
    """Write OUT/<name>.csv, .md and .png; each whole or not at all.

    Args:
        out: the folder.
        name: of the files.
        table: for its title.
        backbone: for the title.
        numbers: as `cells` gives them.
        note: a sentence on how they were made.

    Raises:
        InputError: a file cannot be written.
    """
    paths = [out / f"{name}.{suffix}" for suffix in ("csv", "md", "png")]
    with atomic(paths[0]) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["row", "backbone", "shots", "column", "ours", "std", "paper", "paper_backbone", "difference"]
        )
        for cell in numbers:
            paper = "" if cell.paper is None else f"{cell.paper:.2f}"
            difference = "" if cell.paper is None else f"{cell.ours - cell.paper:.2f}"
            writer.writerow(
                [
                    cell.row,
                    backbone,
                    cell.shots,
                    cell.column,
                    f"{cell.ours:.2f}",
                    f"{cell.std:.2f}",
                    paper,
                    cell.beside or "",
                    difference,
                ]
            )
    with atomic(paths[1]) as temporary:
        temporary.write_text(_markdown(table, backbone, numbers, note), encoding="utf-8")
    _draw(paths[2], table, backbone, numbers)
    return paths


def _cells(
    table: PaperTable,
    backbone: str,
    results: Mapping[Unit, Mapping[str, Any]],
    folds: Sequence[str],
    compared: bool,
) -> Iterator[Cell]:
    names = [name for name in table.rows if any(unit.row == name for unit in results)]
    for shots in sorted({unit.shots for unit in results}):
        for name in names:
            row = table.rows[name]
            seeds = sorted({unit.seed for unit in results})
            own = {
                (unit.seed, unit.fold): content
                for unit, content in results.items()
                if (unit.row, unit.shots) == (name, shots)
            }
            if not own:
                continue  # the row is whole with other shots alone
            miou = _by_fold(own, seeds, folds, lambda content: content["mean_miou"])
            fb_iou = _by_fold(own, seeds, folds, lambda content: content["mean_fb_iou"])
            beside = row.beside(backbone) if compared else None
            for index, fold in enumerate(folds):
                yield _cell(name, shots, fold, miou[:, index], row, beside)
            whole = beside if len(folds) == len(SPLITS) else None
            for column, values in zip(MEANS, (miou, fb_iou), strict=True):
                yield _cell(name, shots, column, values.mean(1), row, whole)
            for label, tested, kind in _transferred(results):
                values = _by_fold(own, seeds, folds, partial(_class_iou, tested, kind))
                yield _cell(name, shots, label, values.mean(1), row, None)


def _by_fold(
    contents: Mapping[tuple[int, str], Mapping[str, Any]],
    seeds: Sequence[int],
    folds: Sequence[str],
    value: Callable[[Mapping[str, Any]], float],
) -> Any:
    """(seeds, folds) in %, of the contents of result files by seed and fold."""
    return np.array([[100 * value(contents[seed, fold]) for fold in folds] for seed in seeds])


def _class_iou(tested: str, name: str, content: Mapping[str, Any]) -> float:
    """IoU of a class (material/kind) of a tested fold, 0..1."""
    return float(content["folds"][tested]["classes"][name]["iou"])


def _transferred(results: Mapping[Unit, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Classes of other data than the folds': (what a column is called, tested fold, material/kind)."""
    unit, content = next(iter(results.items()))
    if not unit.on:
        return []
    return [
        (name.rpartition("/")[2], tested, name)
        for tested, fold in content["folds"].items()
        for name in fold["classes"]
    ]


def _cell(name: str, shots: int, column: str, values: Any, row: PaperRow, beside: str | None) -> Cell:
    std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    paper = None if beside is None else row.printed(beside, shots, column)
    return Cell(name, shots, column, float(np.mean(values)), std, paper, None if paper is None else beside)


def _markdown(table: PaperTable, backbone: str, numbers: Sequence[Cell], note: str) -> str:
    lines = [f"# {table.title}, {backbone}", "", note, ""]
    for shots in sorted({cell.shots for cell in numbers}):
        own = [cell for cell in numbers if cell.shots == shots]
        columns = list(dict.fromkeys(cell.column for cell in own))
        lines += [f"{shots}-shot, in %: ours (the paper's, difference)", ""]
        lines += ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        for row in dict.fromkeys(cell.row for cell in own):
            of_row = [cell for cell in own if cell.row == row]
            beside = next((cell.beside for cell in of_row if cell.beside not in (None, backbone)), None)
            label = row if beside is None else f"{row} (paper: {beside})"
            lines.append(f"| {label} | " + " | ".join(map(_text, of_row)) + " |")
        lines.append("")
    return "\n".join(lines)


def _text(cell: Cell) -> str:
    if cell.paper is None:
        return f"{cell.ours:.1f}"
    return f"{cell.ours:.1f} ({cell.paper:.1f}, {cell.ours - cell.paper:+.1f})"


@names_as_they_are()
def _draw(path: Path, table: PaperTable, backbone: str, numbers: Sequence[Cell]) -> None:
    """Mean mIoU of each row, ours beside the paper's, an axis a number of shots."""
    shots = sorted({cell.shots for cell in numbers})
    figure = Figure(figsize=(6.5, 3.2 * len(shots)), dpi=100, layout="constrained")
    axes = figure.subplots(len(shots), 1, squeeze=False)[:, 0]
    for axis, k in zip(axes, shots, strict=True):
        own = [cell for cell in numbers if (cell.shots, cell.column) == (k, MEANS[0])]
        places = np.arange(len(own))
        printed = [(place, cell.paper) for place, cell in enumerate(own) if cell.paper is not None]
        left = places - (0.2 if printed else 0)  # a bar alone stands above its name
        axis.bar(left, [cell.ours for cell in own], 0.4, yerr=[cell.std for cell in own], label="ours")
        if printed:
            axis.bar(
                [place + 0.2 for place, _ in printed], [value for _, value in printed], 0.4, label="paper"
            )
        axis.set_xlim(-0.7, len(own) - 0.3)  # one row alone would else fill the figure
        axis.set_xticks(places, [cell.row for cell in own], rotation=30, ha="right", fontsize=8)
        axis.set_ylabel("mean mIoU, %")
        axis.set_title(f"{table.title}, {backbone}, {k}-shot", fontsize=9)
        axis.legend(fontsize=8)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png")
