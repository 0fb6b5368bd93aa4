"""A table's results beside the paper's values: CSV, Markdown and a figure."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from obftnet.files import atomic
from obftnet.imaging.panel import names_as_they_are
from obftnet.reproduction.cells import Cell
from obftnet.reproduction.differences import differences
from obftnet.reproduction.tables import MEANS, PaperTable


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
    with atomic(paths[0]) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                *("row", "backbone", "shots", "column", "trainings", "ours", "std"),
                *("paper", "paper_backbone", "difference"),
            ]
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
                    cell.trainings,
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


def _markdown(table: PaperTable, backbone: str, numbers: Sequence[Cell], note: str) -> str:
    lines = [f"# {table.title}, {backbone}", "", note, ""]
    for shots in sorted({cell.shots for cell in numbers}):
        own = [cell for cell in numbers if cell.shots == shots]
        columns = list(dict.fromkeys(cell.column for cell in own))
        lines += [f"{shots}-shot, in %: ours ± deviation over trainings (the paper's, difference)", ""]
        lines += ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        for row in dict.fromkeys(cell.row for cell in own):
            of_row = [cell for cell in own if cell.row == row]
            beside = next((cell.beside for cell in of_row if cell.beside not in (None, backbone)), None)
            label = row if beside is None else f"{row} (paper: {beside})"
            if of_row[0].trainings > 1:
                label += f", {of_row[0].trainings} trainings"
            lines.append(f"| {label} | " + " | ".join(map(_text, of_row)) + " |")
        lines.append("")
    return "\n".join(lines + _differences(table, numbers))


def _differences(table: PaperTable, numbers: Sequence[Cell]) -> list[str]:
    """What the table's rows add to those they are told from, as Markdown; nothing where no two are there."""
    found = differences(table, numbers)
    if not found:
        return []
    lines = [
        "Points of mean mIoU by which a row is ahead of another. The spread is the deviation, over "
        "trainings, of the difference of two; a difference that is no larger is called nothing.",
        "",
        "| shots | row | against | difference | spread | folds ahead | |",
        "|---:|---|---|---:|---:|---:|---|",
    ]
    lines += [
        f"| {one.shots} | {one.row} | {one.against} | {one.mean:+.1f} | "
        f"{'-' if one.spread is None else f'{one.spread:.1f}'} | {one.ahead} of {one.folds} | {one.verdict} |"
        for one in found
    ]
    return [*lines, ""]


def _text(cell: Cell) -> str:
    ours = f"{cell.ours:.1f}" + (f" ± {cell.std:.1f}" if cell.trainings > 1 else "")
    if cell.paper is None:
        return ours
    return f"{ours} ({cell.paper:.1f}, {cell.ours - cell.paper:+.1f})"


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
