"""Whether a query shows any defect at all: one probability an image, which scales its scores.

A reader marks whatever is oddest in a query, in a good one, too, and is as sure of it. What the cues say at
the marked positions, and how much is marked, tells the two apart better than any score does. It is fitted to
a trained reader (`training.presence`), not trained with it: learnt together it only made the reader timid.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Positions a side, of the reader's map, over which its logit is averaged before the largest is taken.
_SIDES = (1, 3, 7, 15)
#: Powers of the score by which cues are weighed: what is marked at all, and what is marked surely.
_POWERS = (1, 4)
#: Of a mean score, so that its logarithm is finite where nothing is marked.
_LEAST_MEAN = 1e-5
#: Of a weight, so that where nothing is marked all positions weigh the same.
_LEAST_WEIGHT = 1e-6


class Presence(nn.Module):
    """Logistic regression on `summary`."""

    def __init__(self, cues: int) -> None:
        """`cues`: how many cue maps there are. Before it is fitted, it says even chances of every query."""
        super().__init__()
        self.linear = nn.Linear(len(_SIDES) + 1 + len(_POWERS) * (1 + cues), 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, logit: Tensor, cues: Tensor) -> Tensor:
        """Args as `summary`. Returns (b,), the logit of the query showing any defect."""
        found: Tensor = self.linear(summary(logit, cues))[:, 0]
        return found


def summary(logit: Tensor, cues: Tensor) -> Tensor:
    """What a look at a query says of the whole of it.

    Args:
        logit: (b, 1, 2h, 2w) of defect, as the reader gives it.
        cues: (b, c, h, w).

    Returns:
        (b, n) float32: the largest logit of single positions and of means over squares, and the mean of all;
        for each power of the score the logarithm of its mean, and the means of the cues weighed by it.
    """
    logit, cues = logit.float(), cues.float()
    score = logit.sigmoid()
    peaks = [
        F.avg_pool2d(logit, side, stride=1, padding=side // 2, count_include_pad=False).amax((1, 2, 3))
        for side in _SIDES
    ]
    weight = F.avg_pool2d(score, 2)
    columns = [*peaks, logit.mean((1, 2, 3))]
    columns += [(score**power).mean((1, 2, 3)).add(_LEAST_MEAN).log() for power in _POWERS]
    found = [torch.stack(columns, 1)]
    for power in _POWERS:
        share = weight**power + _LEAST_WEIGHT
        found.append((cues * share).sum((2, 3)) / share.sum((2, 3)))
    return torch.cat(found, 1)
