"""Figure 7: what OBFTNet gains over HSNet in each class."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from obftnet.files import atomic
from obftnet.imaging.panel import names_as_they_are
from obftnet.reproduction.unit import Unit

#: The row of Table II that is drawn, and the one it is compared with.
ROWS = ("obftnet", "hsnet")


class Gain(NamedTuple):
    """IoU of a class (material/kind) by both, mean over the seeds of training, in %."""

    name: str
    ours: float
    baseline: float

    @property
    def gain(self) -> float:
        """Percentage points."""
        return self.ours - self.baseline


def gains(results: Mapping[Unit, Mapping[str, Any]]) -> list[Gain]:
    """The classes of all tested folds, in the order of the results, from those of the rows `ROWS`.

    Args:
        results: contents of result files, of one number of shots.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for unit, content in results.items():
        for fold in content["folds"].values():
            for name, values in fold["classes"].items():
                by_row = found.setdefault(name, {row: [] for row in ROWS})
                by_row[unit.row].append(100 * values["iou"])
    return [Gain(name, *(float(np.mean(by_row[row])) for row in ROWS)) for name, by_row in found.items()]


@names_as_they_are()
def write_gains(out: Path, name: str, classes: list[Gain], title: str) -> list[Path]:
    """Write OUT/<name>.csv and .png; each whole or not at all. Raises InputError where that cannot be."""
    paths = [out / f"{name}.{suffix}" for suffix in ("csv", "png")]
    with atomic(paths[0]) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["class", *ROWS, "gain"])
        for one in classes:
            writer.writerow([one.name, f"{one.ours:.2f}", f"{one.baseline:.2f}", f"{one.gain:.2f}"])
    figure = Figure(figsize=(6.5, 0.22 * len(classes) + 1.2), dpi=100, layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(classes))
    differences = [one.gain for one in classes]
    axis.barh(places, differences)
    axis.axvline(0, color="black", linewidth=0.8)
    # At least a point either way: where nothing differs, an axis of hundredths would suggest that it could.
    axis.set_xlim(1.05 * min(-1, *differences), 1.05 * max(1, *differences))
    axis.set_yticks(places, [one.name for one in classes], fontsize=8)
    axis.set_ylim(len(classes) - 0.4, -0.6)
    axis.set_xlabel(f"IoU of {ROWS[0]} minus {ROWS[1]}, percentage points", fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_title(title, fontsize=9)
    with atomic(paths[1]) as temporary:
        figure.savefig(temporary, format="png")
    return paths
