"""Results decided anew by their score maps, without the network and without the images but for overlays."""

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from obftnet.data.hashes import FileHashes
from obftnet.decision import Decision
from obftnet.errors import InputError, printable
from obftnet.files import alone_in
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import read_picture
from obftnet.kinds import DEFAULT_KIND
from obftnet.packs import read_pack
from obftnet.segmentation.changes import Band, Changes, Level, Unit
from obftnet.segmentation.decider import Decider, RefusedError
from obftnet.segmentation.interest import kept_interest
from obftnet.segmentation.journal import Journal, read_journal
from obftnet.segmentation.outputs import KINDS, Kind, Outputs
from obftnet.segmentation.record import NAME, Entry, Reason, Record, Settled, read_record
from obftnet.segmentation.summary import Summary
from obftnet.segmentation.tables import are_whole, remove_tables, write_tables

Progress = Callable[[int, int, str], None]
Notice = Callable[[str], None]


@alone_in("results")
def decide_results(
    results: str | Path,
    *,
    threshold: float | None = None,
    low_threshold: Level | None = None,
    min_area: float | None = None,
    min_length: float | None = None,
    unit: Unit | None = None,
    review: Band | None = None,
    scale: float | None = None,
    pack: str | Path | None = None,
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> Summary:
    """Decide anew about images that `segment_files` has segmented, from the score maps that it kept.

    Masks, overlays and regions that are there, tables and `segment.json` are written anew where they differ.
    An overlay whose image is not there any more as it was goes. A second call goes on where one was stopped.

    Args:
        results: folder of the results; their scores must have been kept.
        threshold: as `segment_files`, None for what the results were decided by; so all that follow.
        low_threshold: where what is marked is drawn out to.
        min_area: least region.
        min_length: least length of a region.
        unit: of the two.
        review: the band for a person to look at.
        scale: pixels a millimetre.
        pack: whose decision and scale take the place of what the results were decided by; they must be by its
            guidance.
        progress: called with (finished, all, name of the image) before the first and after each image.
        notice: called with a line that a person should read.

    Raises:
        InputError: no results of this version; results without score maps; a bad decision; another process
            writes into the folder, or nothing can be written there.
    """
    out = Path(results)
    record = read_record(out)
    if record is None:
        raise InputError(f"{out}: no {NAME} in it; a folder of results of obftnet segment is wanted")
    record.put(read_journal(out, record.key))
    lacking = [entry.file for entry in record.images if "score" not in entry.written]
    if lacking:
        raise InputError(
            f"{out}: holds no score map of {lacking[0]}"
            + (f" and {len(lacking) - 1} more" if len(lacking) > 1 else "")
            + "; segment again with score maps kept"
        )
    changes = Changes(threshold, min_area, min_length, unit, review, scale, low_threshold)
    asked, known = changes.of(*_there(out, record, pack))
    settled = Settled.of(asked, known)
    changed = settled != record.settled
    record.settled = settled
    kinds = tuple(record.guidance.kinds) or (DEFAULT_KIND,)
    decider = Decider(out, settled, asked.in_pixels(known), kinds)
    work = [entry for entry in record.images if not _is_done(entry, decider)]
    refused: list[str] = []
    if work or changed or not are_whole(out, record):
        record.tables = {}
        record.write(out)
        remove_tables(out)
        decided = _go_through(record, decider, work, refused, progress, notice)
        record.tables = write_tables(out, record)
        record.write(out)
    else:
        decided = 0
    return Summary.of(record.images, out, decided=decided, kept=len(record.images) - decided, refused=refused)


def _there(out: Path, record: Record, pack: str | Path | None) -> tuple[Decision, float | None]:
    """The decision, with its scale, that changes are made to."""
    if pack is not None:
        found = read_pack(pack, fitted=False)
        if found.content.guidance_sha256 != record.guidance.sha256:
            raise InputError(f"{out}: results by other guidance than the pack {pack} has; segment by it")
        return found.decision, found.content.scale
    interest = kept_interest(out, record.settled)
    return record.settled.decision.decision(interest), record.settled.scale


def _is_done(entry: Entry, decider: Decider) -> bool:
    if entry.decided_by != decider.settled.key:
        return False
    files = Outputs.of(decider.out, entry.result).files
    return all(written.is_still(files[file]) for file, written in entry.written.items() if file != "score")


def _go_through(
    record: Record,
    decider: Decider,
    work: list[Entry],
    refused: list[str],
    progress: Progress | None,
    notice: Notice | None,
) -> int:
    journal = Journal(decider.out, record)
    finished: list[Entry] = []
    # Threads, not processes: none outlives a kill and writes on.
    pool = ThreadPoolExecutor(_workers(), thread_name_prefix="decide")
    asked = {pool.submit(_decided, entry, decider, record.bits_used): entry for entry in work}
    try:
        for index, future in enumerate(as_completed(asked)):
            entry = asked.pop(future)
            if progress:
                progress(index, len(work), Path(entry.file).name)
            try:
                decided, said = future.result()
            except RefusedError as error:
                refused.append(str(error))
                record.drop([entry.result])
                record.refused.append(Reason(file=entry.file, reason=printable(str(error))))
                record.write(decider.out)
                Outputs.of(decider.out, entry.result).remove()
                continue
            journal.add(decided)
            finished.append(decided)
            if said and notice:
                notice(said)
        if progress:
            progress(len(work), len(work), "")
    except BaseException:
        pool.shutdown(cancel_futures=True)
        done = [future for future in asked if not future.cancelled() and future.exception() is None]
        finished += [future.result()[0] for future in done]
        # What is done stands in the journal; the record has it, too, if that can be.
        with contextlib.suppress(InputError):
            _fold(record, decider.out, finished, journal)
        raise
    pool.shutdown()
    _fold(record, decider.out, finished, journal)
    return len(finished)


def _workers() -> int:
    """Threads that can be at work at once; more than a few wait for the disk together."""
    return min(8, os.cpu_count() or 1)


def _fold(record: Record, out: Path, finished: list[Entry], journal: Journal) -> None:
    record.put(finished)
    record.write(out)
    journal.remove()


def _decided(entry: Entry, decider: Decider, bits: int | None) -> tuple[Entry, str]:
    """An image decided anew, and what is to be said of it."""
    outputs = Outputs.of(decider.out, entry.result)
    for file in ("score", "kind"):
        written = entry.written.get(file)
        if written is not None and not written.is_still(outputs.files[file]):
            raise RefusedError(f"{outputs.files[file]}: not as it was written; segment {entry.file} again")
    keep: list[Kind] = [kind for kind in KINDS if kind in entry.written]
    gone = ""

    def image() -> Picture | None:
        nonlocal gone
        found = _image(entry, bits)
        if found is None:
            outputs.remove(["overlay"])
            gone = f"{entry.file}: no longer there as it was segmented; its overlay is removed"
        return found

    return decider.again(entry, image, keep), gone


def _image(entry: Entry, bits: int | None) -> Picture | None:
    """The picture, if it is still what was segmented."""
    path = Path(entry.file)
    try:
        if FileHashes().of(path) != entry.sha256:
            return None
        image = read_picture(path)
        return image if bits is None else image.with_bits(bits)
    except InputError:
        return None
