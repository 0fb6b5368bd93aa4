"""How unusual a position is within the query itself.

Good material looks like itself elsewhere in the same picture, in the same light; a background image may not
be in that light. What resembles no distant place of its own picture stands out there.
"""

import torch
from torch import Tensor

#: Positions nearer than this share of the map's longer side show the same thing, defect or not.
_NEAR = 0.1


def far_apart(height: int, width: int, device: torch.device) -> Tensor:
    """(h * w, h * w) bool: which pairs of positions of a map are further apart than its neighbourhood."""
    reach = max(1, round(_NEAR * max(height, width)))
    y = torch.arange(height, device=device).repeat_interleave(width)
    x = torch.arange(width, device=device).repeat(height)
    return ((y[:, None] - y).abs() > reach) | ((x[:, None] - x).abs() > reach)


def own_similarity(unit: Tensor) -> tuple[Tensor, Tensor]:
    """Largest similarity of every position to the distant positions of the same map.

    Args:
        unit: (b, c, h, w) features of length 1 over c.

    Returns:
        (b, h * w) float32 in -1..1, and the positions that are so alike, (b, h * w) int64. On a map too small
        to have distant positions all others count, on a map of one position itself.
    """
    far = far_apart(unit.shape[-2], unit.shape[-1], unit.device)
    if not bool(far.any(-1).all()):
        far = ~torch.eye(len(far), dtype=torch.bool, device=unit.device)
    if len(far) == 1:
        far = ~far
    rows = unit.flatten(2).mT
    nearest = torch.bmm(rows, rows.mT).masked_fill_(~far, -2).max(-1)
    return nearest.values, nearest.indices
