"""What the results of each query are called, so that no two overwrite each other on any file system."""

import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError
from obftnet.segmentation.outputs import LONGEST
from obftnet.segmentation.queries import Aside, Query
from obftnet.segmentation.record import Entry

#: Bytes that file systems commonly take for a name.
_MOST = 255

Named: TypeAlias = dict[str, Query]


def name_results(
    queries: Sequence[Query], earlier: Mapping[str, Entry], out: Path, hashes: FileHashes
) -> tuple[Named, list[Aside]]:
    """A name for the results of each query: its folder and its file's stem, as `sub/part1`.

    Where other files of its folder have the same stem, or one that differs only by case, the whole file name
    stands for it (`part1.jpg`). What an earlier run named keeps its name.

    Args:
        queries: in order.
        earlier: entries of earlier runs by the names of their results.
        out: the folder of the results, for messages.
        hashes: of files that were read.

    Returns:
        The queries by name; and those that no name is left for, because a result of another file of the same
        name would be overwritten, or their names are too long to add to.
    """
    before = {entry.file: name for name, entry in earlier.items()}
    # Every name by what a file system may take it for: its owner's file, and the entry where there is one.
    taken: dict[str, tuple[str, Entry | None]] = {_same(name): (e.file, e) for name, e in earlier.items()}
    names_of: dict[str, set[str]] = {}
    for query in queries:
        names_of.setdefault(_same(_default(query)), set()).add(query.path.name)
    named: Named = {}
    refused = []
    for query in queries:
        file = resolved(query.path)
        options = [_default(query)] if len(names_of[_same(_default(query))]) == 1 else []
        whole = str(PurePosixPath(query.folder, query.path.name))
        options += [whole, *(f"{whole}-{number}" for number in range(2, 100))]
        if file in before:
            options.insert(0, before[file])
        found = _first_free(query, file, options, taken, hashes)
        if isinstance(found, str) and len(os.fsencode(PurePosixPath(found).name + LONGEST)) <= _MOST:
            named[found] = query
            taken[_same(found)] = (file, None)
        elif isinstance(found, str):
            refused.append(
                Aside(query.path, f"{query.path}: its name is too long to name results by; shorten it")
            )
        else:
            refused.append(
                Aside(
                    query.path,
                    f"{query.path}: {out} holds the result of {found[0]}, another image of the same name; "
                    "segment it into another folder",
                )
            )
    return named, refused


def resolved(path: Path) -> str:
    """A file's one name, however it was given."""
    return str(path) if "\0" in str(path) else os.path.realpath(path)  # a name that a table has, and no file


def _default(query: Query) -> str:
    return str(PurePosixPath(query.folder, query.path.stem))


def _first_free(
    query: Query,
    file: str,
    options: Sequence[str],
    taken: Mapping[str, tuple[str, Entry | None]],
    hashes: FileHashes,
) -> str | tuple[str, None]:
    """The first of some names that is free or the query's own; or the file in its way, of the same name."""
    for option in options:
        owner = taken.get(_same(option))
        if owner is None:
            return option
        other, entry = owner
        if entry is not None and (other == file or _content(query.path, hashes) == entry.sha256):
            return option  # its own, or that of the same image elsewhere: a folder was moved
        if Path(other).name == query.path.name:
            return other, None
    return options[-1]


def _content(path: Path, hashes: FileHashes) -> str:
    """Its hash; "" where it cannot be read, which reading it as a query will say."""
    try:
        return hashes.of(path)
    except InputError:
        return ""


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
