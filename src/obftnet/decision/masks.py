"""Masks, image scores and verdicts by a decision."""

import numpy as np
from numpy.typing import NDArray

from obftnet.decision.decision import DEFAULT_THRESHOLD, Decision, Verdict

Scores = NDArray[np.float32] | NDArray[np.float64]


def decide(score: Scores, decision: Decision | float = DEFAULT_THRESHOLD) -> NDArray[np.bool_]:
    """Mask of the regions of at least the least size whose scores are all above the threshold.

    With a low threshold, of all of the regions above that one which hold such a region.

    A region is a set of pixels that touch each other, by a side or a corner.

    >>> score = np.array([[0.9, 0.8, 0.1, 0.1], [0.1, 0.7, 0.1, 0.6]])
    >>> decide(score).astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 0, 1]])
    >>> decide(score, Decision(threshold=0.5, min_area=2)).astype(int)  # the lone pixel is too small
    array([[1, 1, 0, 0],
           [0, 1, 0, 0]])

    >>> decide(score, Decision(threshold=0.75, low_threshold=0.5)).astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 0, 0]])

    Args:
        score: (h, w) float in 0..1.
        decision: sizes in pixels; a number stands for a threshold alone.

    Returns:
        (h, w) bool.

    Raises:
        ValueError: another shape, a score outside 0..1 (NaN is), a threshold outside 0..1, sizes in mm, or a
            region of interest of another shape.
    """
    decision = decision if isinstance(decision, Decision) else Decision(threshold=decision)
    seen = _of_interest(score, decision)
    mask = _above(seen, decision.threshold)
    if decision.sized and mask.any():
        from obftnet.decision.level import Size, drop_small  # few decisions need it

        drop_small(mask, Size(decision.min_area, decision.min_length))
    low = decision.low_threshold
    if low is not None and low < decision.threshold and mask.any():
        from obftnet.decision.hysteresis import drawn_out

        return drawn_out(mask, _above(seen, low))
    return mask


def image_score(score: Scores, decision: Decision | float = DEFAULT_THRESHOLD) -> float:
    """The largest score that a region of the least size still reaches with all of its pixels, 0..1.

    At whatever threshold t: `decide` by the same least size and region of interest marks something exactly
    where the image score is above t. With no least size it is the largest score. It is the maximum of the
    map's area opening (Vincent 1993), and with a least length of the opening by that attribute (Breen and
    Jones 1996); exact in both cases. 0 where no region could be so large.

    >>> score = np.array([[0.9, 0.8, 0.1, 0.1], [0.1, 0.7, 0.1, 0.6]])
    >>> image_score(score), image_score(score, Decision(min_area=3))
    (0.9, 0.7)

    Args and errors as `decide`; the decision's threshold has no part in it.
    """
    decision = decision if isinstance(decision, Decision) else Decision(threshold=decision)
    seen = _of_interest(score, decision)
    if not decision.sized:
        return float(seen.max())
    from obftnet.decision.level import Size, highest_level

    return highest_level(seen, Size(decision.min_area, decision.min_length))


def judge(value: float, decision: Decision) -> Verdict:
    """What is to be done with an image of this image score.

    FAIL means that `decide` marks something; PASS, that it marks nothing.

    >>> decision = Decision(threshold=0.5, review=(0.4, 0.7))
    >>> [str(judge(value, decision)) for value in (0.3, 0.6, 0.8)]
    ['pass', 'review', 'fail']

    Raises:
        ValueError: a value outside 0..1.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"an image score lies in 0..1, got {value}")
    low, high = decision.review or (decision.threshold, decision.threshold)
    if value > high:
        return Verdict.FAIL
    return Verdict.REVIEW if value > low else Verdict.PASS


def _of_interest(score: Scores, decision: Decision) -> Scores:
    """The score with 0 outside of the region of interest: no threshold is below that."""
    if score.ndim != 2 or not score.size or score.dtype.kind != "f":
        raise ValueError(f"a score map must be (h, w) float, got {score.dtype} of shape {score.shape}")
    low, high = score.min(), score.max()
    if not (low >= 0 and high <= 1):  # so written, NaN is refused as well
        raise ValueError(f"scores must lie in 0..1, got {low} to {high}")
    if decision.unit != "px" and decision.sized:
        raise ValueError("a least region in mm: convert the decision by in_pixels(scale) first")
    if decision.interest is None:
        return score
    if decision.interest.shape != score.shape:
        raise ValueError(
            f"a region of interest of {_size(decision.interest)} pixels for a score map of {_size(score)}; "
            "both must have one size"
        )
    return np.where(decision.interest, score, score.dtype.type(0))


def _above(score: Scores, threshold: float) -> NDArray[np.bool_]:
    """Where the score is above a number that its own precision may not hold."""
    level = score.dtype.type(threshold)
    if float(level) > threshold:  # rounded up, it would pass over scores between the two
        level = np.nextafter(level, score.dtype.type(0))
    above: NDArray[np.bool_] = score > level
    return above


def _size(array: NDArray[np.generic]) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
