"""What an evaluation asks and what came out, as records: reports are made of them without a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from obftnet.data.collection import Sample
from obftnet.data.episodes import Episode
from obftnet.decision import DEFAULT_THRESHOLD
from obftnet.evaluation.metrics import Counts, fb_iou, mean_iou


@dataclass(frozen=True)
class Protocol:
    """What to draw: shots and backgrounds an episode, seeds, and where a background comes from."""

    shots: int = 1
    backgrounds: int = 1
    seeds: int = 5
    background_source: str = "good"
    threshold: float = DEFAULT_THRESHOLD


@dataclass(frozen=True)
class Answer:
    """How one query was segmented: its pixels by prediction and truth."""

    episode: Episode
    counts: Counts


@dataclass(frozen=True)
class SeedResult:
    """The answers of one seed of one fold.

    answers: in the order of the episodes. shots: that were asked for; a kind may have fewer.
    """

    answers: list[Answer]
    shots: int = 1

    @cached_property
    def defective(self) -> list[Answer]:
        """Those whose query has a defect."""
        return [answer for answer in self.answers if answer.episode.query.mask is not None]

    @cached_property
    def classes(self) -> dict[str, Counts]:
        """Pixels of the defective queries by class (material/kind)."""
        return _summed(self.defective, lambda query: f"{query.material}/{query.kind}")

    @cached_property
    def good(self) -> dict[str, Counts]:
        """Pixels of the good queries by material."""
        answers = [answer for answer in self.answers if answer.episode.query.mask is None]
        return _summed(answers, lambda query: query.material)

    @property
    def episodes(self) -> int:
        """How many queries have a defect."""
        return len(self.defective)

    @property
    def short_of_shots(self) -> int:
        """How many of them had fewer supports than asked for."""
        return sum(len(answer.episode.supports) < self.shots for answer in self.defective)

    @property
    def miou(self) -> float:
        """Mean over the fold's classes, 0..1."""
        return mean_iou(self.classes.values())

    @property
    def fb_iou(self) -> float:
        """Mean of foreground and background IoU over the fold, 0..1."""
        return fb_iou(self.classes.values())


def _summed(answers: Sequence[Answer], name: Callable[[Sample], str]) -> dict[str, Counts]:
    sums: dict[str, Counts] = {}
    for answer in answers:
        key = name(answer.episode.query)
        sums[key] = sums.get(key, Counts()) + answer.counts
    return sums
