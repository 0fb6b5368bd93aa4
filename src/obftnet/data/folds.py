"""Folds: sets of materials that are left out of training together."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from obftnet.data.collection import Collection
from obftnet.errors import InputError
from obftnet.json_files import read_json

#: Bytes of a fold's name: file systems take 255 for a whole file's.
_LONGEST = 100
_WANTED = 'a JSON object {"fold": ["material", ...], ...} is wanted'


def default_folds(collection: Collection) -> dict[str, tuple[str, ...]]:
    """Materials that share the prefix before `_NN` (fabric_00, fabric_01) form one fold; others one each."""
    folds: dict[str, tuple[str, ...]] = {}
    for material in collection.materials:
        name = re.sub(r"_\d+$", "", material)
        folds[name] = (*folds.get(name, ()), material)
    return folds


def read_folds(path: str | Path, collection: Collection) -> dict[str, tuple[str, ...]]:
    """Read folds from a JSON file, in its order. Materials that no fold names are not used.

    Raises:
        InputError: not such a file, a fold's name that no file could have, a material the collection does not
            have, a material or a fold named twice, a fold of no material.
    """
    path = Path(path)
    content = read_json(path, _WANTED)
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: no folds in it; {_WANTED}")
    folds: dict[str, tuple[str, ...]] = {}
    fold_of: dict[str, str] = {}
    for name, materials in content.items():
        if not _names_files(name):
            raise InputError(
                f"{path}: fold {name!r}: files are called by it; up to {_LONGEST} letters, digits and signs, "
                "no slash and no control character, are wanted"
            )
        folds[name] = _materials(path, name, materials)
        for material in folds[name]:
            if material not in collection.materials:
                raise InputError(
                    f"{path}: fold {name!r} names material {material!r}, which {collection.root} does not "
                    f"have; there are: {', '.join(collection.materials)}"
                )
            if material in fold_of:
                raise InputError(
                    f"{path}: material {material!r} is in {fold_of[material]!r} and {name!r}; choose one"
                )
            fold_of[material] = name
    return folds


def one_fold(folds: Mapping[str, tuple[str, ...]], name: str, parameter: str) -> tuple[str, ...]:
    """A fold's materials by its name; InputError lists the folds there are and names the parameter."""
    if name not in folds:
        raise InputError(f"fold {name!r}: no such fold; there are {', '.join(folds)}", parameter)
    return folds[name]


def _names_files(name: str) -> bool:
    """Whether a name can be a part of a file's, and be printed."""
    fits = 0 < len(name.encode(errors="replace")) <= _LONGEST
    return fits and name.isprintable() and name != ".." and PurePath(name).name == name


def _materials(path: Path, name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise InputError(f"{path}: fold {name!r} is not a list of materials; {_WANTED}")
    return tuple(value)
