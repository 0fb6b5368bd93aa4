"""The bulk job: every query once, nothing lost by a bad one, by an interrupt, a kill or a second run."""

import contextlib
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from obftnet.data.hashes import FileHashes
from obftnet.decision import Decision
from obftnet.errors import InputError, InputWarning, printable
from obftnet.files import alone_in, refuse_existing
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import read_picture
from obftnet.inputs import check_bits
from obftnet.packs import read_pack
from obftnet.segmentation.changes import NO_CHANGES, Band, Changes, Unit
from obftnet.segmentation.decider import Decider, RefusedError
from obftnet.segmentation.guided import ByFolder, ByPack, Guided
from obftnet.segmentation.interest import INTEREST, keep_interest
from obftnet.segmentation.journal import Journal, read_journal
from obftnet.segmentation.names import Named, name_results, resolved
from obftnet.segmentation.outputs import KINDS, Kind, Outputs
from obftnet.segmentation.queries import (
    Aside,
    Query,
    check_apart,
    find_queries,
    is_support,
)
from obftnet.segmentation.record import NAME, Entry, Reason, Record, Settled, read_record
from obftnet.segmentation.summary import Summary
from obftnet.segmentation.tables import TABLES, are_whole, remove_tables, write_tables
from obftnet.segmenter import Segmenter, resolve_device
from obftnet.tiling import Tile, check_tiling
from obftnet.weights import find_weights

#: The guidance as it was understood, in the folder of results.
GUIDANCE_PICTURE = "guidance.png"

Progress = Callable[[int, int, str], None]
Notice = Callable[[str], None]


def segment_files(
    sources: Iterable[str | Path],
    guidance: str | Path | None,
    out: str | Path,
    *,
    pack: str | Path | None = None,
    weights: str | Path | None = None,
    shots: int | None = None,
    threshold: float | None = None,
    min_area: float | None = None,
    min_length: float | None = None,
    unit: Unit | None = None,
    review: Band | None = None,
    scale: float | None = None,
    tile: Tile = "auto",
    bits: int | None = None,
    keep: Collection[Kind] = KINDS,
    device: str = "auto",
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> Summary:
    """Segment files by the example of a guidance folder or a pack, and write the results into a folder.

    Writes `<stem>_mask.png`, `<stem>_score.tiff` and `<stem>_overlay.png` for each query, in folders as the
    queries' own, and `<stem>_regions.json` where something is marked; one `segment.json`, `guidance.png`, the
    guidance as it was understood, and at the end the tables of all images (`tables.write_tables`). What a run
    by the same settings has finished is skipped if it is still as it was written; masks by another decision
    are made anew from the scores that were kept; what was made by other settings is made anew. An image that
    cannot be read is recorded and the others go on.

    Args:
        sources: images, or folders of images.
        guidance: folder as `data.layouts.guidance` describes it; None where a pack is given.
        out: folder of the results, made where it is missing.
        pack: a pack in place of the folder; it settles shots, tile and bits.
        weights: as `Segmenter.from_pretrained`; of a pack, as `Segmenter.load`.
        shots: how many of the supports to use, the first by name; None for all.
        threshold: score above which a pixel is defect, between 0 and 1; None for the pack's, or for 0.5.
        min_area: least region that is marked, 0 for any; None for the pack's, or for 9 pixels.
        min_length: least length of a region; None for the pack's, or for any.
        unit: of the two, "px" or "mm"; None for the pack's, or for pixels.
        review: (low, high): a person should look at images of a score above low and not above high; "none"
            for no such; None for the pack's, or for no such.
        scale: pixels a millimetre; None for the pack's, or where it is not known.
        tile: as `Segmenter.from_pretrained`; a plan that "auto" finds is told by `notice` before the work.
        bits: as `Segmenter.from_pretrained`.
        keep: which of the files to write for each query.
        device: as `Segmenter.from_pretrained`.
        progress: called with (finished, all, name of the image) before the first and after each image.
        notice: called with a line that a person should read.

    Raises:
        InputError: bad guidance, weights or settings; nothing to segment; results that cannot be written, or
            that would replace what is not ours; another process writes into `out`.
    """
    changes = Changes(threshold, min_area, min_length, unit, review, scale)
    check_keep(keep)
    resolve_device(device)
    tile, bits = check_tiling(tile), check_bits(bits)
    guided: Guided
    if (guidance is None) == (pack is None):
        raise InputError("a folder of guidance or a pack is wanted, one of the two", "guidance", "pack")
    if pack is not None:
        # "auto" is what a pack has, too: the tile that it was fitted with.
        own = None if tile == "auto" else (tile or "none")
        settled = (("shots", shots), ("tile", own), ("bits", bits))
        guided = ByPack.of(read_pack(pack), weights, settled, scale)
    else:
        assert guidance is not None
        guided = ByFolder.of(Path(guidance), shots, weights=weights, tile=tile, bits=bits)
    return run_job(
        sources, guided, out, changes=changes, keep=keep, device=device, progress=progress, notice=notice
    )


@alone_in("out")
def run_job(
    sources: Iterable[str | Path | Query],
    guided: Guided,
    out: str | Path,
    *,
    changes: Changes = NO_CHANGES,
    keep: Collection[Kind] = KINDS,
    device: str = "auto",
    progress: Progress | None = None,
    notice: Notice | None = None,
    each: Callable[[Entry], None] | None = None,
) -> Summary:
    """`segment_files` by a guidance that is there.

    Args:
        sources: as there, or files with the folder of their results. As there are out, keep, device,
            progress, notice, and what is returned.
        guided: what the job is guided by.
        changes: of its decision.
        each: called with each image that is done, or was before, once that is on the disk.

    Raises:
        InputError: as there.
    """
    out, kinds = Path(out), check_keep(keep)
    decision, scale = changes.of(guided.decision, guided.scale)
    found = find_queries(sources, ((out, "the folder of results"), *guided.folders))
    hashes = FileHashes()
    queries = []
    for query in found.queries:
        aside = guided.aside(query.path, hashes)
        if aside is None:
            queries.append(query)
        else:
            (found.refused if aside.support else found.left_out).append(aside)
    if not queries and not found.refused:
        raise InputError(f"{found.left_out[-1].reason}; name at least one image to segment")
    check_apart(out, queries, guided.files)
    file = find_weights(guided.weights)
    record = Record(
        weights=str(file),
        weights_sha256=hashes.of(file),
        settled=Settled.of(decision, scale),
        tile=guided.tile,
        plan=None if guided.plan is None else str(guided.plan),
        bits=guided.bits,
        guidance=guided.record(hashes),
        left_out=_reasons(found.left_out),
    )
    earlier = read_record(out)
    if earlier is not None:
        earlier.put(read_journal(out, earlier.key))
    named, refused = name_results(queries, {} if earlier is None else earlier.entries(), out, hashes)
    record.refused = _reasons([*found.refused, *refused])
    stale, note = _take_over(record, earlier, named, out)
    in_pixels = decision.in_pixels(scale)
    job = _Job(named, guided, out, record, in_pixels, kinds, hashes, progress, notice, each)
    job.run(device, stale, note)
    if record != earlier or not are_whole(out, record):
        record.tables = write_tables(out, record)
        record.write(out)
    listed = record.entries()
    return Summary.of(
        [listed[name] for name in named if name in listed],
        out,
        done=job.done,
        decided=len(job.decided),
        kept=job.kept,
        refused=[refusal.reason for refusal in record.refused],
        left_out=[aside.reason for aside in record.left_out],
        plan=record.plan,
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

    def run(self, device: str, stale: set[str], note: str) -> None:
        """Do what is not done; the network is loaded only where scores are missing."""
        undecided, pending = self._left()
        self.kept = len(self._named) - len(undecided) - len(pending)
        if self._each:
            entries = self._record.entries()
            for name in self._named.keys() - {*undecided, *pending}:
                self._each(entries[name])
        if not undecided and not pending:
            return
        segmenter = None
        if pending:
            with self._warnings():
                segmenter = self._guided.segmenter(device)
            self._check_unchanged(segmenter)
            self._record.bits_used = segmenter.bits
        plan = self._guided.plan
        if segmenter and plan is not None and plan.tile is not None and self._notice:
            self._notice(str(plan))  # before the work that it multiplies
        if note and self._notice:
            self._notice(note)
        stale |= set(pending) & self._record.entries().keys()
        self._record.drop(stale)
        self._record.tables = {}
        # Before the first result, so that a folder with results always says by what they were made; and
        # before old results go, so that it never lists one that is gone.
        self._record.write(self._out)
        remove_tables(self._out)
        keep_interest(self._out, self._decider.decision.interest)
        if segmenter:
            with self._warnings():
                self._guided.draw(self._out / GUIDANCE_PICTURE, segmenter.bits)
        journal = Journal(self._out, self._record)
        for name in sorted(stale):
            Outputs.of(self._out, name).remove()
        try:
            self._go_through(segmenter, undecided, pending, journal)
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

    def _check_unchanged(self, segmenter: Segmenter) -> None:
        """What was hashed is what was read."""
        self._hashes.check()
        if segmenter.weights_hash != self._record.weights_sha256:
            raise InputError(f"{self._record.weights}: changed while it was read; run again when it is whole")

    def _go_through(
        self, segmenter: Segmenter | None, undecided: Sequence[str], pending: Sequence[str], journal: Journal
    ) -> None:
        work = [*((name, self.decided) for name in undecided), *((name, self.done) for name in pending)]
        for index, (name, finished) in enumerate(work):
            query = self._named[name].path
            if self._progress:
                self._progress(self.kept + index, len(self._named), query.name)
            try:
                with self._warnings():
                    if finished is self.decided:
                        entry = self._decide_again(name, query)
                    else:
                        assert segmenter is not None
                        entry = self._segment(segmenter, name, query)
            except RefusedError as refusal:
                self._record.refused += _reasons([Aside(query, str(refusal))])
            else:
                journal.add(entry)
                finished.append(entry)
                if self._each:
                    self._each(entry)
        if self._progress:
            self._progress(len(self._named), len(self._named), "")

    def _fold(self, journal: Journal) -> None:
        self._record.put([*self.decided, *self.done])
        self._record.write(self._out)
        journal.remove()

    def _segment(self, segmenter: Segmenter, name: str, query: Path) -> Entry:
        start = time.perf_counter()
        with _refusing():
            digest = self._hashes.of(query)
            image = segmenter.read(query)
            support = segmenter.saw(image)
            if support is not None:
                raise InputError(is_support(query, Path(support)))
            prediction = segmenter.predict(image)
            self._hashes.of(query)
        seconds = time.perf_counter() - start
        entry = Entry.undecided(resolved(query), digest, name, image.shape, seconds)
        return self._decider.write(entry, prediction, image, self._kept_too(name))

    def _decide_again(self, name: str, query: Path) -> Entry:
        entry, keep = self._record.entries()[name], self._kept_too(name)

        def image() -> Picture:
            with _refusing():
                found = read_picture(query)
                bits = self._record.bits_used
                found = found if bits is None else found.with_bits(bits)
                self._hashes.of(query)
            return found

        again = self._decider.again(entry, image, keep)
        return again.model_copy(update={"file": resolved(query)})

    def _kept_too(self, name: str) -> list[Kind]:
        """What to write, and what an earlier run kept beside: it would tell of another decision."""
        earlier = self._record.entries().get(name)
        return [kind for kind in KINDS if kind in self._keep or (earlier and kind in earlier.written)]

    @contextmanager
    def _warnings(self) -> Iterator[None]:
        """Warnings of what is likely a mistake become notices, each once; others are not the user's."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InputWarning)
            try:
                yield
            finally:
                found = (w for w in caught if issubclass(w.category, InputWarning))
                for line in (str(warning.message) for warning in found):
                    if line not in self._told and self._notice:
                        self._notice(line)
                    self._told.add(line)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise RefusedError(str(error)) from error
