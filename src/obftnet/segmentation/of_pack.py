"""What a pack says of the guidance of a job, whatever runs its network."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from obftnet.data.hashes import FileHashes
from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.packs import Pack
from obftnet.segmentation.queries import Aside, is_support
from obftnet.segmentation.record import GuidanceRecord
from obftnet.tiling import TilePlan


@dataclass(frozen=True)
class OfPack:
    """The part of `guided.Guided` that a pack settles, its images apart."""

    pack: Pack

    @staticmethod
    def check_settled(
        pack: Pack, what: str, settled: Iterable[tuple[str, object]], scale: float | None
    ) -> None:
        """Raises InputError for what a pack, called `what`, settles and was given beside it."""
        own = () if pack.content.scale is None else (("scale", scale),)
        for name, value in (*settled, *own):
            if value is not None:
                raise InputError(f"{pack.name}: {what} settles {name}; leave it out", name)

    @property
    def folders(self) -> tuple[tuple[Path, str], ...]:
        """As `Guided`."""
        return ()

    @property
    def decision(self) -> Decision:
        """As `Guided`."""
        return self.pack.decision

    @property
    def scale(self) -> float | None:
        """As `Guided`."""
        return self.pack.content.scale

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
        return tuple(dict.fromkeys(entry.kind for entry in self.pack.content.supports))

    def aside(self, query: Path, hashes: FileHashes) -> Aside | None:
        """As `Guided`, by the content of the file."""
        try:
            digest = hashes.of(query)
        except InputError:
            return None  # reading it as a query says what is wrong
        return self.aside_of(query, digest)

    def aside_of(self, query: Path, digest: str) -> Aside | None:
        """`aside` of a file with this hash. query: what messages call it."""
        content = self.pack.content
        for entry in content.supports:
            support = Path(self.pack.name, content.path(entry))
            if digest == entry.image.sha256:
                return Aside(query, is_support(query, support), support=True)
            if entry.mask is not None and digest == entry.mask.sha256:
                return Aside(query, f"{query}: the mask of the support {support}")
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
