"""Threshold-free figures of pixels, of scores counted in bins: exact but for the order within a bin.

Scores are not kept: memory and files have the same size for any number of pixels, and the sums of two
evaluations are those of one. A bin is a 128th of an octave of the distance to the nearer end of 0..1, so
that scores that crowd at 0 or 1 are told apart as well as those between; 0.5 and 1 are bins of their own.
How much a figure could change if the order within each bin were known is computed beside it.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from obftnet.regions.labelling import label

#: Limit of the false-positive rate in AUPRO (Bergmann et al. 2021, section 5.2).
PRO_LIMIT = 0.3

#: Of a float32, what is left when a number is cut off after 7 bits of its mantissa.
_CUT = 16
#: Distances from 0 and 1 below this are not told apart; between 0.5 and 1 no float32 is nearer to 1.
_NEAREST = 2.0**-24


def _code(distance: NDArray[np.float32]) -> NDArray[np.int32]:
    """Number of an octave's 128th, 0 for all below `_NEAREST`; distance in 0..0.5."""
    first = np.float32(_NEAREST).view(np.int32) >> _CUT
    codes: NDArray[np.int32] = np.maximum((distance.view(np.int32) >> _CUT) - first + 1, 0)
    return codes


_HALF = int(_code(np.array([0.5], np.float32))[0])
#: Bins of scores, from 0 to 1.
BINS = 2 * _HALF + 1


def bin_of(score: NDArray[np.float32]) -> NDArray[np.int32]:
    """Bins 0..BINS - 1 of scores in 0..1; the score is above 0.5 where the bin is above BINS // 2."""
    score = score.astype(np.float32, copy=False)
    codes = _code(np.minimum(score, 1 - score))
    return np.where(score > 0.5, np.int32(BINS - 1) - codes, codes)


def threshold_below(number: int) -> float:
    """The threshold in 0..1 that exactly the scores of this bin and of those after it are above.

    Raises:
        ValueError: bin 0, whose scores can be 0.
    """
    if not 1 <= number < BINS:
        raise ValueError(f"bin {number}: a threshold lies below the bins 1 to {BINS - 1}")
    first = int(np.float32(_NEAREST).view(np.int32)) >> _CUT
    if number <= _HALF:
        least = np.int32((number - 1 + first) << _CUT).view(np.float32)
        return float(np.nextafter(least, np.float32(0)))
    reached = np.int32((BINS - 1 - number + first) << _CUT).view(np.float32)
    return 1 - float(reached)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Pixels by score and truth, of one query or summed over many.

    positive, negative: (BINS,) int64 pixels of defect and of the rest.
    covered: (BINS,) float64, the share of an annotated region's pixels, summed over the regions.
    regions: how many those are.
    """

    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    covered: NDArray[np.float64]
    regions: int

    @classmethod
    def none(cls) -> Self:
        """Of no query."""
        empty = np.zeros(BINS, np.int64)
        return cls(empty, empty, np.zeros(BINS), 0)

    @classmethod
    def of(cls, score: NDArray[np.float32], truth: NDArray[np.bool_]) -> Self:
        """Of one query: score (h, w) float32 in 0..1, truth (h, w) bool.

        Raises:
            ValueError: the shapes differ.
        """
        if score.shape != truth.shape:
            raise ValueError(f"score {score.shape} and truth {truth.shape} must have one shape")
        bins = bin_of(score)
        positive = np.bincount(bins[truth], minlength=BINS)
        labelling = label(truth)
        shares = 1 / labelling.areas
        inside = labelling.numbers()[truth] - 1
        covered = np.bincount(bins[truth], shares[inside], minlength=BINS).astype(np.float64)
        return cls(positive, np.bincount(bins.ravel(), minlength=BINS) - positive, covered, labelling.count)

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(
            self.positive + other.positive,
            self.negative + other.negative,
            self.covered + other.covered,
            self.regions + other.regions,
        )

    def packed(self) -> bytes:
        """The same in a few kilobytes."""
        used = np.flatnonzero(self.positive + self.negative)
        arrays = (
            used.astype("<u2"),
            self.positive[used].astype("<u8"),
            self.negative[used].astype("<u8"),
            self.covered[used].astype("<f8"),
        )
        content = b"".join(array.tobytes() for array in arrays)
        return zlib.compress(struct.pack("<II", self.regions, used.size) + content)

    @classmethod
    def unpacked(cls, content: bytes) -> Self:
        """What was packed. Raises ValueError where it was not."""
        try:
            plain = zlib.decompress(content)
            regions, count = struct.unpack_from("<II", plain)
        except (zlib.error, struct.error) as error:
            raise ValueError("not a packed histogram") from error
        if count > BINS or len(plain) != 8 + count * (2 + 8 + 8 + 8):
            raise ValueError("not a packed histogram: another length")
        place = 8
        used = np.frombuffer(plain, "<u2", count, place)
        if count and (used.max() >= BINS or (np.diff(used.astype(int)) <= 0).any()):
            raise ValueError("not a packed histogram: other bins")
        place += 2 * count
        pixels = np.zeros((2, BINS), np.int64)
        pixels[:, used] = np.frombuffer(plain, "<u8", 2 * count, place).reshape(2, count)
        covered = np.zeros(BINS)
        covered[used] = np.frombuffer(plain, "<f8", count, place + 16 * count)
        if (pixels < 0).any() or not (np.isfinite(covered) & (covered >= 0)).all():
            raise ValueError("not a packed histogram: a number outside its range")
        return cls(pixels[0], pixels[1], covered, regions)

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """(BINS,) IoU of the pixels whose score is in this bin or one after it, 0..1."""
        hit, false = _from_top(self.positive), _from_top(self.negative)
        return _ratio(hit, self.positive.sum() + false)

    @cached_property
    def iou_bound(self) -> NDArray[np.float64]:
        """(BINS,) what the IoU at a threshold within the bin can be at most: its defect alone is above."""
        hit, false = _from_top(self.positive), _from_top(self.negative)
        return np.where(_TIED, self.iou, _ratio(hit, self.positive.sum() + false - self.negative))

    @property
    def average_precision(self) -> float | None:
        """AP of pixels, the sum over thresholds of precision times the step in recall, 0..1.

        As scikit-learn's `average_precision_score`. None without a pixel of defect.
        """
        total = self.positive.sum()
        if not total:
            return None
        hit = _from_top(self.positive)
        return float((self.positive * _ratio(hit, hit + _from_top(self.negative))).sum() / total)

    @property
    def average_precision_error(self) -> float:
        """How far from it the AP of the scores themselves can be."""
        hit, false = _from_top(self.positive), _from_top(self.negative)
        before = hit - self.positive
        reached = self.positive * _ratio(hit, hit + false)
        # All defect of a bin before the rest of it, or after.
        most = _precisions(before, self.positive, false - self.negative) - reached
        least = reached - _precisions(before, self.positive, false)
        doubt = np.where(_TIED, 0, np.stack([most, least])).sum(1).max()
        return max(0.0, float(doubt) / max(1, int(self.positive.sum())))

    def aupro(self, limit: float = PRO_LIMIT) -> float | None:
        """AUPRO: area under the per-region overlap by the false-positive rate up to `limit`, over `limit`.

        At a threshold, the overlap is the mean over the annotated regions of the share that is marked; the
        rate is that of all pixels that are not defect; between thresholds the curve is a straight line
        (Bergmann et al. 2021, section 5.2). 0..1; None without a region or without a pixel that is none.
        """
        if self._pro is None:
            return None
        if not 0 < limit <= 1:
            raise ValueError(f"the limit of a false-positive rate must lie in 0..1 and not be 0, got {limit}")
        rate, overlap = self._pro
        inside = np.searchsorted(rate, limit, side="right")
        rates = np.append(rate[:inside], limit)
        overlaps = np.append(overlap[:inside], np.interp(limit, rate, overlap))
        return float((np.diff(rates) * (overlaps[1:] + overlaps[:-1]) / 2).sum()) / limit

    def aupro_error(self, limit: float = PRO_LIMIT) -> float:
        """How far from it the AUPRO of the scores themselves can be."""
        if self._pro is None:
            return 0.0
        rate, overlap = self._pro
        # Within a bin the curve rises in some way from one corner of a rectangle to the other.
        wide = (np.minimum(rate[1:], limit) - rate[:-1]).clip(min=0)
        return float(np.where(_TIED[::-1], 0, wide * np.diff(overlap)).sum()) / limit

    @cached_property
    def _pro(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """False-positive rate and overlap, from the highest threshold to the lowest; both start with 0."""
        total = self.negative.sum()
        if not self.regions or not total:
            return None
        rate = np.concatenate([[0.0], self.negative[::-1].cumsum() / total])
        # The sum of shares is the number of regions, but for rounding.
        overlap = np.concatenate([[0.0], (self.covered[::-1].cumsum() / self.regions).clip(max=1)])
        return rate, overlap


#: (BINS,) whether all scores of a bin are equal, so that it hides no order.
_TIED = np.zeros(BINS, np.bool_)
_TIED[[_HALF, BINS - 1]] = True


def _from_top(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of a bin and all after it."""
    return counts[::-1].cumsum()[::-1]


def _precisions(
    before: NDArray[np.int64], count: NDArray[np.int64], false: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Sum over i of 1..count of (before + i) / (before + i + false): hits that come one after the other."""
    behind = before + false + 1.0
    sums: NDArray[np.float64] = count - false * (digamma(behind + count) - digamma(behind))
    return sums


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    quotient: NDArray[np.float64] = part / np.maximum(whole, 1)
    return quotient
