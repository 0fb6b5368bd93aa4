"""Whether a data folder holds what a protocol was measured on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from obftnet.data.collection import GOOD, Collection, Sample
from obftnet.imaging.checks import check_file
from obftnet.imaging.read import image_size
from obftnet.protocols.read import DataProtocol, MaterialFacts


@dataclass(frozen=True)
class Finding:
    """One fact of a protocol beside what a folder has: `what` of a material, both as a person reads them."""

    material: str
    what: str
    wanted: str
    found: str

    @property
    def fits(self) -> bool:
        """Whether the two are the same."""
        return self.wanted == self.found


@dataclass(frozen=True)
class Count:
    """Images of one kind of a material: as many as the protocol knows, and as many as a folder has."""

    material: str
    kind: str
    wanted: int
    found: int


#: What a count of train/good alone is called.
BACKGROUNDS = "good, train alone"


def counts(protocol: DataProtocol, collection: Collection) -> list[Count]:
    """Images a kind, in the protocol's order; 0 found where the material is not there.

    A kind that the protocol does not know is counted too, with 0 wanted; a whole material beside the
    protocol's is not, since no fold names it.
    """
    return [
        count
        for material, facts in protocol.materials.items()
        for count in _counts(collection, material, facts)
    ]


def check(protocol: DataProtocol, collection: Collection) -> list[Finding]:
    """Every fact of a protocol against a collection: images a kind, their size, the files' hash where known.

    The images are those of `counts`. Files are hashed only where a hash is known.

    Raises:
        InputError: an image cannot be read.
    """
    return [
        finding
        for material, facts in protocol.materials.items()
        for finding in _of_material(collection, material, facts)
    ]


def material_hash(collection: Collection, material: str) -> str:
    """SHA-256 over path below the root and content of every image and mask of a material, sorted by path."""
    samples = [sample for sample in collection.samples if sample.material == material]
    files = {file for sample in samples for file in (sample.image, sample.mask) if file is not None}
    digest = hashlib.sha256()
    for file in sorted(files, key=collection.relative):
        check_file(file)
        digest.update(collection.relative(file).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _of_material(collection: Collection, material: str, facts: MaterialFacts) -> Iterator[Finding]:
    samples = [sample for sample in collection.samples if sample.material == material]
    if not samples:
        yield Finding(material, "images", str(sum(facts.kinds.values())), "none")
        return
    for count in _counts(collection, material, facts):
        yield Finding(material, count.kind, str(count.wanted), str(count.found))
    if facts.size is not None:
        wanted = f"{facts.size[0]} x {facts.size[1]}"
        sizes = sorted({image_size(sample.image) for sample in samples})
        others = [f"{width} x {height}" for height, width in sizes if (width, height) != facts.size]
        found = wanted if not others else others[0] + (" and others" if len(sizes) > 1 else "")
        yield Finding(material, "size", wanted, found)
    if facts.sha256 is not None:
        yield Finding(material, "sha256", facts.sha256[:12], material_hash(collection, material)[:12])


def _counts(collection: Collection, material: str, facts: MaterialFacts) -> Iterator[Count]:
    samples = [sample for sample in collection.samples if sample.material == material]
    for kind in (*facts.kinds, *sorted({sample.kind for sample in samples} - set(facts.kinds))):
        found = sum(sample.kind == kind for sample in samples)
        yield Count(material, kind, facts.kinds.get(kind, 0), found)
    if facts.backgrounds is not None:
        found = sum(_is_background(collection, sample) for sample in samples)
        yield Count(material, BACKGROUNDS, facts.backgrounds, found)


def _is_background(collection: Collection, sample: Sample) -> bool:
    """Whether a sample is of train/good in the layout of MVTec AD."""
    parts = collection.relative(sample.image).split("/")
    return sample.kind == GOOD and parts[1] == "train"
