"""Whether a row of a table is better than another one, or the two cannot be told apart."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from obftnet.reproduction.cells import Cell
from obftnet.reproduction.tables import MEANS, PaperTable


class Difference(NamedTuple):
    """A row beside the one it is told from, with some shots.

    mean: of the mean mIoU, percentage points. spread: deviation over trainings of the difference of a
    training of either, percentage points; None where a row was trained once. ahead: folds, of so many, in
    which the row has the larger mIoU.
    """

    row: str
    against: str
    shots: int
    mean: float
    spread: float | None
    ahead: int
    folds: int

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.spread is None:
            return "trained once"
        if abs(self.mean) <= self.spread:
            return "nothing"
        return "gain" if self.mean > 0 else "loss"


def differences(table: PaperTable, numbers: Sequence[Cell]) -> list[Difference]:
    """The rows of `table.against` whose two rows are both there, by shots.

    The spread is sqrt(s1^2 + s2^2) of the sample deviations of the two rows' means over their trainings, 0
    for what is not trained.
    """
    found = []
    for shots in sorted({cell.shots for cell in numbers}):
        rows: dict[str, dict[str, Cell]] = {}
        for cell in numbers:
            if cell.shots == shots:
                rows.setdefault(cell.row, {})[cell.column] = cell
        found += [
            _difference(rows[name], rows[other])
            for name, other in table.against.items()
            if name in rows and other in rows
        ]
    return found


def _difference(own: dict[str, Cell], other: dict[str, Cell]) -> Difference:
    """Of two rows' cells by column."""
    a, b = own[MEANS[0]], other[MEANS[0]]
    spread = None if 1 in (a.trainings, b.trainings) else math.hypot(a.std, b.std)
    columns = list(own)
    folds = columns[: columns.index(MEANS[0])]
    ahead = sum(own[fold].ours > other[fold].ours for fold in folds)
    return Difference(a.row, b.row, a.shots, a.ours - b.ours, spread, ahead, len(folds))
