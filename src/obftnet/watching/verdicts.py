"""verdicts.csv: a line for each image that was judged, on the disk before the next one is looked at."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from obftnet.errors import InputError
from obftnet.files import append_line, atomic
from obftnet.imaging.checks import check_file, unreadable
from obftnet.watching.arrivals import State

NAME = "verdicts.csv"
_WANTED = "the table of an earlier watch is wanted; name another folder"
FIELDS = (
    *("time", "file", "verdict", "image_score", "regions", "defect_area", "seconds", "results"),
    *("sha256", "bytes", "written", "hook", "reason"),
)


class Judged(NamedTuple):
    """What the table says of an image: its state when it was judged, and the verdict."""

    state: State
    verdict: str


class Verdicts:
    """The table in a folder of results; what an earlier process wrote into it stays."""

    def __init__(self, folder: Path) -> None:
        """Begin or go on. Raises InputError: a file that is no such table, or that cannot be written."""
        self._path = folder / NAME
        self.before: dict[str, Judged] = {}
        if self._path.exists() or self._path.is_symlink():
            self.before = dict(_read(self._path))
        else:
            with atomic(self._path) as temporary:
                temporary.write_text(",".join(FIELDS) + "\n", encoding="utf-8")

    def add(self, **values: object) -> None:
        """Add a line. Raises InputError where it cannot be written; then nothing of it stands there."""
        stream = io.StringIO()
        csv.DictWriter(stream, FIELDS, lineterminator="").writerow(values)
        append_line(self._path, stream.getvalue())


def _read(path: Path) -> Iterator[tuple[str, Judged]]:
    """Each line, by its file. A half line at the end, of a machine that lost its power, is taken away."""
    check_file(path, _WANTED)
    first = ",".join(FIELDS).encode() + b"\n"
    try:
        data = path.read_bytes()
        if not data.startswith(first):
            raise InputError(f"{path}: its first line is not {first.decode().strip()}; {_WANTED}")
        if not data.endswith(b"\n"):
            whole = data[: data.rfind(b"\n") + 1]
            with atomic(path) as temporary:
                temporary.write_bytes(whole)
            data = whole
    except OSError as error:
        raise unreadable(path, error, _WANTED) from error
    reader = csv.DictReader(io.StringIO(data.decode("utf-8", "replace"), newline=""))
    try:
        for row in reader:
            bytes_, written = row["bytes"] or "", row["written"] or ""
            if not (bytes_.isascii() and bytes_.isdecimal() and len(bytes_) < 19 and len(written) < 22):
                raise InputError(f"{path}: line {reader.line_num} is no image's; {_WANTED}")
            yield row["file"], Judged(State(int(bytes_), int(written)), row["verdict"])
    except (csv.Error, ValueError) as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; {_WANTED}") from error
