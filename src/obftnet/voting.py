"""Several shots by vote: each looks alone, and their decisions are counted."""

from collections.abc import Sequence

import torch
from torch import Tensor


def vote(logits: Sequence[Tensor]) -> Tensor:
    """The share of single passes that say defect, over the largest share in the image (HSNet, section 4.4).

    Args:
        logits: (b, H, W) of defect, a pass each.

    Returns:
        (b, H, W) float32 in 0..1, of which 0.5 decides.
    """
    votes = torch.stack([(logit > 0).float() for logit in logits]).sum(0)
    return votes / votes.amax((-2, -1), keepdim=True).clamp(min=1)
