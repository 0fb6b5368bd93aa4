"""A table's numbers, of the result files of its units."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from obftnet.reproduction.tables import MEANS, SPLITS, PaperRow, PaperTable
from obftnet.reproduction.unit import Unit

#: Further means in a result file (`evaluation.results.summarise`), by what their columns are called. The
#: paper prints none of them; those of good images are left out where the tested data has none.
FURTHER = {
    "mean_best_miou": "mean best mIoU",
    "mean_ap": "mean AP",
    "mean_aupro": "mean AUPRO",
    "mean_region_recall": "regions found",
    "mean_image_auroc": "image AUROC",
    "mean_with_mark": "good images with a mark",
    "mean_false_positive_area": "false-positive area",
}


class Cell(NamedTuple):
    """One number: ours and its sample deviation over the seeds of training, and the paper's, in %.

    beside: the paper's backbone whose value `paper` is; None where there is no value. trainings: how many
    `ours` is the mean of; 0 where nothing is trained.
    """

    row: str
    shots: int
    column: str
    ours: float
    std: float
    paper: float | None
    beside: str | None = None
    trainings: int = 1


def cells(
    table: PaperTable,
    backbone: str,
    results: Mapping[Unit, Mapping[str, Any]],
    folds: Sequence[str],
    *,
    compared: bool,
) -> list[Cell]:
    """The numbers of a table, in its order.

    A column a fold, then the means over the folds there are results of, threshold-free and image-level
    figures after mIoU and FB-IoU; where other data was tested, then a column a class of it, mean over the
    folds.

    Args:
        table: rows, and the paper's values.
        backbone: of the results.
        results: contents of result files.
        folds: of the results, in order.
        compared: whether the folds are the paper's splits, so that its values stand beside ours; its means do
            only where all five are there.
    """
    return list(_cells(table, backbone, results, folds, compared))


def _cells(
    table: PaperTable,
    backbone: str,
    results: Mapping[Unit, Mapping[str, Any]],
    folds: Sequence[str],
    compared: bool,
) -> Iterator[Cell]:
    measured = [key for key in FURTHER if all(content[key] is not None for content in results.values())]
    names = [name for name in table.rows if any(unit.row == name for unit in results)]
    for shots in sorted({unit.shots for unit in results}):
        for name in names:
            row = table.rows[name]
            own = {
                (unit.seed, unit.fold): content
                for unit, content in results.items()
                if (unit.row, unit.shots) == (name, shots)
            }
            if not own:
                continue  # the row is whole with other shots alone
            seeds = sorted({seed for seed, _ in own})
            miou = _by_fold(own, seeds, folds, lambda content: content["mean_miou"])
            fb_iou = _by_fold(own, seeds, folds, lambda content: content["mean_fb_iou"])
            beside = row.beside(backbone) if compared else None
            for index, fold in enumerate(folds):
                yield _cell(name, shots, fold, miou[:, index], row, beside)
            whole = beside if len(folds) == len(SPLITS) else None
            for column, values in zip(MEANS, (miou, fb_iou), strict=True):
                yield _cell(name, shots, column, values.mean(1), row, whole)
            for key in measured:
                values = _by_fold(own, seeds, folds, partial(_figure, key))
                yield _cell(name, shots, FURTHER[key], values.mean(1), row, None)
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


def _figure(key: str, content: Mapping[str, Any]) -> float:
    return float(content[key])


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
    beside = None if paper is None else beside
    trainings = len(values) if row.trained else 0
    return Cell(name, shots, column, float(np.mean(values)), std, paper, beside, trainings)
