"""The parts of a job (`shard`) as one folder of results: one record and one set of tables."""

import contextlib
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from obftnet.errors import InputError
from obftnet.files import atomic, exclusive
from obftnet.segmentation.interest import INTEREST
from obftnet.segmentation.job import GUIDANCE_PICTURE
from obftnet.segmentation.journal import NAME as JOURNAL
from obftnet.segmentation.record import NAME, Record, read_record
from obftnet.segmentation.shard import Shard
from obftnet.segmentation.summary import Summary
from obftnet.segmentation.tables import are_whole, write_tables

_PART = re.compile(r"shard-(\d{5,7})-of-(\d{5,7})")


def merge_results(results: str | Path) -> Summary:
    """Write segment.json and the tables of all parts of a job into the folder that holds the parts' folders.

    The parts' files stay where they are. From then on the folder is one of results like any other.

    Args:
        results: the folder that the parts were written into.

    Raises:
        InputError: no part in it, or not all; parts of several jobs, one that is not finished or another
            process writes into; the folder holds results of its own; something cannot be written.
    """
    out = Path(results)
    shards = _parts(out)
    with contextlib.ExitStack() as stack:
        for shard in shards:
            stack.enter_context(exclusive(out / shard.folder))
        # Only now: what others write below it at the moment would be taken for what was left half-written.
        stack.enter_context(exclusive(out))
        parts = [_finished(out / shard.folder, shard) for shard in shards]
        record = _merged(out, shards, parts)
        earlier = read_record(out)
        if earlier is not None and not _is_of(earlier, record):
            raise InputError(
                f"{out / NAME}: of other results than the parts'; if they were merged before, remove it and "
                "merge again"
            )
        kept = earlier is not None and are_whole(out, earlier)
        if earlier is not None:
            record = earlier  # decided anew since, perhaps: that stays
        if not kept:
            for name in (GUIDANCE_PICTURE, INTEREST):
                _copied(name, out, [out / shard.folder for shard in shards])
            record.tables = write_tables(out, record)
            record.write(out)
    return Summary.of(
        record.images,
        out,
        decided=0,
        kept=len(record.images),
        refused=[refusal.reason for refusal in record.refused],
        left_out=[aside.reason for aside in record.left_out],
        plan=record.plan,
    )


def _parts(out: Path) -> list[Shard]:
    """All parts of one job, in order."""
    found = [_PART.fullmatch(path.name) for path in (out.iterdir() if out.is_dir() else ()) if path.is_dir()]
    shards = sorted((Shard(*map(int, part.groups())) for part in found if part), key=lambda part: part.number)
    if not shards:
        raise InputError(f"{out}: no part of a job in it; what segment wrote in parts is wanted")
    counts = sorted({shard.count for shard in shards})
    if len(counts) > 1:
        raise InputError(f"{out}: parts of {counts[0]} and of {counts[1]}; those of one job are wanted")
    lacking = sorted({*range(1, counts[0] + 1)} - {shard.number for shard in shards})
    if lacking:
        more = f", nor are {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise _not_done(out, Shard(lacking[0], counts[0]), f"is not there{more}")
    return shards


def _finished(folder: Path, shard: Shard) -> Record:
    record = read_record(folder)
    if record is None:
        raise _not_done(folder, shard, f"has no {NAME}")
    if (folder / JOURNAL).exists() or not are_whole(folder, record):
        raise _not_done(folder, shard, "is not finished")
    return record


def _not_done(folder: Path, shard: Shard, why: str) -> InputError:
    part = f"{shard.number}/{shard.count}"
    return InputError(f"{folder}: part {part} {why}; segment with that shard again")


def _merged(out: Path, shards: Sequence[Shard], parts: Sequence[Record]) -> Record:
    first = parts[0]
    merged = first.model_copy(deep=True, update={"images": [], "refused": [], "left_out": [], "tables": {}})
    for shard, part in zip(shards, parts, strict=True):
        differences = first.differences(part) + first.settled.differences(part.settled)
        if differences:
            raise InputError(
                f"{out / shard.folder}: by other settings than {shards[0].folder} "
                f"({', '.join(differences)}); segment that part again by the same"
            )
        merged.bits_used = merged.bits_used or part.bits_used
        merged.images += [
            entry.model_copy(update={"result": f"{shard.folder}/{entry.result}", "part": shard.folder})
            for entry in part.images
        ]
        merged.refused += part.refused
        merged.left_out += part.left_out
    for name, times in Counter(entry.file for entry in merged.images).items():
        if times > 1:
            raise InputError(
                f"{out}: {name} is in {times} parts; segment all parts of the same images, named alike"
            )
    return merged


def _is_of(earlier: Record, merged: Record) -> bool:
    """Whether a record is of the same images by the same scores."""
    return earlier.key == merged.key and {(one.result, one.sha256) for one in earlier.images} == {
        (one.result, one.sha256) for one in merged.images
    }


def _copied(name: str, out: Path, folders: Sequence[Path]) -> None:
    """A file that all parts have alike; a part without an image has none."""
    for folder in folders:
        if (folder / name).is_file():
            with atomic(out / name) as temporary:
                shutil.copyfile(folder / name, temporary)
            return
