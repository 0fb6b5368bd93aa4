"""One layer's guidance as the columns of one matrix, sorted by what they are: what row statistics scan."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Columns:
    """The guidance positions of one episode and one layer: defect | rest of the supports | good backgrounds.

    Sorted once, so that "the largest similarity to the defect" is a maximum over a slice for every query.

    matrix: (c, N) float32, contiguous unit features, N = defect + rest + good.
    defect, rest, good: how many of each. Either of the first two may be 0; good is at least 1.
    """

    matrix: Tensor
    defect: int
    rest: int
    good: int


def sorted_columns(support: Tensor, defect: Tensor, background: Tensor, usable: Tensor) -> Columns:
    """Sort the positions of one episode.

    Args:
        support: (k, c, h, w) unit features.
        defect: (k, h, w) bool.
        background: (j, c, h', w') unit features.
        usable: (j, h', w') bool; unusable positions are left out.
    """
    of_support = support.transpose(0, 1).flatten(1)
    of_background = background.transpose(0, 1).flatten(1)
    chosen, kept = defect.flatten(), usable.flatten()
    parts = (of_support[:, chosen], of_support[:, ~chosen], of_background[:, kept])
    matrix = torch.cat(parts, 1).contiguous()
    return Columns(matrix, *(part.shape[1] for part in parts))
