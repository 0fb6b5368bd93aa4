"""IoU, mIoU and FB-IoU as few-shot segmentation counts them (section IV.B.2 of the paper), and AUROC."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Counts:
    """Pixels by prediction and truth, summed over episodes.

    >>> truth = np.array([[True, True], [False, False]])
    >>> Counts.of(np.array([[True, False], [False, False]]), truth).iou
    0.5
    """

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    @classmethod
    def of(cls, mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Self:
        """Counts of one prediction, both (h, w) bool. Raises ValueError where the shapes differ."""
        if mask.shape != truth.shape:
            raise ValueError(f"prediction {mask.shape} and truth {truth.shape} must have one shape")
        both = int((mask & truth).sum())
        predicted, actual = int(mask.sum()), int(truth.sum())
        return cls(both, predicted - both, actual - both, mask.size - predicted - actual + both)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
            self.true_negative + other.true_negative,
        )

    @property
    def total(self) -> int:
        """Pixels that were counted."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    @property
    def iou(self) -> float:
        """Foreground IoU, TP / (TP + FP + FN), 0..1; 0 where there is nothing to find and nothing found."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive + self.false_negative)

    @property
    def background_iou(self) -> float:
        """Background IoU, TN / (TN + FP + FN), 0..1."""
        return _ratio(self.true_negative, self.true_negative + self.false_positive + self.false_negative)

    @property
    def predicted_share(self) -> float:
        """Share of the pixels called defect, 0..1: on good images, the false-positive area."""
        return _ratio(self.true_positive + self.false_positive, self.total)


def mean_iou(classes: Iterable[Counts]) -> float:
    """mIoU: mean over classes of the IoU of each class's summed pixels, 0..1.

    >>> scratches = Counts(true_positive=50, false_positive=30, false_negative=20, true_negative=900)
    >>> holes = Counts(true_positive=70, false_positive=10, false_negative=20, true_negative=900)
    >>> round(mean_iou([scratches, holes]), 3)
    0.6

    Raises:
        ValueError: no class.
    """
    ious = [counts.iou for counts in classes]
    if not ious:
        raise ValueError("mIoU of no class; at least one is wanted")
    return float(np.mean(ious))


def fb_iou(classes: Iterable[Counts]) -> float:
    """FB-IoU: mean of foreground and background IoU of the pixels of all classes summed, 0..1."""
    total = sum(classes, Counts())
    return (total.iou + total.background_iou) / 2


def auroc(good: Sequence[float], defective: Sequence[float]) -> float | None:
    """Area under the ROC curve of a score of images: how often a defective one has the larger of two, 0..1.

    Equal scores count one half. None where one of the kinds is missing.
    """
    if not good or not defective:
        return None
    ordered = np.sort(np.asarray(good, dtype=np.float64))
    below, up_to = (np.searchsorted(ordered, defective, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / ordered.size)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
