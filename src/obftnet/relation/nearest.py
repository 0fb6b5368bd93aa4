"""A gradient for cues that are the similarity to one position, at little more than their plain cost.

The largest similarities a, b, n, t and u depend on one position a query position. Which one is found without
a gradient; the similarity to it is then taken again with one. The other cues have values alone: their
gradient would run through every pair of positions, at many times the cost.
"""

import torch
from torch import Tensor

from obftnet.features.columns import Columns
from obftnet.relation.own import own_similarity

#: The cues of guidance that take a gradient this way, in the order of `stream_statistics`' `nearest`; the
#: last where there are turned views.
NEAREST = "abnt"


def largest_again(query: Tensor, columns: Columns, nearest: Tensor) -> Tensor:
    """Cues a, b, n and, with turned views, t of one item, with gradient.

    Args:
        query: (c, M) unit features.
        columns: guidance, sorted.
        nearest: (3 or 4, M) columns found by `stream_statistics`; -1 gives 0.

    Returns:
        (3 or 4, M) float32.
    """
    places = nearest.clamp(min=0)
    picked = columns.matrix[:, places[:3]]
    if len(nearest) > 3:
        assert columns.turned is not None
        if columns.turned.shape[1]:
            of_turned = columns.turned[:, places[3:]]
        else:
            of_turned = torch.zeros_like(picked[:, :1])
        picked = torch.cat([picked, of_turned], 1)
    return (query.unsqueeze(1) * picked).sum(0) * (nearest >= 0)


def own_again(unit: Tensor) -> Tensor:
    """Cue u with gradient: (b, c, h, w) unit features -> (b, h * w)."""
    with torch.no_grad():
        twin = own_similarity(unit).argmax(-1)
    rows = unit.flatten(2)
    return (rows * rows.gather(2, twin.unsqueeze(1).expand_as(rows))).sum(1)
