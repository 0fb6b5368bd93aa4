"""What a pack says of itself: the JSON in its header. Nothing here needs torch."""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from obftnet.data.layouts.guidance import IGNORE_SUFFIX
from obftnet.data.layouts.pairs import SUFFIX, image_stem
from obftnet.decision import Decision
from obftnet.errors import printable
from obftnet.imaging.read import IMAGE_SUFFIXES
from obftnet.inputs import MAX_TILE, MIN_TILE, BackgroundSource
from obftnet.kinds import DEFAULT_KIND, check_kinds
from obftnet.tiling import TilePlan
from obftnet.version import __version__

#: The number of the format that this version writes (`Content.format`), and the largest that it reads.
FORMAT = 1

Role: TypeAlias = Literal["support", "background"]


def _name(text: str) -> str:
    """A name that is a file's or a folder's alone, on every system; it never leads elsewhere."""
    if not re.fullmatch(r"[^/\\\0:]{1,200}", text) or text.startswith(".") or not text.isprintable():
        raise ValueError("not the name of a file alone")
    return text


def _image_name(text: str) -> str:
    if Path(_name(text)).suffix.lower() not in IMAGE_SUFFIXES:
        raise ValueError("not the name of an image")
    return text


def _digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError("not a SHA-256")
    return text


Name = Annotated[str, AfterValidator(_name)]
ImageName = Annotated[str, AfterValidator(_image_name)]
Sha256 = Annotated[str, AfterValidator(_digest)]
Text = Annotated[str, Field(max_length=10_000)]
Pixels = Annotated[int, Field(ge=0, le=10**9)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Encoding(_Part):
    """An image file in the pack: the tensor of its bytes, and their hash."""

    tensor: str
    sha256: Sha256


class ImageEntry(_Part):
    """An image of the guidance.

    name: of its file, no folder. kind: of defect, of a support; "" of a background, which serves all kinds.
    mask: what a support marks. mask_name: of its file.
    ignored: what of the image is neither defect nor good material; None for nothing. ignored_name: its file.
    """

    name: ImageName
    role: Role
    kind: Annotated[str, AfterValidator(lambda text: _name(text) if text else text)]
    image: Encoding
    mask: Encoding | None = None
    mask_name: ImageName | None = None
    ignored: Encoding | None = None
    ignored_name: ImageName | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        is_support = self.role == "support"
        if is_support != (self.mask is not None) or is_support != (self.mask_name is not None):
            raise ValueError("a support has a mask, and a background none")
        if is_support != bool(self.kind):
            raise ValueError("a support has a kind, and a background none")
        if (self.ignored is None) != (self.ignored_name is None):
            raise ValueError("what is ignored has a name")
        return self


class WeightsEntry(_Part):
    """The weights that the guidance was fitted with: a name, never a place, and the SHA-256 of the file."""

    name: Name
    sha256: Sha256


class PlanEntry(_Part):
    """By what the tile was chosen (`tiling.TilePlan`), which is `Content.tile`; sizes in pixels."""

    defect: Annotated[float, Field(gt=0, le=1e9)]
    height: Annotated[int, Field(gt=0, le=10**9)]
    width: Annotated[int, Field(gt=0, le=10**9)]
    finer: Annotated[int, Field(gt=0, le=10**9)] | None = None

    @classmethod
    def of(cls, plan: TilePlan) -> Self:
        """Describe a plan."""
        return cls(defect=plan.defect, height=plan.shape[0], width=plan.shape[1], finer=plan.finer)


class DecisionEntry(_Part):
    """`Decision` without its region of interest, which is an image."""

    threshold: float = 0.5
    min_area: float = 0.0
    min_length: float = 0.0
    unit: Literal["px", "mm"] = "px"
    review: tuple[float, float] | None = None
    low_threshold: float | None = None

    @classmethod
    def of(cls, decision: Decision) -> Self:
        """Describe a decision."""
        return cls(**{name: getattr(decision, name) for name in cls.model_fields})

    def decision(self, interest: NDArray[np.bool_] | None = None) -> Decision:
        """The decision of these numbers. Raises InputError: one is out of range."""
        return Decision(**self.model_dump(), interest=interest)


class InterestEntry(_Part):
    """The region of interest, an image of 0 and 255 (255: defects are looked for), and its size in pixels."""

    image: Encoding
    width: Pixels
    height: Pixels


class Known(_Part):
    """An image of the guidance by what it shows, by which a query is known again (`inputs.KnownPictures`).

    marked: hash of what its mask marks, and of what is ignored (`packs.mask_hash`).
    """

    fingerprint: Annotated[str, Field(max_length=200)]
    digest: Sha256
    marked: Annotated[str, Field(max_length=64)]


class PartEntry(_Part):
    """What of an image was shown to the network (`imaging.tiles.Part`)."""

    image: Pixels
    corner: tuple[Pixels, Pixels]
    size: tuple[Pixels, Pixels]
    whole: tuple[Pixels, Pixels]


class FittedEntry(_Part):
    """The guidance as the network met it, so that nothing need be fitted again.

    obftnet: the version that fitted it. weights_sha256: by what. sha256: of the tensors. bits_used: of
    samples stored in 16. supports, backgrounds: what the tensors hold of the images, in their order.
    known: what each of `Content.images` shows. outside: what the network saw outside of a region of interest,
    the photographs themselves, as earlier versions did, or nothing of them.
    """

    obftnet: Text
    weights_sha256: Sha256
    sha256: Sha256
    bits_used: Annotated[int, Field(ge=8, le=16)] | None
    supports: tuple[PartEntry, ...]
    backgrounds: tuple[PartEntry, ...]
    known: tuple[Known, ...]
    outside: Literal["seen", "painted out"] = "seen"


class Event(_Part):
    """A line of the history. when: UTC, ISO 8601. who: a name. obftnet: the version that did it."""

    when: Text
    who: Text
    obftnet: Text
    what: Text

    @classmethod
    def now(cls, what: str, who: str) -> Self:
        """Something that is done now, by this version."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(when=when, who=printable(who)[:200], obftnet=__version__, what=printable(what)[:10_000])


class Content(_Part):
    """All that a pack says of itself.

    images: the guidance, supports and backgrounds, each in the order they are fitted in.
    weights: that it is fitted with. tile, bits: as `Segmenter` was asked for. plan: by what the tile was
    chosen where that was left open.
    background_source: where good material is seen. adapt: whether the reader's last layer was adapted to the
    guidance. scale: pixels a millimetre, None where it is not known.
    decision: by what masks and verdicts are made. interest: where defects are looked for; None: everywhere.
    calibration: what a calibration measured, JSON. history: what was done, the oldest first.
    fitted: None where the guidance is to be fitted anew.
    """

    format: Literal[1] = 1
    images: tuple[ImageEntry, ...]
    weights: WeightsEntry
    tile: Annotated[int, Field(ge=MIN_TILE, le=MAX_TILE)] | None = None
    plan: PlanEntry | None = None
    bits: Annotated[int, Field(ge=8, le=16)] | None = None
    background_source: BackgroundSource = "good"
    adapt: bool = False
    scale: Annotated[float, Field(gt=0, le=1e9)] | None = None
    decision: DecisionEntry = DecisionEntry()
    interest: InterestEntry | None = None
    calibration: dict[str, Any] | None = None
    history: tuple[Event, ...] = ()
    fitted: FittedEntry | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.supports:
            raise ValueError("no support in it")
        if (self.background_source == "good") != bool(self.backgrounds):
            raise ValueError(f"{len(self.backgrounds)} backgrounds beside {self.background_source}")
        if [entry.role for entry in self.images] != sorted((e.role for e in self.images), reverse=True):
            raise ValueError("supports stand before backgrounds")
        kinds = [entry.kind for entry in self.supports]
        check_kinds(dict.fromkeys(kinds))
        if kinds != [kind for one in dict.fromkeys(kinds) for kind in kinds if kind == one]:
            raise ValueError("supports of one kind stand together")
        if self.fitted is not None:
            if len(self.fitted.known) != len(self.images):
                raise ValueError("what was fitted is of other images")
            for parts, count in ((self.fitted.supports, len(self.supports)), (self.fitted.backgrounds, None)):
                most = count or max(len(self.backgrounds), len(self.supports))
                if not parts or any(part.image >= most for part in parts):
                    raise ValueError("what was fitted is of other images")
        files = [self.path(entry) for entry in self.images]
        files += [self.mask_path(entry) for entry in self.supports]
        files += [self.ignored_path(entry) for entry in self.images if entry.ignored is not None]
        same = [file.casefold() for file in files]
        if len(set(same)) < len(same):
            raise ValueError("two files of one name")
        return self

    @property
    def tile_plan(self) -> TilePlan | None:
        """The plan by which the tile was chosen; None where it was asked for."""
        plan = self.plan
        if plan is None:
            return None
        return TilePlan(plan.defect, (plan.height, plan.width), self.tile, plan.finer)

    @property
    def supports(self) -> tuple[ImageEntry, ...]:
        """The supports, in order."""
        return tuple(entry for entry in self.images if entry.role == "support")

    @property
    def backgrounds(self) -> tuple[ImageEntry, ...]:
        """The backgrounds, in order."""
        return tuple(entry for entry in self.images if entry.role == "background")

    def path(self, entry: ImageEntry) -> str:
        """Where an image stands in a guidance folder, with slashes."""
        return f"{self._folder(entry)}/{entry.name}"

    def mask_path(self, entry: ImageEntry) -> str:
        """The same of a support's mask."""
        return f"{self._folder(entry)}/{entry.mask_name}"

    def ignored_path(self, entry: ImageEntry) -> str:
        """The same of what of an image is ignored."""
        return f"{self._folder(entry)}/{entry.ignored_name}"

    def _folder(self, entry: ImageEntry) -> str:
        return f"{entry.role}/{entry.kind}" if entry.kind and self.kinds else entry.role

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of each support the kind of its defect; () where there is one kind that nobody named."""
        kinds = tuple(entry.kind for entry in self.supports)
        return () if set(kinds) == {DEFAULT_KIND} else kinds

    @property
    def support_names(self) -> tuple[str, ...]:
        """The supports' images by name, of a kind that has a name with it: `scratch/part1.png`."""
        named = zip(self.kinds or ("",) * len(self.supports), self.supports, strict=True)
        return tuple(f"{kind}/{entry.name}" if kind else entry.name for kind, entry in named)

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """Every image file in the pack."""
        found = [entry.image for entry in self.images]
        found += [entry.mask for entry in self.images if entry.mask is not None]
        found += [entry.ignored for entry in self.images if entry.ignored is not None]
        return tuple([*found, self.interest.image] if self.interest is not None else found)

    @property
    def guidance_sha256(self) -> str:
        """Of all that the guidance is made of: images, masks, kinds, region of interest, how good
        material is seen, and whether the reader was adapted to it. Of a plain guidance folder it is the hash
        that a job records of the folder."""
        lines = []
        for entry in self.supports:
            assert entry.mask is not None
            role = f"support of {entry.kind!r}" if self.kinds else "support"
            lines += [f"{role} {entry.image.sha256}", f"{role} {entry.mask.sha256}"]
        lines += [f"background {entry.image.sha256}" for entry in self.backgrounds]
        lines += sorted(f"ignored of {e.image.sha256} {e.ignored.sha256}" for e in self.images if e.ignored)
        if self.background_source != "good":
            lines.append(f"background source {self.background_source}")
        if self.adapt:
            lines.append("adapted")
        if self.interest is not None:
            # Scores of when what lies outside still counted are others.
            lines.append(f"nothing outside of {self.interest.image.sha256}")
        return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def file_names(given: Iterable[tuple[Role, str, str, str | None]]) -> list[tuple[str, str | None]]:
    """Names for image files and their masks, no two of which are one, from what they came by.

    Args:
        given: (role, kind, what the image was called, what its mask was; None of a background) of each.

    Returns:
        (name, name of its mask) of each; of a background, whose mask there is not, None.
    """
    taken: set[str] = set()
    names = []
    for role, kind, called, mask in given:
        stem, suffix = _split(called)
        if (role == "support" and image_stem(stem) is not None) or stem.endswith(IGNORE_SUFFIX):
            stem += "-image"  # so that it is not taken for a mask of another image
        place = f"{role}/{kind}/"
        for chosen in chain([stem], (f"{stem}-{number}" for number in count(2))):
            both = {f"{place}{chosen}{end}".casefold() for end in ("", SUFFIX, IGNORE_SUFFIX)}
            if not both & taken:
                break
        taken |= both
        names.append((chosen + suffix, None if mask is None else f"{chosen}{SUFFIX}{_split(mask)[1]}"))
    return names


def _split(called: str) -> tuple[str, str]:
    """Stem and ending of a name that every file system takes, from a path or a name of any kind."""
    last = re.split(r"[/\\]", called)[-1]
    stem, dot, suffix = last.rpartition(".")
    if not stem or dot + suffix.lower() not in IMAGE_SUFFIXES:
        stem, dot, suffix = last, ".", "png"  # what an image is, its content tells
    return plain_name(stem)[:120] or "image", dot + suffix


def plain_name(text: str) -> str:
    """A name that every file system takes, by the same letters where it can be; "" where none is left."""
    plain = "".join(c if c.isprintable() and c not in '/\\:"<>|?*' else "_" for c in text).lstrip(". ")
    return plain.encode("utf-8", "replace")[:200].decode("utf-8", "ignore")
