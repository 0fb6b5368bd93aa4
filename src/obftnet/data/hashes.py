"""What files hold, told by their content: neither a name nor a time says whether a file is another."""

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from obftnet.errors import InputError

#: Device, inode, bytes, and the times of the last change of the content and of the file's record, which no
#: program sets: as long as they are the same, so is the content.
_Stamp: TypeAlias = tuple[int, int, int, int, int]


class FileHashes:
    """SHA-256 of files, each read once; work on a file that changes meanwhile is stopped."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[_Stamp, str]] = {}

    def of(self, path: Path) -> str:
        """SHA-256 of a file's bytes, hexadecimal.

        Raises:
            InputError: it cannot be read, or is no longer what was hashed before.
        """
        known = self._known.get(path)
        try:
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                # A pipe would be waited for, and a device has no end.
                raise InputError(f"{path}: not a regular file; one that stays as it is is wanted")
            if known is not None and known[0] == _stamp(found):
                return known[1]
            with path.open("rb") as file:
                before = _stamp(os.fstat(file.fileno()))
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                after = _stamp(os.fstat(file.fileno()))
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read ({error.strerror or error}); make it readable"
            ) from error
        if before != after or (known is not None and known[1] != digest):
            raise InputError(f"{path}: changed while it was in use; leave the data alone, and begin again")
        self._known[path] = (after, digest)
        return digest

    def check(self, paths: Iterable[Path] | None = None) -> None:
        """Make sure that files still are what was hashed: those of `paths` that were, or all.

        Raises:
            InputError: one is not, or cannot be read any more.
        """
        for path in list(self._known) if paths is None else paths:
            if path in self._known:
                self.of(path)


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
