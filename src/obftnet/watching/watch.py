"""The loop: what came and is whole is segmented by the bulk job, noted, told of, and moved."""

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError, printable
from obftnet.files import check_output_folder, exclusive
from obftnet.imaging.checks import check_folder
from obftnet.packs import read_pack
from obftnet.segmentation.fitted import ByPack
from obftnet.segmentation.job import Notice, check_keep, holds_others, run_job
from obftnet.segmentation.names import resolved
from obftnet.segmentation.outputs import KINDS, Kind
from obftnet.segmentation.record import Entry
from obftnet.segmenter import Segmenter, resolve_device
from obftnet.watching.arrivals import Arrival, Arrivals, State
from obftnet.watching.hook import Hook
from obftnet.watching.place import move
from obftnet.watching.verdicts import Judged, Verdicts

#: Verdict of what cannot be looked at, beside those of `obftnet.decision`.
REFUSED = "refused"
#: Images that one call of the job gets: what it does before the first grows with their number.
_MOST = 64

_WANTED = "a folder that images come into is wanted"


@dataclass(frozen=True)
class Watched:
    """How many images had which verdict, and the folder of the results."""

    verdicts: Counter[str]
    out: Path


@dataclass(frozen=True)
class Told:
    """An image that was judged: the file, its verdict, its score (None of a refused one), and why refused."""

    file: Path
    verdict: str
    image_score: float | None
    reason: str


@dataclass(frozen=True)
class _Kept(ByPack):
    """A pack whose segmenter stays loaded, and whose guidance is drawn into a folder once."""

    loaded: list[Segmenter] = field(default_factory=list, compare=False)
    drawn: set[Path] = field(default_factory=set, compare=False)

    def segmenter(self) -> Segmenter:
        """As `Guided`."""
        if not self.loaded:
            self.loaded.append(super().segmenter())
        return self.loaded[0]

    def draw(self, path: Path, bits: int | None) -> None:
        """As `Guided`."""
        if path not in self.drawn:
            super().draw(path, bits)
            self.drawn.add(path)


def watch(
    folder: str | Path,
    pack: str | Path,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    keep: Collection[Kind] = KINDS,
    then: str | None = None,
    then_seconds: float = 30.0,
    move_to: str | Path | None = None,
    every: float = 1.0,
    settle: float = 2.0,
    patience: float = 60.0,
    once: bool = False,
    device: str = "auto",
    told: Callable[[Told], None] | None = None,
    notice: Notice | None = None,
) -> Watched:
    """Judge each image that comes into a folder, or into one below it, once; results as `segment_files`.

    Results go into a folder an hour, `out/2026-11-28/14` (`14-2` where an earlier process looked by another
    pack), a line an image into `out/verdicts.csv`: what is there is judged, also for the next process. An
    image that is replaced by another is a new one. The command runs before its line is written, so that after
    a kill it may run a second time, and never not at all. What the system refuses (a full disk, a share that
    is gone) is said once and tried again.

    Args:
        folder: that images come into.
        pack: what to look by; read once.
        out: folder of the results.
        weights: as `Segmenter.load`; keep and device as `segment_files`.
        then: a command for each image, its words with `hook.PLACEHOLDERS` in braces; no shell reads it.
        then_seconds: after which it is ended.
        move_to: folder into whose `pass`, `review`, `fail` and `refused` images go; None: they stay.
        every: seconds between two looks.
        settle: seconds for which a file must not change before it is looked at.
        patience: seconds after which a file that cannot be read and does not change any more is refused.
        once: end when all that is there is judged.
        told: called with each image that was judged.
        notice: called with a line that a person should read.

    Returns:
        What was judged by this call, of `once`; else it ends by an interrupt alone.

    Raises:
        InputError: a folder, pack, weights, command or number that cannot be used; results by other settings;
            another process that watches with these results.
    """
    resolve_device(device), check_keep(keep)
    for name, value in (("every", every), ("settle", settle), ("patience", patience)):
        if not 0 <= value <= 86_400:
            raise InputError(f"{name} {value:g}: seconds from 0 to 86400 are wanted", name)
    if not 0 < then_seconds <= 86_400:
        raise InputError(
            f"then_seconds {then_seconds:g}: seconds above 0 and up to 86400 are wanted", "then_seconds"
        )
    hook = None if then is None else Hook.of(then, then_seconds)
    check_folder(Path(folder), _WANTED)
    place = Path(os.path.realpath(folder))
    for other, name in ((out, "out"), (move_to, "move_to")):
        if other is not None and place.is_relative_to(os.path.realpath(other)):
            raise InputError(f"{other}: {folder} lies in it; name another place", name)
        if other is not None:
            check_output_folder(other)
    guided = _Kept.of(read_pack(pack), weights, (), None, device)
    with exclusive(out, "watch"):
        guided.segmenter()
        loop = _Loop(guided, place, Path(out), keep, hook, move_to, settle, patience, told, notice)
        while loop.turn() or not once:
            time.sleep(every)
    return Watched(loop.verdicts, Path(out))


class _Loop:
    """What `watch` does between two looks."""

    def __init__(
        self,
        guided: _Kept,
        folder: Path,
        out: Path,
        keep: Collection[Kind],
        hook: Hook | None,
        move_to: str | Path | None,
        settle: float,
        patience: float,
        told: Callable[[Told], None] | None,
        notice: Notice | None,
    ) -> None:
        self._guided, self._folder, self._out, self._keep = guided, folder, out, keep
        self._hook, self._told, self._notice = hook, told, notice
        self._move_to = None if move_to is None else Path(move_to)
        apart = [(out, "the folder of results")]
        if self._move_to is not None:
            apart.append((self._move_to, "where judged images go"))
        self._arrivals = Arrivals(folder, apart, settle, patience)
        self._table = Verdicts(out)
        for file, judged in self._table.before.items():
            self._arrivals.settled(file, judged.state)
        self._to_move = {Path(file): judged for file, judged in self._table.before.items()}
        self._trouble = ""
        self._hour = (Path(), Path())
        self.verdicts: Counter[str] = Counter()

    def turn(self) -> bool:
        """Judge what is ready. Returns whether something is left that is not."""
        ready, lines = self._arrivals.look()
        for line in lines:
            self._say(line)
        try:
            self._move_judged()
            for start in range(0, len(ready), _MOST):
                self._judge(ready[start : start + _MOST])
        except InputError as error:
            # What the system refuses it may grant later; all else it will refuse again.
            if not isinstance(error.__cause__, OSError):
                raise
            if str(error) != self._trouble:
                self._say(f"{error}; it is tried again")
            self._trouble = str(error)
            return True
        self._trouble = ""
        return bool(self._arrivals.waiting)

    def _say(self, line: str) -> None:
        if self._notice:
            self._notice(line)

    def _judge(self, arrivals: Sequence[Arrival]) -> None:
        hashes, by_file = FileHashes(), {}
        for arrival in arrivals:
            path, reason = arrival.query.path, arrival.reason
            aside = None if reason else self._guided.aside(path, hashes)
            if reason or aside is not None:
                self._finish(arrival, None, aside.reason if aside else reason)
            else:
                by_file[resolved(path)] = arrival
        if not by_file:
            return
        results = self._place()
        finished = set()

        def each(entry: Entry) -> None:
            finished.add(entry.file)
            self._finish(by_file[entry.file], entry, "", results)

        queries = [arrival.query for arrival in by_file.values()]
        keep, notice = self._keep, self._notice
        summary = run_job(queries, self._guided, results, keep=keep, notice=notice, each=each)
        for file, arrival in by_file.items():
            if file not in finished:
                start = printable(f"{arrival.query.path}:")
                lines = (*summary.refused, *summary.left_out)
                reason = next((line for line in lines if line.startswith(start)), f"{start} not looked at")
                self._finish(arrival, None, reason)

    def _place(self) -> Path:
        """The folder of this hour's results, another where an earlier process looked by another pack."""
        hour = self._out / f"{datetime.now():%Y-%m-%d/%H}"
        if self._hour[0] != hour:
            folder, number = hour, 1
            while holds_others(folder, self._guided):
                number += 1
                folder = hour.with_name(f"{hour.name}-{number}")
            self._hour = hour, folder
        return self._hour[1]

    def _finish(
        self, arrival: Arrival, entry: Entry | None, reason: str, results: Path | None = None
    ) -> None:
        """Tell, note and move an image; one that changed meanwhile is a new one and comes again."""
        path = arrival.query.path
        if State.of(path) != arrival.state:
            return
        verdict = REFUSED if entry is None else str(entry.verdict.value)
        where = "" if entry is None or results is None else str(results / entry.result)
        trouble = ""
        if self._hook:
            trouble = self._hook.run(
                {
                    "file": str(path),
                    "verdict": verdict,
                    "image_score": "" if entry is None else f"{entry.image_score:.6f}",
                    "regions": "" if entry is None else str(entry.regions),
                    "results": where,
                }
            )
            if trouble:
                self._say(f"{path}: {trouble}")
        values: dict[str, object] = {}
        if entry is not None:
            values = {
                "image_score": f"{entry.image_score:.6f}",
                "regions": entry.regions,
                "defect_area": f"{entry.defect_area:.6f}",
                "seconds": entry.seconds,
                "results": where,
                "sha256": entry.sha256,
            }
        self._table.add(
            time=datetime.now().astimezone().isoformat(timespec="seconds"),
            file=printable(str(path)),
            verdict=verdict,
            bytes=arrival.state.bytes,
            written=arrival.state.written,
            hook=trouble or ("done" if self._hook else ""),
            reason=reason,
            **values,
        )
        self._arrivals.settled(path, arrival.state)
        self.verdicts[verdict] += 1
        if self._told:
            self._told(Told(path, verdict, None if entry is None else entry.image_score, reason))
        self._to_move[path] = Judged(arrival.state, verdict)
        self._move_judged()

    def _move_judged(self) -> None:
        """What was judged, by an earlier process that came no further, too, and is still as it was."""
        for path, (state, verdict) in list(self._to_move.items()):
            if self._move_to and path.is_relative_to(self._folder) and State.of(path) == state:
                move(path, self._move_to / verdict / path.parent.relative_to(self._folder))
            del self._to_move[path]
