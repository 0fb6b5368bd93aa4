"""Records of results, as they stand now: also of a job that is under way, and each read once."""

from pathlib import Path

from obftnet.segmentation.journal import NAME as JOURNAL
from obftnet.segmentation.journal import read_journal
from obftnet.segmentation.record import NAME, Record, read_record

_Stamp = list[tuple[int, int] | None]


class Records:
    """What was read last of each folder of results, and read again when it has changed."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[_Stamp, Record | None]] = {}

    def of(self, results: Path) -> Record | None:
        """The record with what stands in the journal; None where there is none.

        Raises:
            InputError: it is of another version, or cannot be read.
        """
        stamp = [_stamp(results / name) for name in (NAME, JOURNAL)]
        if results not in self._known or self._known[results][0] != stamp:
            record = read_record(results)
            if record is not None:
                record.put(read_journal(results, record.key))
            self._known[results] = stamp, record
        return self._known[results][1]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
