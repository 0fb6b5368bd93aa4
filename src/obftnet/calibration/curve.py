"""The trade of a calibration: for each threshold that its images allow, its promise and its recall."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from obftnet.calibration.quantile import round_up
from obftnet.decision import DEFAULT_THRESHOLD
from obftnet.files import atomic
from obftnet.regions.tables import write_rows

#: Files that are written.
CURVES = ("curve.csv", "curve.png")
_COLUMNS = ("threshold_score", "promised_false_alarms", "defects_found", "defects")


def trade(good: Sequence[float], defects: Sequence[float]) -> list[tuple[float, float, int, int]]:
    """Threshold, rate of false alarms it promises, defective images above it, and all of them, by threshold.

    None is below 0.5, as `calibrate_pack` has it.

    Args:
        good: image scores of good images.
        defects: of defective ones.
    """
    ordered, count, shown = np.sort(np.asarray(good)), len(good), np.asarray(defects, np.float64)
    found = []
    for rank, score in enumerate(ordered, start=1):
        threshold = max(round_up(float(score)), DEFAULT_THRESHOLD)
        found.append(
            (threshold, (count + 1 - rank) / (count + 1), int((shown > threshold).sum()), len(shown))
        )
    return found


def write_curve(folder: Path, rows: Sequence[tuple[float, float, int, int]], asked: float) -> None:
    """Write `curve.csv`, and where there are defective images `curve.png`, whole or not at all.

    Raises:
        InputError: they cannot be written.
    """
    write_rows(folder / CURVES[0], _COLUMNS, rows)
    if not rows or not rows[0][3]:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=110, layout="constrained")
    axis = figure.subplots()
    rates = [100 * promised for _, promised, _, _ in rows]
    recall = [100 * found / count for _, _, found, count in rows]
    axis.step(rates, recall, where="post", color="#1f4e79", marker="o", markersize=3)
    axis.axvline(100 * asked, color="#b04a00", linestyle="--", label=f"asked for: {100 * asked:g} %")
    axis.set_xscale("log")
    axis.set_ylim(-3, 103)
    axis.set_xlabel("false alarms that are promised, % of good images")
    axis.set_ylabel(f"defective images found, % of {rows[0][3]}")
    axis.grid(alpha=0.3)
    axis.legend(loc="lower right")
    with atomic(folder / CURVES[1]) as temporary:
        figure.savefig(temporary, format="png")
