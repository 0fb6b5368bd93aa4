"""segment.json: by what the results of a folder were made, and what came out for each image."""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from obftnet import __version__
from obftnet.data.hashes import FileHashes
from obftnet.data.layouts.guidance import GuidanceFolder
from obftnet.decision import Decision, Verdict
from obftnet.errors import InputError, printable
from obftnet.files import file_hash, write_json
from obftnet.inputs import check_scale
from obftnet.json_files import read_json
from obftnet.packs.content import DecisionEntry
from obftnet.packs.mask_hash import mask_hash
from obftnet.segmentation.outputs import File

NAME = "segment.json"


class GuidanceRecord(BaseModel):
    """The guidance that was used: names of the files, and a hash of their contents and of kinds' names.

    kinds: of defect, of those that have folders.
    """

    folder: str
    sha256: str
    supports: list[str]
    backgrounds: list[str]
    kinds: list[str] = []

    @classmethod
    def of(cls, folder: Path, used: GuidanceFolder, hashes: FileHashes) -> Self:
        """Describe the files used. Raises InputError where one cannot be read."""
        digest = hashlib.sha256()
        of_kinds = used.by_kind if used.kinds else {}
        named = [(f"support of {kind!r}", pairs) for kind, pairs in of_kinds.items()]
        for role, paths in (
            *((role, [path for pair in pairs for path in pair]) for role, pairs in named),
            ("support", [] if used.kinds else [path for pair in used.supports for path in pair]),
            ("background", used.backgrounds),
        ):
            for path in paths:
                digest.update(f"{role} {hashes.of(path)}\n".encode())
        for line in sorted(
            f"ignored of {hashes.of(one)} {hashes.of(region)}" for one, region in used.ignored
        ):
            digest.update(f"{line}\n".encode())
        return cls(
            folder=str(folder.resolve()),
            sha256=digest.hexdigest(),
            supports=list(used.support_names),
            backgrounds=[path.name for path in used.backgrounds],
            kinds=list(of_kinds),
        )


class Written(BaseModel):
    """A file of results as it was written: how many bytes, and their hash."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Describe a file that was just written. Raises InputError where it cannot be read."""
        return cls(bytes=path.stat().st_size, sha256=FileHashes().of(path))

    def is_still(self, path: Path) -> bool:
        """Whether the file is there as it was written."""
        try:
            return path.stat().st_size == self.bytes and file_hash(path) == self.sha256
        except OSError:
            return False


class Settled(BaseModel):
    """By what masks and verdicts are made.

    decision: sizes as they were given. scale: pixels a millimetre, None where it is not known. interest: hash
    of the region of interest (`packs.mask_hash`), None where there is none.
    """

    decision: DecisionEntry
    scale: float | None = None
    interest: str | None = None

    @model_validator(mode="after")
    def _decides(self) -> Self:
        try:
            self.decision.decision().in_pixels(check_scale(self.scale))
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    @classmethod
    def of(cls, decision: Decision, scale: float | None) -> Self:
        """Describe a decision and the scale that goes with it."""
        interest = None if decision.interest is None else mask_hash(decision.interest)
        return cls(decision=DecisionEntry.of(decision), scale=scale, interest=interest)

    @property
    def key(self) -> str:
        """Equal keys, equal masks and verdicts of equal scores."""
        pixels = DecisionEntry.of(self.decision.decision().in_pixels(self.scale))
        parts = (*pixels.model_dump(exclude={"unit"}).values(), self.interest)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def differences(self, other: Self) -> list[str]:
        """Why masks or verdicts of `other` are others, in words; nothing where the keys are equal."""
        if self.key == other.key:
            return []
        found = []
        mine, its = self.decision, other.decision
        if mine.threshold != its.threshold:
            found.append(f"threshold {digits(mine.threshold)}, now {digits(its.threshold)}")
        if mine.low_threshold != its.low_threshold:
            found.append(f"low threshold {_level(mine.low_threshold)}, now {_level(its.low_threshold)}")
        for name, what in (("min_area", "least region"), ("min_length", "least length")):
            one, now = getattr(mine, name), getattr(its, name)
            if (one, mine.unit) != (now, its.unit) and (one or now):
                power = "²" if name == "min_area" else ""
                units = {"px": "pixels", "mm": f"mm{power}"}
                found.append(f"{what} {one:g} {units[mine.unit]}, now {now:g} {units[its.unit]}")
        if self.scale != other.scale:
            found.append(f"scale {_or_none(self.scale)}, now {_or_none(other.scale)}")
        if mine.review != its.review:
            found.append(f"review {_band(mine.review)}, now {_band(its.review)}")
        if self.interest != other.interest:
            found.append("another region of interest")
        return found


#: A score, or a share of the pixels.
Share = Annotated[float, Field(ge=0, le=1)]


def _below(result: str) -> str:
    """A name below the output folder. Raises ValueError: a record is no way to files elsewhere."""
    parts = re.split(r"[/\\]" if os.name == "nt" else "/", result)
    if Path(result).is_absolute() or "\0" in result or not {"", ".", ".."}.isdisjoint(parts):
        raise ValueError("no name below the folder of results")
    return result


class Entry(BaseModel):
    """A finished image.

    file: it. sha256: of its content. result: what its results are called, below the output folder.
    decided_by: `Settled.key` of the decision that made its mask and verdict.
    image_score: 0..1 (`obftnet.decision.image_score`). regions: how many are marked. defect_area: fraction of
    its pixels that are, 0..1. max_score: of all pixels. seconds: reading and predicting.
    written: the files of results. part: folder of the part of a job that it is of, of parts that were merged.
    """

    file: str
    sha256: str
    result: Annotated[str, AfterValidator(_below)]
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    decided_by: str
    verdict: Verdict
    image_score: Share
    regions: Annotated[int, Field(ge=0)]
    defect_area: Share
    max_score: Share
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    written: dict[File, Written]
    part: str = ""

    @classmethod
    def undecided(cls, file: str, sha256: str, result: str, shape: tuple[int, int], seconds: float) -> Self:
        """An image (h, w) of which nothing is decided or written yet (`decider.Decider`)."""
        return cls(
            file=file,
            sha256=sha256,
            result=result,
            width=shape[1],
            height=shape[0],
            decided_by="",
            verdict=Verdict.REVIEW,
            image_score=0,
            regions=0,
            defect_area=0,
            max_score=0,
            seconds=round(seconds, 4),
            written={},
        )


class Reason(BaseModel):
    """An image that was not segmented."""

    file: str
    reason: str


class Record(BaseModel):
    """Everything in segment.json.

    weights: the file of the network, an exported graph where the engine is not torch. engine: what ran it.
    tile: side of the tiles, pixels; None for whole images. plan: in words what chose it, where it was
    left open. bits: as asked for; bits_used: these, or as found in the guidance.
    tables: those of all images, {} while a job is at work.
    """

    obftnet: str = __version__
    weights: str
    weights_sha256: str
    engine: str = "torch"
    settled: Settled
    tile: int | None = None
    plan: str | None = None
    bits: int | None = None
    bits_used: int | None = None
    guidance: GuidanceRecord
    images: list[Entry] = []
    refused: list[Reason] = []
    left_out: list[Reason] = []
    tables: dict[str, Written] = {}

    @model_validator(mode="after")
    def _once(self) -> Self:
        if len(self.entries()) < len(self.images):
            raise ValueError("two images of one result")
        return self

    @property
    def key(self) -> str:
        """What scores depend on beside the image: equal keys, equal scores."""
        parts = (self.obftnet, self.weights_sha256, self.guidance.sha256, self.tile, self.bits)
        engine = () if self.engine == "torch" else (self.engine,)
        return hashlib.sha256(repr((*parts, *engine)).encode()).hexdigest()

    def differences(self, other: Self) -> list[str]:
        """Why scores of `other` are not those of this one, in words; nothing where the keys are equal."""
        found = []
        if self.engine != other.engine:
            found.append(f"by {self.engine}, now by {other.engine}")
        elif self.weights_sha256 != other.weights_sha256:
            found.append("other weights")
        if self.guidance.sha256 != other.guidance.sha256:
            found.append("other guidance")
        if self.tile != other.tile:
            found.append(f"tile {self.tile or 'none'}, now {other.tile or 'none'}")
        if self.bits != other.bits:
            found.append(f"bits {self.bits or 'as found'}, now {other.bits or 'as found'}")
        if self.obftnet != other.obftnet:
            found.append(f"obftnet {self.obftnet}, now {other.obftnet}")
        return found

    def entries(self) -> dict[str, Entry]:
        """Finished images by what their results are called."""
        return {entry.result: entry for entry in self.images}

    def put(self, entries: Iterable[Entry]) -> None:
        """Add entries, each in the place of what had its name."""
        self.images = list((self.entries() | {entry.result: entry for entry in entries}).values())

    def drop(self, names: Iterable[str]) -> None:
        """Forget the entries of these names."""
        gone = set(names)
        self.images = [entry for entry in self.images if entry.result not in gone]

    def write(self, folder: Path) -> None:
        """Write segment.json, whole or not at all. Raises InputError where it cannot be written."""
        write_json(folder / NAME, self.model_dump())


def digits(number: float) -> str:
    """A threshold with as many digits as tell it from its neighbours: 0.9993 is not 1."""
    return f"{number:.9g}"


def _or_none(number: float | None) -> str:
    return "none" if number is None else f"{number:g}"


def _level(threshold: float | None) -> str:
    return "none" if threshold is None else digits(threshold)


def _band(review: tuple[float, float] | None) -> str:
    return "none" if review is None else f"{digits(review[0])} to {digits(review[1])}"


def read_record(folder: Path) -> Record | None:
    """The record in an output folder; None where there is none.

    Raises:
        InputError: its segment.json is not one of ours, or of a version before results were hashed.
    """
    path = folder / NAME
    if not path.exists() and not path.is_symlink():
        return None
    try:
        return Record.model_validate(read_json(path, "the record of a job is wanted"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InputError(
            f"{path}: not a record that this version of obftnet segment wrote ({printable(where)[:80]}: "
            f"{printable(first['msg'])[:200]}); name another folder"
        ) from error
