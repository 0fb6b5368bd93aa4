"""What every data layout is read into: samples of materials, and the ways to look them up."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError
from obftnet.imaging.read import image_size, read_image, read_labels, read_mask

GOOD = "good"
"""The kind of images without a defect."""


@dataclass(frozen=True)
class Sample:
    """An image, with its mask where it shows a defect.

    Attributes:
        material: what the image shows; episodes never mix two.
        kind: kind of defect, or "good".
        image: the image's file.
        mask: the annotation's file; None if and only if the sample is good.
        group: the physical sample that the image shows: two images of one group are not independent.
        mask_value: where the annotation numbers several kinds, the number of this one.
    """

    material: str
    kind: str
    image: Path
    mask: Path | None
    group: str
    mask_value: int | None = None

    def __post_init__(self) -> None:
        if (self.kind == GOOD) != (self.mask is None):
            raise ValueError(f"sample of kind {self.kind} with mask {self.mask}; only good samples have none")

    def load_image(self) -> NDArray[np.float32]:
        """(h, w, 3) float32 RGB, 0..1. Raises InputError as `obftnet.imaging.read_image`."""
        return read_image(self.image)

    def load_mask(self) -> NDArray[np.bool_]:
        """(h, w) bool, True on the defect of this kind; all False for a good sample.

        Raises:
            InputError: as `obftnet.imaging.read_mask`, naming mask and image.
        """
        if self.mask is not None and self.mask_value is not None:
            return np.equal(self._labels(self.mask), self.mask_value)
        return self.load_defects()

    def load_defects(self) -> NDArray[np.bool_]:
        """(h, w) bool, True on a defect of any kind that the annotation knows.

        Raises:
            InputError: as `load_mask`.
        """
        size = image_size(self.image)
        if self.mask is None:
            return np.zeros(size, dtype=np.bool_)
        if self.mask_value is not None:
            return np.not_equal(self._labels(self.mask), 0)
        return read_mask(self.mask, like=size, image=self.image)

    def _labels(self, path: Path) -> NDArray[np.int64]:
        labels = read_labels(path)
        height, width = image_size(self.image)
        if labels.shape != (height, width):
            raise InputError(
                f"{path}: an annotation of {labels.shape[1]} x {labels.shape[0]} pixels, but {self.image} "
                f"has {width} x {height}; an annotation must have its image's size"
            )
        return labels


@dataclass(frozen=True)
class Collection:
    """The samples of a data folder.

    What it hands out is in an order that depends on names alone, never on the file system or on `root`.

    Attributes:
        root: the folder that all the samples' files lie in.
        layout: name of the layout it was read from.
        samples: sorted by material, kind and path below the root.
        hashes: of the files; shared by the collections that are parts of one.
    """

    root: Path
    layout: str
    samples: tuple[Sample, ...]
    hashes: FileHashes = field(default_factory=FileHashes, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.samples, key=lambda s: (s.material, s.kind, self.relative(s.image)))
        object.__setattr__(self, "samples", tuple(ordered))

    @cached_property
    def materials(self) -> tuple[str, ...]:
        """All materials, sorted."""
        return tuple(sorted({sample.material for sample in self.samples}))

    def kinds(self, material: str) -> tuple[str, ...]:
        """The kinds of defect of a material, sorted; without "good"."""
        self._known(material)
        return self._kinds[material]

    def defects(self, material: str, kind: str) -> tuple[Sample, ...]:
        """The defect samples of a kind, sorted by path; none for a kind the material does not have."""
        self._known(material)
        return () if kind == GOOD else self._samples.get((material, kind), ())

    def good(self, material: str) -> tuple[Sample, ...]:
        """The good samples of a material, sorted by path."""
        self._known(material)
        return self._samples.get((material, GOOD), ())

    def groups(self, material: str, kind: str) -> Mapping[str, tuple[Sample, ...]]:
        """The samples of a kind (or of "good") by group, groups sorted by name."""
        self._known(material)
        return self._groups.get((material, kind), MappingProxyType({}))

    def select(self, materials: Iterable[str]) -> "Collection":
        """The same collection with only some of its materials.

        Raises:
            InputError: a material it does not have.
        """
        wanted = set(materials)
        for material in sorted(wanted):
            self._known(material)
        return self.part(s for s in self.samples if s.material in wanted)

    def part(self, samples: Iterable[Sample]) -> "Collection":
        """The same collection with only some of its samples."""
        return Collection(self.root, self.layout, tuple(samples), self.hashes)

    def content(self, samples: Iterable[Sample], *, masks: bool = True) -> str:
        """SHA-256 of all that some samples are: names below the root, what they are said to show, and every
        byte of their images and, with `masks`, of their annotations. Equal for equal data, wherever it lies.

        Raises:
            InputError: a file cannot be read, or is no longer what it was when it was hashed before.
        """
        facts = set()
        for sample in samples:
            files = (sample.image, sample.mask if masks else None)
            names = [None if file is None else self.relative(file) for file in files]
            held = [None if file is None else self.hashes.of(file) for file in files]
            said = [sample.material, sample.kind, sample.group, sample.mask_value]
            facts.add(json.dumps([*names, *held, *said]))
        return hashlib.sha256(json.dumps(sorted(facts)).encode()).hexdigest()

    def relative(self, path: Path) -> str:
        """A sample's file as a path below the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def find(self, image: str, kind: str) -> Sample | None:
        """The sample of an image (path as of `relative`) and kind, or None."""
        return self._by_image.get((image, kind))

    @cached_property
    def _samples(self) -> dict[tuple[str, str], tuple[Sample, ...]]:
        lists: dict[tuple[str, str], list[Sample]] = {}
        for sample in self.samples:
            lists.setdefault((sample.material, sample.kind), []).append(sample)
        return {key: tuple(value) for key, value in lists.items()}

    @cached_property
    def _kinds(self) -> dict[str, tuple[str, ...]]:
        kinds: dict[str, tuple[str, ...]] = dict.fromkeys(self.materials, ())
        for material, kind in sorted(self._samples):
            if kind != GOOD:
                kinds[material] += (kind,)
        return kinds

    @cached_property
    def _groups(self) -> dict[tuple[str, str], Mapping[str, tuple[Sample, ...]]]:
        return {key: by_group(samples) for key, samples in self._samples.items()}

    @cached_property
    def _by_image(self) -> dict[tuple[str, str], Sample]:
        return {(self.relative(sample.image), sample.kind): sample for sample in self.samples}

    def _known(self, material: str) -> None:
        if material not in self._kinds:
            raise InputError(
                f"{self.root}: no material {material!r}; there are: {', '.join(self.materials) or 'none'}"
            )


def by_group(samples: Iterable[Sample]) -> Mapping[str, tuple[Sample, ...]]:
    """Samples by group, groups sorted by name, the samples of one in the order given."""
    lists: dict[str, list[Sample]] = {}
    for sample in samples:
        lists.setdefault(sample.group, []).append(sample)
    return MappingProxyType({group: tuple(lists[group]) for group in sorted(lists)})
