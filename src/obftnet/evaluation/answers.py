"""What an evaluation asks and what came out, as records: reports are made of them without a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from obftnet.data.collection import Sample
from obftnet.data.episodes import Episode
from obftnet.decision import DEFAULT_THRESHOLD, Decision
from obftnet.evaluation.histogram import Histogram, threshold_below
from obftnet.evaluation.measures import Measures
from obftnet.evaluation.metrics import Counts, auroc, fb_iou, mean_iou


@dataclass(frozen=True)
class Protocol:
    """What to draw and by what to decide.

    shots, backgrounds: an episode. seeds: of draws. background_source: where a background comes from.
    threshold, min_area, min_length, low_threshold: of the decision (`Decision`), sizes in pixels.
    """

    shots: int = 1
    backgrounds: int = 1
    seeds: int = 5
    background_source: str = "good"
    threshold: float = DEFAULT_THRESHOLD
    min_area: float = 0.0
    min_length: float = 0.0
    low_threshold: float | None = None

    @property
    def decision(self) -> Decision:
        """Makes masks and image scores of score maps. Raises InputError for a number outside its range."""
        return Decision(self.threshold, self.min_area, self.min_length, low_threshold=self.low_threshold)


@dataclass(frozen=True)
class Answer:
    """How one query was segmented."""

    episode: Episode
    measures: Measures

    @property
    def counts(self) -> Counts:
        """Its pixels by prediction and truth."""
        return self.measures.counts


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
    def good_queries(self) -> list[Answer]:
        """Those whose query has none."""
        return [answer for answer in self.answers if answer.episode.query.mask is None]

    @cached_property
    def classes(self) -> dict[str, Counts]:
        """Pixels of the defective queries by class (material/kind)."""
        return {name: _pixels(answers) for name, answers in _grouped(self.defective, _class).items()}

    @cached_property
    def class_scores(self) -> dict[str, Histogram]:
        """Scores of the same pixels, by class."""
        return {name: _scores(answers) for name, answers in _grouped(self.defective, _class).items()}

    @cached_property
    def good(self) -> dict[str, Counts]:
        """Pixels of the good queries by material."""
        return {name: _pixels(answers) for name, answers in _grouped(self.good_queries, _material).items()}

    @cached_property
    def materials(self) -> dict[str, "Detection"]:
        """Defective and good queries together, by material: each that has a defective one."""
        good = _grouped(self.good_queries, _material)
        return {
            name: Detection.of(answers, good.get(name, []))
            for name, answers in _grouped(self.defective, _material).items()
        }

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

    @cached_property
    def best_miou(self) -> tuple[float, float, float]:
        """The mIoU at the one threshold that makes it largest, chosen on the truth; without a least size.

        Returns:
            mIoU and threshold, both in 0..1; and by how much the mIoU at a threshold between those of the
            bins (`Histogram`) can be larger.
        """
        ious = np.mean([scores.iou for scores in self.class_scores.values()], axis=0)
        bounds = np.mean([scores.iou_bound for scores in self.class_scores.values()], axis=0)
        number = 1 + int(ious[1:].argmax())  # of bin 0, no threshold is below
        best = float(ious[number])
        return best, threshold_below(number), max(0.0, float(bounds.max()) - best)


@dataclass(frozen=True)
class Detection:
    """How the defects of a material are told from the rest, over all of its queries, good ones too, 0..1.

    ap, aupro: of pixels, as `Histogram`; None where there is nothing that they could be of.
    ap_error, aupro_error: at most so far from those of scores that are not binned.
    region_recall: share of the annotated regions that have a pixel in the mask.
    image_auroc: by the image score; None without a good query.
    good_images: how many. with_mark: share of them with any pixel above the threshold. with_region: with a
        region of the least size. Both None without one.
    """

    ap: float | None
    ap_error: float
    aupro: float | None
    aupro_error: float
    region_recall: float
    image_auroc: float | None
    good_images: int
    with_mark: float | None
    with_region: float | None

    @classmethod
    def of(cls, defective: Sequence[Answer], good: Sequence[Answer]) -> "Detection":
        """Of the answers to a material's queries."""
        scores = _scores([*defective, *good])
        regions = sum(answer.measures.regions for answer in defective)
        return cls(
            ap=scores.average_precision,
            ap_error=scores.average_precision_error,
            aupro=scores.aupro(),
            aupro_error=scores.aupro_error(),
            region_recall=sum(answer.measures.found for answer in defective) / max(1, regions),
            image_auroc=auroc(*([a.measures.image_score for a in some] for some in (good, defective))),
            good_images=len(good),
            with_mark=float(np.mean([answer.measures.marked for answer in good])) if good else None,
            with_region=float(np.mean([answer.measures.region for answer in good])) if good else None,
        )


def _class(query: Sample) -> str:
    return f"{query.material}/{query.kind}"


def _material(query: Sample) -> str:
    return query.material


def _grouped(answers: Sequence[Answer], name: Callable[[Sample], str]) -> dict[str, list[Answer]]:
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        groups.setdefault(name(answer.episode.query), []).append(answer)
    return groups


def _pixels(answers: Sequence[Answer]) -> Counts:
    return sum((answer.counts for answer in answers), Counts())


def _scores(answers: Sequence[Answer]) -> Histogram:
    return sum((answer.measures.histogram for answer in answers), Histogram.none())
