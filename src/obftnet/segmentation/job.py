"""The bulk job: every query once, nothing lost by a bad one, by an interrupt or by a second run."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from obftnet.data.layouts.guidance import GuidanceFolder, read_guidance
from obftnet.decision import DEFAULT_THRESHOLD
from obftnet.errors import InputError
from obftnet.files import alone_in, output_folder
from obftnet.imaging.read import read_image
from obftnet.segmentation.outputs import Outputs
from obftnet.segmentation.queries import check_apart, check_no_support, find_queries, is_support
from obftnet.segmentation.record import (
    NAME,
    Entry,
    GuidanceRecord,
    Record,
    Refusal,
    content_hash,
    read_record,
)
from obftnet.segmenter import Segmenter, check_tile, resolve_device
from obftnet.weights import find_weights

#: Seconds between two writes of segment.json: with thousands of images it is too long to be written for each.
_WRITE_EVERY = 2.0


@dataclass(frozen=True)
class Summary:
    """What a job did.

    Attributes:
        done: images segmented by this run.
        kept: images that an earlier run had already segmented by the same settings.
        with_defect: how many of both have at least one defect pixel.
        seconds: mean over the images of this run, reading and predicting; 0 where there were none.
        refused: one line for each query that could not be segmented.
        out: the folder of the results.
    """

    done: int
    kept: int
    with_defect: int
    seconds: float
    refused: tuple[str, ...]
    out: Path


@alone_in("out")
def segment_files(
    sources: Iterable[str | Path],
    guidance: str | Path,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    shots: int | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tile: int | None = None,
    device: str = "auto",
    progress: Callable[[int, int, str], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Summary:
    """Segment files by the example of a guidance folder, and write the results into a folder.

    Writes `<stem>_mask.png`, `<stem>_score.tiff` and `<stem>_overlay.png` for each query, and one
    `segment.json`. What a run by the same settings has finished is skipped; what was made by other settings
    is made anew. An image that cannot be read is recorded and the others go on.

    Args:
        sources: images, or folders of images.
        guidance: folder as `data.layouts.guidance` describes it.
        out: folder of the results, made where it is missing.
        weights: as `Segmenter.from_pretrained`.
        shots: how many of the supports to use, the first by name; None for all.
        threshold: score above which a pixel is defect, 0..1.
        tile: as `Segmenter.from_pretrained`.
        device: as `Segmenter.from_pretrained`.
        progress: called with (finished, all, name of the image) before the first and after each image.
        notice: called with a line that a person should read.

    Raises:
        InputError: bad guidance, weights or settings; a query that is missing, shares its stem with another
            or is the file of a support; results that cannot be written.
    """
    guidance, out = Path(guidance), Path(out)
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold {threshold:g}: outside the range of a score; a number in 0..1 is wanted")
    resolve_device(device)
    check_tile(tile)
    used = _first(read_guidance(guidance), guidance, shots)
    queries = find_queries(sources)
    check_no_support(queries, (image for image, _ in used.supports))
    check_apart(out, queries, used)
    file = find_weights(weights)
    record = Record(
        weights=str(file),
        weights_sha256=content_hash(file),
        threshold=threshold,
        tile=tile,
        guidance=GuidanceRecord.of(guidance, used),
    )
    earlier = read_record(out)
    stale, note = _take_over(record, earlier, queries, out)
    kept = [path for path in queries if _finished(record, path, out)]
    pending = [path for path in queries if path not in set(kept)]
    done: list[Entry] = []
    if pending:
        segmenter = Segmenter.from_pretrained(weights, device, threshold=threshold, tile=tile)
        segmenter.fit(used.supports, used.backgrounds)
        output_folder(out)
        if note and notice:
            notice(note)
        stale |= {path.stem for path in pending} & record.entries().keys()
        record.drop(stale)
        # Before the first result, so that a folder with results always says by what they were made; and
        # before old results go, so that it never lists one that is gone.
        record.write(out)
        for stem in sorted(stale):
            Outputs.of(out, stem).remove()
        done = _run(segmenter, used, pending, record, out, len(kept), len(queries), progress)
    elif record != earlier:
        record.write(out)
    listed = record.entries()
    return Summary(
        done=len(done),
        kept=len(kept),
        with_defect=sum(listed[path.stem].defect_area > 0 for path in queries if path.stem in listed),
        seconds=sum(entry.seconds for entry in done) / max(1, len(done)),
        refused=tuple(refusal.reason for refusal in record.refused),
        out=out,
    )


def _first(found: GuidanceFolder, folder: Path, shots: int | None) -> GuidanceFolder:
    """The guidance with only its first `shots` supports."""
    count = len(found.supports)
    if shots is not None and not 1 <= shots <= count:
        raise InputError(
            f"{folder}: {count} support image(s) in it, but {shots} shots were asked for; "
            f"ask for 1 to {count}, or add supports"
        )
    return replace(found, supports=found.supports[:shots])


def _take_over(
    record: Record, earlier: Record | None, queries: Sequence[Path], out: Path
) -> tuple[set[str], str]:
    """Put into `record` what an earlier run left that still holds.

    Returns:
        The stems of results by other settings, to be removed; and a line about them, "" where there are none.
    """
    stems = {path.stem: path for path in queries}
    if earlier is None:
        for stem in stems:
            for path in Outputs.of(out, stem).files:
                if path.exists():
                    raise InputError(
                        f"{path}: would be overwritten, and no {NAME} beside it says that it is a result; "
                        "name another --out"
                    )
        return set(), ""
    differences = ", ".join(earlier.differences(record))
    if not differences:
        record.images = list(earlier.images)
        for stem, entry in record.entries().items():
            query = stems.get(stem)
            if query is None or str(query.resolve()) == entry.file:
                continue
            if content_hash(query) != entry.sha256:
                raise InputError(
                    f"{query}: {out} holds the result of {entry.file}, another image of the same stem; "
                    "name another --out"
                )
        return set(), ""
    others = [entry.file for stem, entry in earlier.entries().items() if stem not in stems]
    if others:
        raise InputError(
            f"{out}: holds results by other settings ({differences}) that these queries would not replace, "
            f"such as that of {others[0]}; name another --out"
        )
    count = len(earlier.images)
    return set(earlier.entries()), f"{out}: {count} result(s) by other settings ({differences}) are made anew"


def _finished(record: Record, query: Path, out: Path) -> bool:
    """Whether the record, the files and the query's content all say that nothing is left to do."""
    entry = record.entries().get(query.stem)
    if entry is None or not all(path.is_file() for path in Outputs.of(out, query.stem).files):
        return False
    return query.is_file() and content_hash(query) == entry.sha256


def _run(
    segmenter: Segmenter,
    used: GuidanceFolder,
    pending: Sequence[Path],
    record: Record,
    out: Path,
    finished: int,
    total: int,
    progress: Callable[[int, int, str], None] | None,
) -> list[Entry]:
    """Segment the images that are left, and keep segment.json up to date. Returns their entries."""
    done: list[Entry] = []
    written = time.monotonic()
    try:
        for index, query in enumerate(pending):
            if progress:
                progress(finished + index, total, query.name)
            try:
                entry = _segment_one(segmenter, used, query, out)
            except _RefusedError as refusal:
                record.refused.append(Refusal(file=str(query.resolve()), reason=str(refusal)))
            else:
                done.append(entry)
                record.images.append(entry)
            if time.monotonic() - written > _WRITE_EVERY:
                record.write(out)
                written = time.monotonic()
        if progress:
            progress(total, total, "")
    finally:
        record.write(out)
    return done


class _RefusedError(Exception):
    """A query that cannot be segmented; the others can."""


def _segment_one(segmenter: Segmenter, used: GuidanceFolder, query: Path, out: Path) -> Entry:
    start = time.perf_counter()
    try:
        image = read_image(query)
        if segmenter.saw(image):
            raise is_support(query, _equal_support(image, used))
        digest = content_hash(query)
    except InputError as error:
        raise _RefusedError(str(error)) from error
    prediction = segmenter.predict(image)
    seconds = time.perf_counter() - start
    # What cannot be written stops the job: the next image would meet the same full disk.
    Outputs.of(out, query.stem).write(image, prediction)
    return Entry(
        file=str(query.resolve()),
        sha256=digest,
        width=image.shape[1],
        height=image.shape[0],
        defect_area=float(prediction.mask.mean()),
        max_score=float(prediction.score.max()),
        seconds=round(seconds, 4),
    )


def _equal_support(image: np.ndarray, used: GuidanceFolder) -> Path:
    return next(path for path, _ in used.supports if np.array_equal(read_image(path), image))
