"""What a job asks of its guidance, and of what looks at images by it."""

from pathlib import Path
from typing import Protocol

from obftnet.data.hashes import FileHashes
from obftnet.decision import Decision
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import ImageSource
from obftnet.prediction import Prediction
from obftnet.segmentation.queries import Aside
from obftnet.segmentation.record import GuidanceRecord
from obftnet.tiling import TilePlan


class Predicts(Protocol):
    """A fitted segmenter, whatever runs its network. weights_hash: of the file that it was loaded from."""

    weights_hash: str

    @property
    def bits(self) -> int | None:
        """As `Segmenter.bits`."""

    def read(self, image: ImageSource) -> Picture:
        """As `Segmenter.read`."""

    def saw(self, image: ImageSource) -> str | None:
        """As `Segmenter.saw`."""

    def predict(self, image: ImageSource) -> Prediction:
        """As `Segmenter.predict`."""


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
    def weights_file(self) -> Path:
        """What the network is loaded from. Raises InputError where there is no such file."""

    @property
    def engine(self) -> str:
        """What runs the network: "torch", or one of `obftnet.exported.ENGINES`."""

    @property
    def tile(self) -> int | None:
        """Side of the tiles, pixels; None for whole images."""

    @property
    def plan(self) -> TilePlan | None:
        """What the tile was chosen by where that was left open."""

    @property
    def bits(self) -> int | None:
        """As `Segmenter.from_pretrained`."""

    @property
    def threads(self) -> int | None:
        """Of a process that runs the network; None: as its engine chooses."""

    def aside(self, query: Path, hashes: FileHashes) -> Aside | None:
        """Why a query is not segmented if it is a support's image or mask; None if it is neither."""

    def record(self, hashes: FileHashes) -> GuidanceRecord:
        """What is recorded of the guidance. Raises InputError where a file cannot be read."""

    def segmenter(self) -> Predicts:
        """A fitted one. Raises InputError where it cannot be loaded or fitted."""

    def shared(self, count: int) -> "Guided":
        """The same for each of `count` processes that share this one's threads."""

    def draw(self, path: Path, bits: int | None) -> None:
        """Draw the guidance as it was understood. Raises InputError as `draw_guidance`."""
