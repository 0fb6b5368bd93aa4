"""From scores to masks: pure functions that need no network."""

import numpy as np
from numpy.typing import NDArray

#: The softmax's own decision: defect where its channel is the larger (section III.D).
DEFAULT_THRESHOLD = 0.5


def decide(score: NDArray[np.float32], threshold: float = DEFAULT_THRESHOLD) -> NDArray[np.bool_]:
    """Mask of the positions whose score is above the threshold.

    Args:
        score: (h, w) float32 in 0..1.
        threshold: in 0..1.

    Returns:
        (h, w) bool.

    Raises:
        ValueError: a threshold outside 0..1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie in 0..1, got {threshold}")
    return score > threshold
