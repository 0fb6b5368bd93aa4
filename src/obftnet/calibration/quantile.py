"""What image scores of good images promise about others: order statistics, and nothing else.

If the calibration images and the next good image are drawn alike (exchangeable), the next one's score is
above the k-th smallest of n with a probability of at most (n + 1 - k) / (n + 1): split-conformal prediction
(Vovk et al. 2005; Lei et al. 2018, theorem 2.2), whatever the scores' distribution is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from obftnet.errors import InputError

#: Of the bounds and intervals.
CONFIDENCE = 0.95
#: Decimals that a threshold has at most: neighbours in float32 near 1 lie 6e-8 apart.
_DECIMALS = 7


@dataclass(frozen=True)
class Bound:
    """A threshold by good images.

    threshold: at least the score of the image by which it is chosen, 0..1. asked: rate of false alarms.
    promised: the rate that so many images can promise, on average over calibrations; the rate asked for or
        less, or more where they are too few.
    at_most: the rate below which the true one lies for `CONFIDENCE` of all calibrations.
    images: how many. rank: which of their scores, the smallest first, the threshold is.
    """

    threshold: float
    asked: float
    promised: float
    at_most: float
    images: int
    rank: int

    @property
    def too_few(self) -> bool:
        """Whether the images cannot promise the rate that was asked for."""
        return self.promised > self.asked


def bound(scores: Sequence[float], rate: float) -> Bound:
    """The smallest threshold among the scores that keeps a rate of false alarms.

    >>> found = bound([0.1, 0.5, 0.3, 0.2], rate=0.4)
    >>> found.threshold, found.rank, found.promised
    (0.3, 3, 0.4)

    Of n images the rank is ceil((n + 1) (1 - rate)); where that is beyond n, the largest score is taken,
    which promises 1 / (n + 1). The threshold is rounded up to seven decimals: it can be typed.

    Args:
        scores: image scores of good images that had no part in what the scores are by, 0..1.
        rate: of good images above the threshold, between 0 and 1.

    Raises:
        InputError: no score, one outside 0..1, or a rate that is none.
    """
    if not 0 < rate < 1:
        raise InputError(f"a rate of false alarms of {rate:g}: between 0 and 1 is wanted", "false_alarms")
    ordered = np.sort(np.asarray(scores, np.float64))
    count = ordered.size
    if not count:
        raise InputError("no good image to calibrate by")
    if not (ordered[0] >= 0 and ordered[-1] <= 1):
        raise InputError("image scores lie in 0..1")
    # A rate such as 0.05 is no binary number: 20 x 0.95 must not become more than 19.
    rank = min(count, math.ceil((count + 1) * (1 - rate) - 1e-9))
    return Bound(
        threshold=round_up(float(ordered[rank - 1])),
        asked=rate,
        promised=(count + 1 - rank) / (count + 1),
        at_most=interval(count - rank, count, one_sided=True)[1],
        images=count,
        rank=rank,
    )


def enough(rate: float) -> int:
    """How many good images can promise a rate of false alarms.

    >>> enough(0.05), enough(0.01)
    (19, 99)
    """
    return math.ceil(1 / rate - 1e-9) - 1


def interval(hits: int, count: int, *, one_sided: bool = False) -> tuple[float, float]:
    """Where the true rate lies of which so many of so many were seen (Clopper and Pearson 1934).

    >>> [round(end, 3) for end in interval(0, 19, one_sided=True)]
    [0.0, 0.146]

    Returns:
        (low, high) with `CONFIDENCE`; one-sided, low is 0.
    """
    from scipy.special import betaincinv

    tail = (1 - CONFIDENCE) / (1 if one_sided else 2)
    low = 0.0 if hits == 0 or one_sided else float(betaincinv(hits, count - hits + 1, tail))
    high = 1.0 if hits == count else float(betaincinv(hits + 1, count - hits, 1 - tail))
    return low, high


def round_up(score: float) -> float:
    """The next number of seven decimals that is not below a score, unless that is 1: then the score."""
    rounded = math.ceil(score * 10**_DECIMALS) / 10**_DECIMALS
    while rounded < score:
        rounded += 10**-_DECIMALS
    return rounded if rounded < 1 else score
