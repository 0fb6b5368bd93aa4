"""What differs between a query and the good material beside it: residuals of features, not similarities.

The soft alignment of Gao, "MetaUAS: Universal Anomaly Segmentation with One-Prompt Meta-Learning" (NeurIPS
2024): each query position attends over the good positions of the guidance, and is compared with what it finds
there. A similarity says how far a position is from the nearest good one; the residual says in which features.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.guidance.columns import GOOD, REST, Columns, every

#: Of the attention, in units of the cosine. The more good positions there are, the more a higher one blurs
#: what is found among them.
TEMPERATURE = 0.03

#: Good positions attended to by a query that takes a gradient, which doubles the cost of each.
_MOST_TAUGHT = 2048


def residual_of(query: Tensor, columns: Columns) -> Tensor:
    """How far each feature of a query position is from that of the good positions it is aligned with.

    Args:
        query: (c, M) unit features.
        columns: guidance, sorted.

    Returns:
        (c, M) float32 in 0..2; a gradient passes to query and guidance.
    """
    return (query - aligned(query, columns)).abs()


def aligned(query: Tensor, columns: Columns) -> Tensor:
    """For each query position the mean of the good positions, weighed by the softmax of their similarity.

    Good are the backgrounds' and what the supports show beside their defect. The kernel goes over them a
    block at a time: no M x N matrix is kept.

    Args:
        query: (c, M) unit features.
        columns: guidance, sorted.

    Returns:
        (c, M) float32.
    """
    good = slice(columns.slices()[REST].start, columns.slices()[GOOD].stop)
    matrix, weight = columns.matrix[:, good], columns.weight[good]
    if torch.is_grad_enabled() and query.requires_grad:
        matrix, weight = every(matrix, _MOST_TAUGHT), every(weight.unsqueeze(0), _MOST_TAUGHT)[0]
    keys = matrix.mT.contiguous()[None, None]
    thinned = not bool((weight == 1).all())
    bias = weight.log().expand(1, 1, query.shape[1], -1) if thinned else None
    rows = query.mT.contiguous()[None, None]
    found = F.scaled_dot_product_attention(rows, keys, keys, attn_mask=bias, scale=1 / TEMPERATURE)
    return found[0, 0].mT
