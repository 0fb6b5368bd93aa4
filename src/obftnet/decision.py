"""From scores to masks: pure functions that need no network."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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


def vote(logits: Sequence[Tensor]) -> Tensor:
    """The share of single passes that say defect, over the largest share in the image (HSNet, section 4.4).

    Args:
        logits: (b, H, W) of defect, a pass each.

    Returns:
        (b, H, W) float32 in 0..1, of which 0.5 decides.
    """
    votes = torch.stack([(logit > 0).float() for logit in logits]).sum(0)
    return votes / votes.amax((-2, -1), keepdim=True).clamp(min=1)
