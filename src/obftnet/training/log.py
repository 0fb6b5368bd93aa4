"""A run's record: a CSV file always, TensorBoard events where tensorboard is installed."""

import csv
from pathlib import Path
from typing import Any

from obftnet.files import atomic


class RunLog:
    """Appends rows of (step, loss, learning rate, seconds) to OUT/log.csv.

    On resuming, rows after the step resumed from are dropped: they will be written again.
    """

    FIELDS = ("step", "loss", "lr", "seconds", "validation_miou")

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / "log.csv"
        rows: list[dict[str, str]] = []
        if self._path.exists():
            with self._path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if _whole(row) and int(row["step"]) <= step]
        with atomic(self._path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.FIELDS)
            writer.writeheader()
            writer.writerows(rows)
        self._board = _tensorboard(folder, step)

    def add(self, step: int, **values: float) -> None:
        """Record one step; unknown names raise ValueError."""
        with self._path.open("a", newline="") as file:
            row = {name: f"{value:.6g}" for name, value in values.items()}
            csv.DictWriter(file, self.FIELDS).writerow({"step": step, **row})
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush what TensorBoard holds back."""
        if self._board is not None:
            self._board.close()


def _whole(row: dict[str, str | None]) -> bool:
    """Whether a row was written to its end: a kill may cut off the last one."""
    return (row.get("step") or "").isdigit() and row.get(RunLog.FIELDS[-1]) is not None


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # the extra "tensorboard" is not installed
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
