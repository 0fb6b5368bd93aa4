"""What is done of a job, a line an image, on the disk before the next image is looked at."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from obftnet.errors import InputError
from obftnet.files import append_line, atomic
from obftnet.segmentation.record import Entry, Record

NAME = "segment.unfinished"


class Journal:
    """The entries that are not yet in segment.json. The file is there only while a job is unfinished."""

    def __init__(self, folder: Path, record: Record) -> None:
        """Begin a new one in the place of what an earlier job left. Raises InputError as `add`."""
        self._path = folder / NAME
        with atomic(self._path) as temporary:
            temporary.write_text(json.dumps({"key": record.key}) + "\n", encoding="utf-8")

    def add(self, entry: Entry) -> None:
        """Note a finished image. Raises InputError where it cannot be written."""
        append_line(self._path, json.dumps(entry.model_dump()))

    def remove(self) -> None:
        """All that it says stands in segment.json now."""
        remove_journal(self._path.parent)


def remove_journal(folder: Path) -> None:
    """Remove what a job noted, where it stands in segment.json."""
    (folder / NAME).unlink(missing_ok=True)


def read_journal(folder: Path, key: str) -> list[Entry]:
    """The entries that a killed job of the same key left; of any other, and behind a damaged line, none.

    Raises:
        InputError: something else is in the file's place.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return []
    if not path.is_file():
        raise InputError(
            f"{path}: not a regular file; what an unfinished job noted is wanted there, remove it"
        )
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
        if json.loads(lines[0]) != {"key": key}:
            return []
    except (OSError, ValueError, RecursionError):
        return []
    # What follows the last line's end is half a line, or nothing.
    return list(_whole(lines[1:-1]))


def _whole(lines: list[str]) -> Iterator[Entry]:
    for line in lines:
        try:
            yield Entry.model_validate(json.loads(line))
        except (ValueError, RecursionError, ValidationError):
            return
