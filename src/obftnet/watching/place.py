"""Judged images brought out of the way, by their verdict; nothing that is there is replaced."""

import errno
import shutil
from pathlib import Path

from obftnet.errors import InputError
from obftnet.files import atomic, output_folder, unwritable


def move(path: Path, folder: Path) -> Path:
    """Move a file into a folder; where its name is taken, with a number behind it.

    Raises:
        InputError: it cannot be moved. It is then where it was.
    """
    output_folder(folder)
    for number in range(1, 1_000_000):
        target = folder / (path.name if number == 1 else f"{path.stem}-{number}{path.suffix}")
        if target.exists() or target.is_symlink():
            continue
        try:
            path.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise unwritable(target, error) from error
            _copy(path, target)
        return target
    raise InputError(f"{folder}: holds too many files of the name {path.name}; empty it")


def _copy(path: Path, target: Path) -> None:
    """Onto another file system: whole before the first is gone."""
    with atomic(target) as temporary:
        shutil.copyfile(path, temporary)
    try:
        path.unlink()
    except OSError as error:
        target.unlink(missing_ok=True)
        raise unwritable(path, error) from error
