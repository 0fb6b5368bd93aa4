"""The bulk job: every query once, nothing lost by a bad one, by an interrupt, a kill or a second run."""

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from obftnet.data.hashes import FileHashes
from obftnet.decision import Decision
from obftnet.errors import InputError, printable
from obftnet.files import alone_in, refuse_existing
from obftnet.segmentation.changes import NO_CHANGES, Changes
from obftnet.segmentation.crew import Alone, Crew, Order, telling
from obftnet.segmentation.decider import Decider, RefusedError
from obftnet.segmentation.guided import Guided
from obftnet.segmentation.interest import INTEREST, keep_interest
from obftnet.segmentation.journal import Journal, read_journal, remove_journal
from obftnet.segmentation.names import Named, name_results, resolved
from obftnet.segmentation.on_ray import Cluster, OnRay
from obftnet.segmentation.outputs import KINDS, Kind, Outputs
from obftnet.segmentation.processes import Processes
from obftnet.segmentation.queries import Aside, Query, check_apart, find_queries
from obftnet.segmentation.record import NAME, Entry, Reason, Record, Settled, read_record
from obftnet.segmentation.shard import Shard
from obftnet.segmentation.summary import Summary
from obftnet.segmentation.tables import TABLES, are_whole, remove_tables, write_tables
from obftnet.segmentation.work import Task
from obftnet.segmentation.workers import Place, Workers

#: Processes that a job is done by at most: each has the network in its memory.
MOST_WORKERS = 256

#: The guidance as it was understood, in the folder of results.
GUIDANCE_PICTURE = "guidance.png"

Progress = Callable[[int, int, str], None]
Notice = Callable[[str], None]


@alone_in("out")
def run_job(
    sources: Iterable[str | Path | Query],
    guided: Guided,
    out: str | Path,
    *,
    changes: Changes = NO_CHANGES,
    keep: Collection[Kind] = KINDS,
    shard: Shard | None = None,
    workers: int = 1,
    cluster: Cluster | None = None,
    progress: Progress | None = None,
    notice: Notice | None = None,
    each: Callable[[Entry], None] | None = None,
) -> Summary:
    """`segment.segment_files` by a guidance that is there, whatever runs its network.

    Args:
        sources: as there, or files with the folder of their results. As there are out, keep, shard, workers,
            progress, notice, and what is returned.
        guided: what the job is guided by.
        changes: of its decision.
        cluster: where the workers are, if not here.
        each: called with each image that is done, or was before, once that is on the disk.

    Raises:
        InputError: as there.
    """
    out, kinds = Path(out), check_keep(keep)
    check_workers(workers)
    if cluster is not None:
        cluster.check()
    decision, scale = changes.of(guided.decision, guided.scale)
    found = find_queries(sources, ((out, "the folder of results"), *guided.folders))
    if shard is not None:
        found = found.of(shard)
    hashes = FileHashes()
    queries = []
    for query in found.queries:
        aside = guided.aside(query.path, hashes)
        if aside is None:
            queries.append(query)
        else:
            (found.refused if aside.support else found.left_out).append(aside)
    if shard is None and not queries and not found.refused:
        raise InputError(f"{found.left_out[-1].reason}; name at least one image to segment")
    check_apart(out, queries, guided.files)
    record = _new_record(guided, decision, scale, hashes)
    record.left_out = _reasons(found.left_out)
    earlier = read_record(out)
    noted: list[Entry] = []
    if earlier is not None:
        noted = read_journal(out, earlier.key)
        earlier.put(noted)
    named, refused = name_results(queries, {} if earlier is None else earlier.entries(), out, hashes)
    record.refused = _reasons([*found.refused, *refused])
    stale, note = _take_over(record, earlier, named, out)
    in_pixels = decision.in_pixels(scale)
    job = _Job(named, guided, out, record, in_pixels, kinds, hashes, progress, notice, each)
    job.run(workers, cluster, stale, note)
    if record != earlier or noted or not are_whole(out, record):
        record.tables = write_tables(out, record)
        record.write(out)
    remove_journal(out)  # a killed run's, which had nothing left to do
    entries = record.entries()
    return Summary.of(
        [entries[name] for name in named if name in entries],
        out,
        done=job.done,
        decided=len(job.decided),
        kept=job.kept,
        refused=[refusal.reason for refusal in record.refused],
        left_out=[aside.reason for aside in record.left_out],
        plan=record.plan,
    )


def check_workers(workers: int) -> None:
    """Raises InputError for a number of processes that no job has."""
    if not 1 <= workers <= MOST_WORKERS:
        raise InputError(f"{workers} workers: 1 to {MOST_WORKERS} processes are wanted", "workers")


def holds_others(out: Path, guided: Guided) -> bool:
    """Whether a folder holds results by other settings than `run_job` would make by this guidance.

    Raises:
        InputError: as `read_record`.
    """
    earlier = read_record(out)
    if earlier is None:
        return False
    now = _new_record(guided, guided.decision, guided.scale, FileHashes())
    return bool(earlier.differences(now) + earlier.settled.differences(now.settled))


def _new_record(guided: Guided, decision: Decision, scale: float | None, hashes: FileHashes) -> Record:
    """Of a job by these settings, with nothing done."""
    file = guided.weights_file
    return Record(
        weights=str(file),
        weights_sha256=hashes.of(file),
        engine=guided.engine,
        settled=Settled.of(decision, scale),
        tile=guided.tile,
        plan=None if guided.plan is None else str(guided.plan),
        bits=guided.bits,
        guidance=guided.record(hashes),
    )


def check_keep(keep: Collection[Kind]) -> tuple[Kind, ...]:
    """Kinds of results in the order of KINDS. Raises InputError for none, and for one that there is not."""
    for kind in keep:
        if kind not in KINDS:
            raise InputError(f"{kind!r}: no kind of result; there are {', '.join(KINDS)}")
    if not keep:
        raise InputError(f"no kind of result to keep; name one or more of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in keep)


def _reasons(asides: Iterable[Aside]) -> list[Reason]:
    return [Reason(file=resolved(aside.path), reason=printable(aside.reason)) for aside in asides]


def _take_over(record: Record, earlier: Record | None, named: Named, out: Path) -> tuple[set[str], str]:
    """Put into `record` what an earlier run left that still holds.

    Returns:
        The names of results by other settings, to be removed; and a line about them, "" where there are none.
    """
    if earlier is None:
        files = [path for name in named for path in Outputs.of(out, name).files.values()]
        files += [out / file for file in (GUIDANCE_PICTURE, INTEREST, *TABLES)]
        refuse_existing(files, f"no {NAME} beside it says that it is a result")
        return set(), ""
    names = set(earlier.entries())
    changes = earlier.differences(record)
    differences = ", ".join(changes + earlier.settled.differences(record.settled))
    others = [entry.file for name, entry in earlier.entries().items() if name not in named]
    if differences and others:
        raise InputError(
            f"{out}: holds results by other settings ({differences}) that these queries would not replace, "
            f"such as that of {others[0]}; name another folder"
        )
    if changes:
        return names, f"{out}: {len(names)} result(s) by other settings ({differences}) are made anew"
    record.images, record.bits_used = list(earlier.images), earlier.bits_used
    record.tables = earlier.tables
    return set(), ""


class _Job:
    """The work on the queries of one call."""

    def __init__(
        self,
        named: Named,
        guided: Guided,
        out: Path,
        record: Record,
        decision: Decision,
        keep: Sequence[Kind],
        hashes: FileHashes,
        progress: Progress | None,
        notice: Notice | None,
        each: Callable[[Entry], None] | None,
    ) -> None:
        self._each = each
        self._named, self._guided, self._out, self._record = named, guided, out, record
        self._decider = Decider(out, record.settled, decision, guided.kinds)
        self._keep, self._hashes = keep, hashes
        self._progress, self._notice = progress, notice
        self._told: set[str] = set()
        self.done: list[Entry] = []
        self.decided: list[Entry] = []
        self.kept = 0

    def run(self, workers: int, cluster: Cluster | None, stale: set[str], note: str) -> None:
        """Do what is not done; the network is loaded only where scores are missing."""
        undecided, pending = self._left()
        self.kept = len(self._named) - len(undecided) - len(pending)
        if self._each:
            entries = self._record.entries()
            for name in self._named.keys() - {*undecided, *pending}:
                self._each(entries[name])
        if not undecided and not pending:
            return
        count = min(workers, len(undecided) + len(pending))
        alone = cluster is None and count == 1
        order = Order(
            self._guided if alone else self._guided.shared(count),
            bool(pending),
            self._record.weights_sha256,
            self._record.guidance.sha256,
            self._decider,
            self._record.bits_used,
        )
        if alone:
            self._run_by(Alone(order, self._tell, self._hashes), undecided, pending, stale, note)
            return
        place: Place = Processes(order) if cluster is None else OnRay(cluster, order, count)
        with Workers(place, count, self._tell) as crew:
            self._run_by(crew, undecided, pending, stale, note)

    def _run_by(
        self, crew: Crew, undecided: Sequence[str], pending: Sequence[str], stale: set[str], note: str
    ) -> None:
        plan = self._guided.plan
        if pending and plan is not None and plan.tile is not None:
            self._tell(str(plan))  # before the work that it multiplies
        if note:
            self._tell(note)
        if pending:
            self._record.bits_used = crew.bits
        stale |= set(pending) & self._record.entries().keys()
        self._record.drop(stale)
        self._record.tables = {}
        # Before the first result, so that a folder with results always says by what they were made; and
        # before old results go, so that it never lists one that is gone.
        self._record.write(self._out)
        remove_tables(self._out)
        keep_interest(self._out, self._decider.decision.interest)
        if pending:
            with telling(self._tell):
                self._guided.draw(self._out / GUIDANCE_PICTURE, crew.bits)
        journal = Journal(self._out, self._record)
        for name in sorted(stale):
            Outputs.of(self._out, name).remove()
        try:
            self._go_through(crew, undecided, pending, journal)
        except BaseException:
            # What is done stands in the journal; the record has it, too, if that can be.
            with contextlib.suppress(InputError):
                self._fold(journal)
            raise
        self._fold(journal)

    def _left(self) -> tuple[list[str], list[str]]:
        """The results whose masks are to be decided anew, and those whose scores are missing."""
        undecided: list[str] = []
        pending: list[str] = []
        entries = self._record.entries()
        for name, query in self._named.items():
            entry, files = entries.get(name), Outputs.of(self._out, name).files
            if entry is None or not self._is_of(query.path, entry):
                pending.append(name)
                continue
            whole = {kind for kind, written in entry.written.items() if written.is_still(files[kind])}
            same = entry.decided_by == self._record.settled.key
            # What is kept and asked for no more must not tell of another decision, either.
            if same and set(self._keep) | set(entry.written) <= whole:
                continue
            needed = {"score", "kind"} & {"score", *entry.written}
            (undecided if needed <= whole else pending).append(name)
        return undecided, pending

    def _is_of(self, query: Path, entry: Entry) -> bool:
        try:
            return self._hashes.of(query) == entry.sha256
        except InputError:
            return False

    def _go_through(
        self, crew: Crew, undecided: Sequence[str], pending: Sequence[str], journal: Journal
    ) -> None:
        entries = self._record.entries()
        again = {name: entries[name] for name in undecided}
        tasks = [
            Task(name, self._named[name].path, self._kept_too(name, entries), again.get(name))
            for name in (*undecided, *pending)
        ]
        finished = self.kept

        def begun(task: Task) -> None:
            if self._progress:
                self._progress(finished, len(self._named), task.query.name)

        for task, outcome in crew.go_through(tasks, begun):
            finished += 1
            if isinstance(outcome, RefusedError):
                self._record.refused += _reasons([Aside(task.query, str(outcome))])
                continue
            journal.add(outcome)
            (self.decided if task.name in again else self.done).append(outcome)
            if self._each:
                self._each(outcome)
        if self._progress:
            self._progress(len(self._named), len(self._named), "")

    def _fold(self, journal: Journal) -> None:
        self._record.put([*self.decided, *self.done])
        self._sort()
        self._record.write(self._out)
        journal.remove()

    def _sort(self) -> None:
        """Several processes are done in any order; the record is in that of the queries."""
        places = {name: place for place, name in enumerate(self._named)}
        self._record.images.sort(key=lambda entry: places.get(entry.result, -1))
        files = {resolved(query.path): place for place, query in enumerate(self._named.values())}
        self._record.refused.sort(key=lambda refusal: files.get(refusal.file, -1))

    def _kept_too(self, name: str, entries: Mapping[str, Entry]) -> tuple[Kind, ...]:
        """What to write, and what an earlier run kept beside: it would tell of another decision."""
        earlier = entries.get(name)
        return tuple(kind for kind in KINDS if kind in self._keep or (earlier and kind in earlier.written))

    def _tell(self, line: str) -> None:
        """Each line once."""
        if line not in self._told and self._notice:
            self._notice(line)
        self._told.add(line)
