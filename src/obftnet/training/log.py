"""A run's record: a CSV file always, TensorBoard events where tensorboard is installed."""

import csv
import re
from pathlib import Path
from typing import Any

from obftnet.errors import InputError
from obftnet.files import append_line, atomic
from obftnet.imaging.decode import check_file

_WANTED = "the log of a run is wanted; remove it, or use another folder"


class RunLog:
    """Appends rows of (step, loss, learning rate, seconds) to OUT/log.csv.

    On resuming, rows after the step resumed from are dropped: they will be written again.
    """

    FIELDS = ("step", "loss", "lr", "seconds", "validation_miou")

    def __init__(self, folder: Path, step: int) -> None:
        """Go on after `step`. Raises InputError where log.csv is no log, or cannot be written."""
        self._path = folder / "log.csv"
        rows = _read(self._path) if self._path.exists() or self._path.is_symlink() else []
        with atomic(self._path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.FIELDS)
            writer.writerows(row for row in rows if int(row[0]) <= step)
        self._board = _tensorboard(folder, step)

    def add(self, step: int, **values: float) -> None:
        """Record one step; unknown names raise ValueError, and a file that cannot grow InputError."""
        unknown = set(values) - set(self.FIELDS[1:])
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: a log has {', '.join(self.FIELDS)}")
        texts = [f"{values[name]:.6g}" if name in values else "" for name in self.FIELDS[1:]]
        append_line(self._path, ",".join([str(step), *texts]))
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush what TensorBoard holds back."""
        if self._board is not None:
            self._board.close()


def _read(path: Path) -> list[list[str]]:
    """The rows of a log, without the last where a kill has cut it off."""
    check_file(path, _WANTED)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {_WANTED}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text; {_WANTED}") from error
    *lines, _ = text.split("\n")  # what follows the last line's end is half a line, or nothing
    if not lines or lines[0].rstrip("\r") != ",".join(RunLog.FIELDS):
        raise InputError(f"{path}: its first line is not {','.join(RunLog.FIELDS)}; {_WANTED}")
    rows = [line.rstrip("\r").split(",") for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(RunLog.FIELDS) or not re.fullmatch("[0-9]{1,18}", row[0]):
            raise InputError(f"{path}: line {number} is no step's; {_WANTED}")
    return rows


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # the extra "tensorboard" is not installed
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
