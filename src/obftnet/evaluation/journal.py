"""The counts of every query as they are made, so that an evaluation of hours goes on where it was stopped."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeAlias

from obftnet.evaluation.metrics import Counts
from obftnet.files import atomic, unwritable

#: Fold, seed and place of an episode in what was drawn for the two.
Key: TypeAlias = tuple[str, int, int]


class Journal:
    """A file with a line an answered query, there only while the evaluation is unfinished."""

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        """Take up what an evaluation of the same settings left in `path`; of others, nothing.

        Args:
            path: made with the first query that is answered.
            asked: all that the counts depend on, as JSON values.
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
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_line(key, counts) + "\n")
        except OSError as error:
            raise unwritable(self._path, error) from error

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
    try:
        first, *lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return {}
    if first != head:
        return {}
    found = {}
    for line in lines[:-1]:  # what follows the last line's end is half a line, or nothing
        try:
            fold, seed, place, *counts = json.loads(line)
            found[str(fold), int(seed), int(place)] = Counts(*map(int, counts))
        except (ValueError, TypeError):
            break
    return found
