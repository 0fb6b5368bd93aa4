"""Which images of a folder are new and whole: nothing is looked at while it is still being written."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from obftnet.errors import InputError, printable
from obftnet.imaging.read import read_picture
from obftnet.segmentation.queries import Query, look_through


class State(NamedTuple):
    """Of a file: bytes, and when it was last written, in nanoseconds."""

    bytes: int
    written: int

    @classmethod
    def of(cls, path: Path) -> "State | None":
        """As it is now; None where there is none."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True)
class Arrival:
    """An image that came, as it was seen. reason: why it cannot be read, "" where it can."""

    query: Query
    state: State
    reason: str = ""


@dataclass
class _Seen:
    state: State
    since: float
    reason: str = ""


class Arrivals:
    """Looks into a folder and those below it, again and again.

    An image is whole once its size and time have not changed for `settle` seconds and it decodes to its end.
    One that does not decode has `patience` seconds to be finished; then it is given with the reason.
    """

    def __init__(
        self, folder: Path, apart: Sequence[tuple[Path, str]], settle: float, patience: float
    ) -> None:
        self._folder, self._apart = folder, apart
        self._settle, self._patience = settle, max(settle, patience)
        self._seen: dict[Path, _Seen] = {}
        self._done: dict[str, State] = {}
        self._said: set[str] = set()
        self.waiting = 0

    def settled(self, path: Path | str, state: State) -> None:
        """An image in this state needs no look any more. path: or as `printable` has it."""
        self._done[printable(str(path))] = state

    def look(self) -> tuple[list[Arrival], list[str]]:
        """What is ready now, in the order in which it was written, and lines about what is no image.

        `waiting` is then how many images are not ready.
        """
        found = look_through([self._folder], self._apart)
        now = time.monotonic()
        ready: list[Arrival] = []
        seen: dict[Path, _Seen] = {}
        done: dict[str, State] = {}
        for query in found.queries:
            state = State.of(query.path)
            if state is None:
                continue
            name = printable(str(query.path))
            if self._done.get(name) == state:
                done[name] = state
                continue
            entry = self._seen.get(query.path)
            if entry is None or entry.state != state:
                entry = _Seen(state, now)
            seen[query.path] = entry
            arrival = self._arrival(query, entry, now)
            if arrival is not None:
                ready.append(arrival)
        # What is gone is forgotten.
        self._seen, self._done = seen, done
        self.waiting = len(seen) - len(ready)
        lines = [aside.reason for aside in (*found.refused, *found.left_out)]
        empty = f"{self._folder}: no image in it"
        new = [line for line in lines if line not in self._said and not line.startswith(empty)]
        self._said |= set(new)
        return sorted(ready, key=lambda arrival: (arrival.state.written, str(arrival.query.path))), new

    def _arrival(self, query: Query, entry: _Seen, now: float) -> Arrival | None:
        quiet = now - entry.since
        if quiet < self._settle:
            return None
        # A state that did not decode is not tried again before it is given up.
        if not entry.reason:
            try:
                read_picture(query.path)
            except InputError as error:
                entry.reason = str(error)
            if State.of(query.path) != entry.state:
                return None
        if entry.reason and quiet < self._patience:
            return None
        return Arrival(query, entry.state, entry.reason)
