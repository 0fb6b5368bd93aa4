"""How unusual a position is within the query itself.

Good material looks like itself elsewhere in the same picture, in the same light; a background image may not
be in that light. What resembles no distant place of its own picture stands out there.
"""

import torch
from torch import Tensor

#: Positions nearer than this share of the map's longer side show the same thing, defect or not.
_NEAR = 0.1


def near(height: int, width: int, device: torch.device) -> Tensor:
    """Pairs of positions of a map that lie in one another's neighbourhood: (h, w, h, w) bool.

    A map too small to have distant positions has neighbourhoods of one position.
    """
    reach = max(1, round(_NEAR * max(height, width)))
    if max(height, width) <= 2 * reach + 1:
        reach = 0
    bands = []
    for side in (height, width):
        line = torch.arange(side, device=device)
        bands.append((line[:, None] - line).abs() <= reach)
    return bands[0][:, None, :, None] & bands[1][None, :, None, :]


def own_similarity(unit: Tensor) -> Tensor:
    """Cosine of every position with the distant positions of the same map, -2 with those nearby.

    Args:
        unit: (b, c, h, w) features of length 1 over c.

    Returns:
        (b, h * w, h * w) float32; on a map of a single position its similarity to itself.
    """
    b, _, h, w = unit.shape
    rows = unit.flatten(2).mT
    similarity = torch.bmm(rows, rows.mT)
    if h * w == 1:
        return similarity
    # -2 lies below every cosine.
    similarity.view(b, h, w, h, w).masked_fill_(near(h, w, unit.device), -2)
    return similarity
