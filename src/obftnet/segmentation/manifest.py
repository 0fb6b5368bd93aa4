"""Tables that list the images of a job, for those that lie in too many places to name."""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from obftnet.errors import InputError
from obftnet.files import is_address
from obftnet.imaging.checks import check_file
from obftnet.segmentation.queries import Query

#: Columns that hold the images where nobody names one, the first that there is.
COLUMNS = ("path", "file", "image", "query")


def find_listed(manifest: str | Path | None, column: str | None) -> list[Query]:
    """As `read_manifest`; of no manifest, none. Raises InputError for a column of none."""
    if manifest is not None:
        return read_manifest(manifest, column)
    if column is not None:
        raise InputError(f"column {column!r}: of no manifest; name one, too", "column")
    return []


def read_manifest(path: str | Path, column: str | None = None) -> list[Query]:
    """The images that a table lists, each once, in its order.

    Relative paths begin at the table's folder. Results lie in folders as the images do below the table's
    folder; where an image lies elsewhere, as they do below the folder that all of them lie in.

    Args:
        path: CSV in UTF-8 with a line of columns' names, or Parquet (`.parquet`), which needs pyarrow.
        column: that holds the images; None for the first of `COLUMNS`, or the only one.

    Raises:
        InputError: no such file, or no such table; no such column, or several and none of these names; a row
            without an image; no row at all.
    """
    path = Path(path)
    check_file(path, "a table of images is wanted")
    names = _parquet(path, column) if path.suffix.lower() in (".parquet", ".pq") else _csv(path, column)
    base = path.absolute().parent
    files: dict[str, Path] = {}
    for number, name in enumerate(names, start=1):
        if not name.strip():
            raise InputError(f"{path}: row {number} names no image; fill it, or take the row out")
        if is_address(name):
            raise InputError(
                f"{path}: row {number} is an address ({name}); images are read from folders alone, mount the "
                "store or copy them here"
            )
        file = base / name
        files.setdefault(os.path.normpath(file), file)
    if not files:
        raise InputError(f"{path}: no row in it; a row an image is wanted")
    below = [Path(file).parent for file in files]
    if not all(folder.is_relative_to(base) for folder in below):
        base = Path(os.path.commonpath(below))
    places = (folder.relative_to(base).as_posix() for folder in below)
    return [
        Query(Path(file), "" if place == "." else place) for file, place in zip(files, places, strict=True)
    ]


def _csv(path: Path, column: str | None) -> Iterator[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.reader(stream, strict=True)
            heads = next(rows, [])
            place = heads.index(_column(path, heads, column))
            for number, row in enumerate(rows, start=1):
                if not row:
                    continue
                if len(row) != len(heads):
                    raise InputError(
                        f"{path}: row {number} has {len(row)} fields, the first line {len(heads)}; "
                        "mend the table"
                    )
                yield row[place]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); a table is wanted") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV table in UTF-8 ({error})") from error


def _parquet(path: Path, column: str | None) -> Iterator[str]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"{path}: Parquet needs pyarrow, which is not there; pip install pyarrow") from error
    try:
        with parquet.ParquetFile(path) as file:
            name = _column(path, file.schema_arrow.names, column)
            for batch in file.iter_batches(columns=[name]):
                for value in batch.column(0).to_pylist():
                    if not isinstance(value, str | None):
                        raise InputError(f"{path}: column {name} holds {value!r}; paths as text are wanted")
                    yield value or ""
    except (OSError, pyarrow.ArrowException) as error:
        reason = str(error).splitlines()[0][:120]
        raise InputError(f"{path}: not a Parquet table that can be read ({reason})") from error


def _column(path: Path, heads: Sequence[str], column: str | None) -> str:
    twice = [name for name in (COLUMNS if column is None else (column,)) if heads.count(name) > 1]
    if twice:
        raise InputError(f"{path}: two columns of the name {twice[0]!r}; leave one", "column")
    if column is not None:
        if column in heads:
            return column
        raise InputError(f"{path}: no column {column!r}; there are: {', '.join(heads) or 'none'}", "column")
    for name in COLUMNS:
        if name in heads:
            return name
    if len(heads) == 1:
        return heads[0]
    raise InputError(
        f"{path}: which column holds the images? There are: {', '.join(heads) or 'none'}; one of "
        f"{', '.join(COLUMNS)} is found by itself",
        "column",
    )
