"""The counts of every query as they are made, so that an evaluation of hours goes on where it was stopped."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeAlias

from obftnet.errors import InputError
from obftnet.evaluation.metrics import Counts
from obftnet.files import append_line, atomic
from obftnet.imaging.decode import check_file

#: Fold, seed and place of an episode in what was drawn for the two.
Key: TypeAlias = tuple[str, int, int]


class Journal:
    """A file with a line an answered query, there only while the evaluation is unfinished."""

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        """Take up what an evaluation of the same settings left in `path`; of others, nothing.

        Args:
            path: made with the first query that is answered.
            asked: all that the counts depend on, as JSON values; that of files is what they hold.

        Raises:
            InputError: `path` is no file, or one that no evaluation wrote: it would be overwritten.
        """
        self._path = path
        self._head = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        self._counts = _read(path, self._head)
        self._open = False

    def __len__(self) -> int:
        return len(self._counts)

    def get(self, key: Key) -> Counts | None:
        """The counts of a query that was answered before."""
        return self._counts.get(key)

    def add(self, key: Key, counts: Counts) -> None:
        """Note a query's counts.

        Raises:
            InputError: the file cannot be written.
        """
        self._counts[key] = counts
        if not self._open:
            # Whole, because a kill may have left half a line, or another evaluation its own.
            lines = [self._head, *(_line(key, counts) for key, counts in self._counts.items())]
            with atomic(self._path) as temporary:
                temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
            self._open = True
            return
        append_line(self._path, _line(key, counts))

    def remove(self) -> None:
        """The evaluation is finished: what it found stands in its results."""
        self._path.unlink(missing_ok=True)


class Kept:
    """The part of a journal that one fold and seed has, by an episode's place alone."""

    def __init__(self, journal: Journal, fold: str, seed: int) -> None:
        self._journal, self._fold, self._seed = journal, fold, seed

    def get(self, place: int) -> Counts | None:
        """As `Journal.get`."""
        return self._journal.get((self._fold, self._seed, place))

    def add(self, place: int, counts: Counts) -> None:
        """As `Journal.add`."""
        self._journal.add((self._fold, self._seed, place), counts)


def _line(key: Key, counts: Counts) -> str:
    return json.dumps([*key, *astuple(counts)])


def _read(path: Path, head: str) -> dict[Key, Counts]:
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


def _entry(line: str) -> tuple[Key, Counts] | None:
    """What a line says; None where a disk has damaged it."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, list) or len(content) != 3 + len(fields(Counts)):
        return None
    fold, *numbers = content
    if not isinstance(fold, str) or any(type(number) is not int or number < 0 for number in numbers):
        return None
    return (fold, numbers[0], numbers[1]), Counts(*numbers[2:])
