"""Folds: sets of materials that are left out of training together."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obftnet.data.collection import Collection
from obftnet.errors import InputError
from obftnet.imaging.decode import check_file

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
        InputError: not such a file, a material the collection does not have, a material or a fold named
            twice, a fold of no material.
    """
    path = Path(path)
    check_file(path, _WANTED)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=lambda pairs: pairs)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not JSON ({error}); {_WANTED}") from error
    # Objects come as lists of pairs, so that a name given twice is seen.
    if not isinstance(content, list) or not content or not all(isinstance(pair, tuple) for pair in content):
        raise InputError(f"{path}: no folds in it; {_WANTED}")
    folds: dict[str, tuple[str, ...]] = {}
    fold_of: dict[str, str] = {}
    for name, materials in content:
        if name in folds:
            raise InputError(f"{path}: fold {name!r} stands in it twice; name each once")
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


def one_fold(folds: Mapping[str, tuple[str, ...]], name: str, option: str) -> tuple[str, ...]:
    """A fold's materials by its name; InputError names the option and lists the folds there are."""
    if name not in folds:
        raise InputError(f"{option} {name!r}: no such fold; there are {', '.join(folds)}")
    return folds[name]


def _materials(path: Path, name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise InputError(f"{path}: fold {name!r} is not a list of materials; {_WANTED}")
    return tuple(value)
