"""Option types that several commands share, and settings checked into one-line errors."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from obftnet.data.collection import Collection
from obftnet.data.folds import default_folds, read_folds
from obftnet.errors import InputError

Data = Annotated[Path, typer.Option("--data", help="Folder of the data set.")]
Layout = Annotated[str, typer.Option("--layout", help="mvtec or neu_seg.")]
FoldsFile = Annotated[
    Path | None,
    typer.Option(
        "--folds", help="JSON {fold: [materials]}; default: materials that share the name before _NN."
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N.")]
BackboneWeights = Annotated[
    str | None,
    typer.Option(
        "--backbone-weights",
        help="safetensors file with torchvision's key names; default: torchvision's published weights; "
        "random: untrained, the control.",
    ),
]

Settings = TypeVar("Settings", bound=BaseModel)


def settings(kind: type[Settings], values: dict[str, Any]) -> Settings:
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


def folds_of(collection: Collection, file: Path | None) -> dict[str, tuple[str, ...]]:
    """The folds asked for."""
    return default_folds(collection) if file is None else read_folds(file, collection)


def one_fold(folds: dict[str, tuple[str, ...]], name: str, option: str) -> tuple[str, ...]:
    """A fold by name; InputError lists those there are."""
    if name not in folds:
        raise InputError(f"{option} {name!r}: no such fold; there are {', '.join(folds)}")
    return folds[name]
