"""What a job is guided by: a folder of images, or a pack."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from obftnet.data.hashes import FileHashes
from obftnet.data.layouts.guidance import GuidanceFolder, read_guidance
from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.imaging.guidance_picture import draw_guidance
from obftnet.packs import Pack
from obftnet.segmentation.changes import DEFAULT_DECISION
from obftnet.segmentation.queries import Aside, is_support, support_or_mask
from obftnet.segmentation.record import GuidanceRecord
from obftnet.segmenter import Segmenter, weights_of
from obftnet.tiling import Tile, TilePlan, plan_tiles
from obftnet.weights import input_size


class Guided(Protocol):
    """What a job asks of its guidance."""

    @property
    def decision(self) -> Decision:
        """By what masks and verdicts are made where nobody says otherwise."""

    @property
    def scale(self) -> float | None:
        """Pixels a millimetre, None where it is not known."""

    @property
    def folders(self) -> tuple[tuple[Path, str], ...]:
        """Folders that are no queries where they lie among them, each with what to call it."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that are read."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of defect, each once."""

    @property
    def weights(self) -> str | Path | None:
        """As `Segmenter.from_pretrained`."""

    @property
    def tile(self) -> int | None:
        """Side of the tiles, pixels; None for whole images."""

    @property
    def plan(self) -> TilePlan | None:
        """What the tile was chosen by where that was left open."""

    @property
    def bits(self) -> int | None:
        """As `Segmenter.from_pretrained`."""

    def aside(self, query: Path, hashes: FileHashes) -> Aside | None:
        """Why a query is not segmented if it is a support's image or mask; None if it is neither."""

    def record(self, hashes: FileHashes) -> GuidanceRecord:
        """What is recorded of the guidance. Raises InputError where a file cannot be read."""

    def segmenter(self, device: str) -> Segmenter:
        """A fitted one. Raises InputError as `Segmenter.fit` and `Segmenter.load`."""

    def draw(self, path: Path, bits: int | None) -> None:
        """Draw the guidance as it was understood. Raises InputError as `draw_guidance`."""


@dataclass(frozen=True)
class ByFolder:
    """Guidance of a folder. weights, bits: as `Segmenter.from_pretrained`. tile, plan: as `Guided`."""

    folder: Path
    used: GuidanceFolder
    weights: str | Path | None
    tile: int | None
    bits: int | None
    plan: TilePlan | None = None

    @classmethod
    def of(
        cls,
        folder: Path,
        shots: int | None,
        *,
        weights: str | Path | None,
        tile: Tile,
        bits: int | None,
    ) -> "ByFolder":
        """The first `shots` supports of a folder, of each kind.

        Raises InputError: there are not as many; or, where the tile is "auto", one cannot be used.
        """
        used = cls._used(folder, shots)
        if tile != "auto":
            return cls(folder, used, weights, tile, bits)
        plan = plan_tiles(used.by_kind, used.backgrounds, input_size(weights))
        return cls(folder, used, weights, plan.tile, bits, plan)

    @staticmethod
    def _used(folder: Path, shots: int | None) -> GuidanceFolder:
        found = read_guidance(folder)
        if shots is None:
            return found
        counts = {kind: len(pairs) for kind, pairs in found.by_kind.items()}
        kind, count = min(counts.items(), key=lambda pair: pair[1])
        if not 1 <= shots <= count:
            of_kind = f" of {kind}" if found.kinds else ""
            raise InputError(
                f"{folder}: {count} support image(s){of_kind} in it, but {shots} shots were asked for; "
                f"ask for 1 to {count}, or add supports"
            )
        return found.first(shots)

    @property
    def decision(self) -> Decision:
        """As `Guided`."""
        return DEFAULT_DECISION

    @property
    def scale(self) -> float | None:
        """As `Guided`."""
        return None

    @property
    def folders(self) -> tuple[tuple[Path, str], ...]:
        """As `Guided`."""
        return ((self.folder, "the guidance"),)

    @property
    def files(self) -> tuple[Path, ...]:
        """As `Guided`."""
        return self.used.files

    @property
    def kinds(self) -> tuple[str, ...]:
        """As `Guided`."""
        return tuple(self.used.by_kind)

    def aside(self, query: Path, hashes: FileHashes) -> Aside | None:
        """As `Guided`."""
        return support_or_mask(query, self.used)

    def record(self, hashes: FileHashes) -> GuidanceRecord:
        """As `Guided`."""
        return GuidanceRecord.of(self.folder, self.used, hashes)

    def segmenter(self, device: str) -> Segmenter:
        """As `Guided`."""
        segmenter = Segmenter.from_pretrained(self.weights, device, tile=self.tile, bits=self.bits)
        return segmenter.fit(self.used.by_kind, self.used.backgrounds, ignored=self.used.ignored)

    def draw(self, path: Path, bits: int | None) -> None:
        """As `Guided`."""
        used = self.used
        draw_guidance(path, used.supports, used.backgrounds, bits=bits, kinds=used.kinds)


@dataclass(frozen=True)
class ByPack:
    """Guidance of a pack, which settles tile and bits. weights: others than the pack's."""

    pack: Pack
    weights: str | Path | None

    @classmethod
    def of(
        cls,
        pack: Pack,
        weights: str | Path | None,
        settled: Iterable[tuple[str, object]],
        scale: float | None = None,
    ) -> Self:
        """A pack's guidance. Raises InputError for what the pack settles and was given beside it."""
        own = () if pack.content.scale is None else (("scale", scale),)
        for name, value in (*settled, *own):
            if value is not None:
                raise InputError(f"{pack.name}: the pack settles {name}; leave it out", name)
        return cls(pack, weights_of(pack, weights))

    @property
    def decision(self) -> Decision:
        """As `Guided`."""
        return self.pack.decision

    @property
    def scale(self) -> float | None:
        """As `Guided`."""
        return self.pack.content.scale

    @property
    def folders(self) -> tuple[tuple[Path, str], ...]:
        """As `Guided`."""
        return ()

    @property
    def files(self) -> tuple[Path, ...]:
        """As `Guided`."""
        return (Path(self.pack.name),)

    @property
    def tile(self) -> int | None:
        """As `Guided`."""
        return self.pack.content.tile

    @property
    def plan(self) -> TilePlan | None:
        """As `Guided`."""
        return self.pack.content.tile_plan

    @property
    def bits(self) -> int | None:
        """As `Guided`."""
        return self.pack.content.bits

    @property
    def kinds(self) -> tuple[str, ...]:
        """As `Guided`."""
        return tuple(self.pack.by_kind)

    def aside(self, query: Path, hashes: FileHashes) -> Aside | None:
        """As `Guided`, by the content of the file."""
        try:
            digest = hashes.of(query)
        except InputError:
            return None  # reading it as a query says what is wrong
        for entry in self.pack.content.supports:
            if digest == entry.image.sha256:
                return Aside(query, is_support(query, Path(self.pack.image(entry).name)), support=True)
            if entry.mask is not None and digest == entry.mask.sha256:
                return Aside(query, f"{query}: the mask of the support {self.pack.image(entry).name}")
        return None

    def record(self, hashes: FileHashes) -> GuidanceRecord:
        """As `Guided`."""
        content = self.pack.content
        return GuidanceRecord(
            folder=str(Path(self.pack.name).resolve()),
            sha256=content.guidance_sha256,
            supports=list(content.support_names),
            backgrounds=[entry.name for entry in content.backgrounds],
            kinds=list(dict.fromkeys(content.kinds)),
        )

    def segmenter(self, device: str) -> Segmenter:
        """As `Guided`."""
        return Segmenter.load(self.pack, device, weights=self.weights)

    def draw(self, path: Path, bits: int | None) -> None:
        """As `Guided`."""
        pack = self.pack
        draw_guidance(path, pack.supports, pack.backgrounds, bits=bits, kinds=pack.content.kinds)
