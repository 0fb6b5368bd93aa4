"""Options brought together into what the library takes, and refused in one line where that cannot be."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from obftnet.data.collection import Collection
from obftnet.data.episodes import BackgroundSource
from obftnet.data.folds import default_folds, read_folds
from obftnet.data.layouts import read_layout
from obftnet.errors import InputError
from obftnet.protocols import read_protocol

Settings = TypeVar("Settings", bound=BaseModel)


def settings(kind: Callable[..., Settings], values: dict[str, Any]) -> Settings:
    """Build settings from options; those left at None take the default. InputError names the option."""
    try:
        return kind(**{key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-") + ": " if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"{option}{message}" + (f", got {first['input']!r}" if first["loc"] else "")
        ) from error


@dataclass(frozen=True)
class DataSet:
    """What `--data` with its options is: the images, the folds, where backgrounds come from."""

    collection: Collection
    folds: dict[str, tuple[str, ...]]
    background_source: BackgroundSource


def data_set(
    data: Path,
    protocol: str | None,
    layout: str | None,
    folds: Path | None,
    background_source: BackgroundSource | None,
) -> DataSet:
    """Read a data folder by a protocol's name, or by what stands in for one.

    Raises:
        InputError: an option beside the protocol that the protocol answers, or data that cannot be used.
    """
    if protocol is None:
        collection = read_layout("mvtec" if layout is None else layout, data)
        chosen = default_folds(collection) if folds is None else read_folds(folds, collection)
        return DataSet(collection, chosen, background_source or "good")
    for option, value in (
        ("layout", layout),
        ("folds", folds),
        ("background-source", background_source),
    ):
        if value is not None:
            raise InputError(f"--{option} {value}: --protocol {protocol} says what it is; leave one out")
    found = read_protocol(protocol)
    collection = read_layout(found.layout, data)
    return DataSet(collection, found.folds_in(collection), found.background_source)
