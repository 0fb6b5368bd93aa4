"""What is measured of every query, noted at once: an evaluation of hours goes on where it was stopped."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from obftnet.errors import InputError
from obftnet.evaluation.measures import Measures
from obftnet.files import append_line, atomic
from obftnet.imaging.decode import check_file

#: Fold, seed and place of an episode in what was drawn for the two.
Key: TypeAlias = tuple[str, int, int]

#: Of a line; a file whose lines are of another form is not gone on with.
_FORM = "measures 1"


class Journal:
    """A file with a line an answered query, there only while the evaluation is unfinished."""

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        """Take up what an evaluation of the same settings left in `path`; of others, nothing.

        Args:
            path: made with the first query that is answered.
            asked: all that the measures depend on, as JSON values; that of files is what they hold.

        Raises:
            InputError: `path` is no file, or one that no evaluation wrote: it would be overwritten.
        """
        self._path = path
        content = json.dumps([_FORM, asked], sort_keys=True)
        self._head = hashlib.sha256(content.encode()).hexdigest()
        self._measures = _read(path, self._head)
        self._open = False

    def __len__(self) -> int:
        return len(self._measures)

    def get(self, key: Key) -> Measures | None:
        """What was measured of a query that was answered before."""
        return self._measures.get(key)

    def add(self, key: Key, measures: Measures) -> None:
        """Note what was measured of a query.

        Raises:
            InputError: the file cannot be written.
        """
        self._measures[key] = measures
        if not self._open:
            # Whole, because a kill may have left half a line, or another evaluation its own.
            lines = [self._head, *(_line(key, measures) for key, measures in self._measures.items())]
            with atomic(self._path) as temporary:
                temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
            self._open = True
            return
        append_line(self._path, _line(key, measures))

    def remove(self) -> None:
        """The evaluation is finished: what it found stands in its results."""
        self._path.unlink(missing_ok=True)


class Kept:
    """The part of a journal that one fold and seed has, by an episode's place alone."""

    def __init__(self, journal: Journal, fold: str, seed: int) -> None:
        self._journal, self._fold, self._seed = journal, fold, seed

    def get(self, place: int) -> Measures | None:
        """As `Journal.get`."""
        return self._journal.get((self._fold, self._seed, place))

    def add(self, place: int, measures: Measures) -> None:
        """As `Journal.add`."""
        self._journal.add((self._fold, self._seed, place), measures)


def _line(key: Key, measures: Measures) -> str:
    return json.dumps([*key, *measures.values()])


def _read(path: Path, head: str) -> dict[Key, Measures]:
    wanted = (
        "what an unfinished evaluation left is wanted there; remove it, or name another place for the results"
    )
    if not path.exists() and not path.is_symlink():
        return {}
    check_file(path, wanted)
    try:
        first, *lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {wanted}") from error
    if not re.fullmatch("[0-9a-f]{64}", first):
        raise InputError(f"{path}: not from an evaluation; {wanted}")
    if first != head:
        return {}
    found = {}
    for line in lines[:-1]:  # what follows the last line's end is half a line, or nothing
        entry = _entry(line)
        if entry is None:
            break
        found[entry[0]] = entry[1]
    return found


def _entry(line: str) -> tuple[Key, Measures] | None:
    """What a line says; None where a disk has damaged it."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, list) or len(content) < 3:
        return None
    fold, seed, place, *values = content
    if not isinstance(fold, str) or any(type(number) is not int or number < 0 for number in (seed, place)):
        return None
    try:
        return (fold, seed, place), Measures.read(values)
    except ValueError:
        return None
