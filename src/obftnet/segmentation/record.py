"""segment.json: by what the results of a folder were made, and what came out for each image."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ValidationError

from obftnet import __version__
from obftnet.data.layouts.guidance import GuidanceFolder
from obftnet.errors import InputError
from obftnet.files import write_json
from obftnet.safefile import file_hash

NAME = "segment.json"


class GuidanceRecord(BaseModel):
    """The guidance that was used: names of the files, and a hash of their contents."""

    folder: str
    sha256: str
    supports: list[str]
    backgrounds: list[str]

    @classmethod
    def of(cls, folder: Path, used: GuidanceFolder) -> Self:
        """Describe the files used. Raises InputError where one cannot be read."""
        digest = hashlib.sha256()
        for role, paths in (
            ("support", [path for pair in used.supports for path in pair]),
            ("background", used.backgrounds),
        ):
            for path in paths:
                digest.update(f"{role} {content_hash(path)}\n".encode())
        return cls(
            folder=str(folder.resolve()),
            sha256=digest.hexdigest(),
            supports=[image.name for image, _ in used.supports],
            backgrounds=[path.name for path in used.backgrounds],
        )


class Entry(BaseModel):
    """A finished image. defect_area: fraction of its pixels, 0..1. seconds: reading and predicting."""

    file: str
    sha256: str
    width: int
    height: int
    defect_area: float
    max_score: float
    seconds: float


class Refusal(BaseModel):
    """An image that could not be segmented."""

    file: str
    reason: str


class Record(BaseModel):
    """Everything in segment.json."""

    obftnet: str = __version__
    weights: str
    weights_sha256: str
    threshold: float
    tile: int | None = None
    guidance: GuidanceRecord
    images: list[Entry] = []
    refused: list[Refusal] = []

    def differences(self, other: Self) -> list[str]:
        """The settings in which results of `other` are not to be had from those of this one, in words."""
        found = []
        if self.weights_sha256 != other.weights_sha256:
            found.append("other weights")
        if self.guidance.sha256 != other.guidance.sha256:
            found.append("other guidance")
        if self.threshold != other.threshold:
            found.append(f"threshold {self.threshold:g}, now {other.threshold:g}")
        if self.tile != other.tile:
            found.append(f"tile {self.tile or 'none'}, now {other.tile or 'none'}")
        if self.obftnet != other.obftnet:
            found.append(f"obftnet {self.obftnet}, now {other.obftnet}")
        return found

    def entries(self) -> dict[str, Entry]:
        """Finished images by the stem that names their results."""
        return {Path(entry.file).stem: entry for entry in self.images}

    def drop(self, stems: Iterable[str]) -> None:
        """Forget the entries of these stems."""
        gone = set(stems)
        self.images = [entry for entry in self.images if Path(entry.file).stem not in gone]

    def write(self, folder: Path) -> None:
        """Write segment.json, whole or not at all. Raises InputError where it cannot be written."""
        write_json(folder / NAME, self.model_dump())


def read_record(folder: Path) -> Record | None:
    """The record in an output folder; None where there is none.

    Raises:
        InputError: the folder is a file, or its segment.json is not one of ours.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; a folder to write into is wanted")
    path = folder / NAME
    if not path.exists():
        return None
    try:
        return Record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); name another --out") from error
    except ValidationError as error:
        raise InputError(f"{path}: not a record that obftnet segment wrote; name another --out") from error


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes. Raises InputError where it cannot be read."""
    try:
        return file_hash(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
