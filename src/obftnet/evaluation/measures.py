"""What is measured of one query, as small as it takes to sum it with others later."""

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import Decision, decide, image_score
from obftnet.evaluation.histogram import Histogram
from obftnet.evaluation.metrics import Counts
from obftnet.regions.labelling import label


@dataclass(frozen=True)
class Measures:
    """One query's pixels, regions and image-level scores.

    counts: pixels by the decision's mask and the truth.
    largest_score: of any pixel, 0..1. image_score: of a region of the least size (`decision.image_score`).
    marked: whether any pixel is above the threshold, in a region of whatever size.
    regions: annotated ones, of pixels that touch by a side or a corner. found: how many of those have a pixel
        in the mask.
    packed: `Histogram.packed` of the scores.
    """

    counts: Counts
    largest_score: float
    image_score: float
    marked: bool
    regions: int
    found: int
    packed: bytes

    @classmethod
    def of(cls, score: NDArray[np.float32], truth: NDArray[np.bool_], decision: Decision) -> Self:
        """Measure a score map (h, w) in 0..1 against the truth (h, w) bool.

        Raises:
            ValueError: the shapes differ, or as `decide`.
        """
        mask = decide(score, decision)
        counts = Counts.of(mask, truth)
        wanted = label(truth)
        return cls(
            counts=counts,
            largest_score=float(score.max()),
            image_score=image_score(score, decision),
            marked=bool(decide(score, decision.threshold).any()),
            regions=wanted.count,
            found=np.unique(wanted.numbers()[mask & truth]).size,
            packed=Histogram.of(score, truth).packed(),
        )

    @property
    def region(self) -> bool:
        """Whether a region of the least size is marked."""
        return self.counts.true_positive + self.counts.false_positive > 0

    @property
    def histogram(self) -> Histogram:
        """The scores by truth."""
        return Histogram.unpacked(self.packed)

    def values(self) -> list[Any]:
        """All of it as a flat list of JSON values, that `read` takes back without loss."""
        return [
            *astuple(self.counts),
            self.largest_score,
            self.image_score,
            self.marked,
            self.regions,
            self.found,
            base64.b64encode(self.packed).decode(),
        ]

    @classmethod
    def read(cls, values: Sequence[Any]) -> Self:
        """What `values` gave. Raises ValueError where these are not such."""
        kinds = (int, int, int, int, float, float, bool, int, int, str)
        if len(values) != len(kinds) or any(
            type(v) is not kind for v, kind in zip(values, kinds, strict=True)
        ):
            raise ValueError("not the measures of a query")
        *counts, largest, level, marked, regions, found, text = values
        numbers = (*counts, largest, level, regions, found)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError("not the measures of a query: a number outside its range")
        try:
            packed = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError("not the measures of a query: no histogram") from error
        measures = cls(Counts(*counts), largest, level, marked, regions, found, packed)
        histogram = measures.histogram
        positive = int(histogram.positive.sum())
        if (
            positive != counts[0] + counts[2]
            or int(histogram.negative.sum()) != counts[1] + counts[3]
            or histogram.regions != regions
        ):
            raise ValueError("not the measures of a query: its figures are at odds")
        return measures
