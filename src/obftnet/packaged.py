"""TOML files that lie inside the package, by name, each read into a validated record."""

import tomllib
from importlib import resources
from typing import TypeVar

from pydantic import BaseModel

from obftnet.errors import InputError

Record = TypeVar("Record", bound=BaseModel)


def packaged_names(package: str) -> list[str]:
    """Names of the TOML files of a package, without the suffix, sorted."""
    files = resources.files(package).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def read_packaged(package: str, name: str, record: type[Record], what: str) -> Record:
    """One of them; raises InputError that lists those there are. `what`: a person's word for such a file."""
    names = packaged_names(package)
    if name not in names:
        raise InputError(f"unknown {what} {name!r}; there are: {', '.join(names)}")
    text = (resources.files(package) / f"{name}.toml").read_text(encoding="utf-8")
    return record.model_validate(tomllib.loads(text))
