"""What a job is guided by where PyTorch runs the network: a folder of images, or a pack."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch

from obftnet.data.hashes import FileHashes
from obftnet.data.layouts.guidance import GuidanceFolder, read_guidance
from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.imaging.guidance_picture import draw_guidance
from obftnet.packs import Pack
from obftnet.segmentation.changes import DEFAULT_DECISION
from obftnet.segmentation.of_pack import OfPack
from obftnet.segmentation.queries import Aside, support_or_mask
from obftnet.segmentation.record import GuidanceRecord
from obftnet.segmenter import Segmenter, weights_of
from obftnet.tiling import Tile, TilePlan, plan_tiles
from obftnet.weights import find_weights, input_size


def _each(count: int) -> int:
    """Threads of each of some processes that have as many together as this one."""
    return max(1, torch.get_num_threads() // count)


def _use(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class ByFolder:
    """Guidance of a folder.

    weights, bits, device: as `Segmenter.from_pretrained`. tile, plan: as `Guided`. threads: as `ByPack`.
    """

    folder: Path
    used: GuidanceFolder
    weights: str | Path | None
    tile: int | None
    bits: int | None
    plan: TilePlan | None = None
    device: str = "auto"
    threads: int | None = None

    @classmethod
    def of(
        cls,
        folder: Path,
        shots: int | None,
        *,
        weights: str | Path | None,
        tile: Tile,
        bits: int | None,
        device: str = "auto",
    ) -> "ByFolder":
        """The first `shots` supports of a folder, of each kind.

        Raises InputError: there are not as many; or, where the tile is "auto", one cannot be used.
        """
        used = cls._used(folder, shots)
        if tile != "auto":
            return cls(folder, used, weights, tile, bits, device=device)
        plan = plan_tiles(used.by_kind, used.backgrounds, input_size(weights))
        return cls(folder, used, weights, plan.tile, bits, plan, device)

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

    engine = "torch"

    @property
    def weights_file(self) -> Path:
        """As `Guided`."""
        return find_weights(self.weights)

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

    def shared(self, count: int) -> "ByFolder":
        """As `Guided`."""
        return replace(self, threads=_each(count))

    def segmenter(self) -> Segmenter:
        """As `Guided`."""
        _use(self.threads)
        segmenter = Segmenter.from_pretrained(self.weights, self.device, tile=self.tile, bits=self.bits)
        return segmenter.fit(self.used.by_kind, self.used.backgrounds, ignored=self.used.ignored)

    def draw(self, path: Path, bits: int | None) -> None:
        """As `Guided`."""
        used = self.used
        draw_guidance(path, used.supports, used.backgrounds, bits=bits, kinds=used.kinds)


@dataclass(frozen=True)
class ByPack(OfPack):
    """Guidance of a pack, which settles tile and bits.

    weights: others than the pack's. device: as `Segmenter.load`. threads: that PyTorch is told to use in the
    process that loads the network; None: as it is.
    """

    weights: str | Path | None
    device: str = "auto"
    threads: int | None = None

    engine = "torch"

    @classmethod
    def of(
        cls,
        pack: Pack,
        weights: str | Path | None,
        settled: Iterable[tuple[str, object]],
        scale: float | None = None,
        device: str = "auto",
    ) -> Self:
        """A pack's guidance. Raises InputError for what the pack settles and was given beside it."""
        cls.check_settled(pack, "the pack", settled, scale)
        return cls(pack, weights_of(pack, weights), device)

    @property
    def weights_file(self) -> Path:
        """As `Guided`."""
        return find_weights(self.weights)

    @property
    def files(self) -> tuple[Path, ...]:
        """As `Guided`."""
        return (Path(self.pack.name),)

    def shared(self, count: int) -> Self:
        """As `Guided`."""
        return replace(self, threads=_each(count))

    def segmenter(self) -> Segmenter:
        """As `Guided`."""
        _use(self.threads)
        return Segmenter.load(self.pack, self.device, weights=self.weights)

    def draw(self, path: Path, bits: int | None) -> None:
        """As `Guided`."""
        pack = self.pack
        draw_guidance(path, pack.supports, pack.backgrounds, bits=bits, kinds=pack.content.kinds)
