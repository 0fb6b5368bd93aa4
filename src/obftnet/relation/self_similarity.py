"""How unusual a position is within the query itself.

Good material looks like itself elsewhere in the same picture, in the same light; a background image may not
be in that light. What resembles no distant place of its own picture stands out there.
"""

import torch
from torch import Tensor

#: Positions nearer than this share of the map's longer side show the same thing, defect or not.
_REACH = 0.1


def neighbourhoods(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which rows of a map are near one another, and which of its columns: (h, h) and (w, w) bool.

    Two positions lie in one another's neighbourhood where their rows and their columns are near. A map too
    small to have distant positions has neighbourhoods of one position.
    """
    reach = max(1, round(_REACH * max(height, width)))
    if max(height, width) <= 2 * reach + 1:
        reach = 0
    lines = (torch.arange(side, device=device) for side in (height, width))
    rows, columns = ((line[:, None] - line).abs() <= reach for line in lines)
    return rows, columns


def _near(height: int, width: int, device: torch.device) -> Tensor:
    """Pairs of positions of a map that lie in one another's neighbourhood: (h, w, h, w) bool."""
    rows, columns = neighbourhoods(height, width, device)
    return rows[:, None, :, None] & columns[None, :, None, :]


def self_similarity(unit: Tensor) -> Tensor:
    """Largest cosine of every position with the distant positions of the same map.

    It passes a gradient on as `relation.scan` does: the most similar position is found without one.

    Args:
        unit: (b, c, h, w) features of length 1 over c.

    Returns:
        (b, h * w) float32; on a map of a single position its similarity to itself.
    """
    rows = unit.flatten(2)
    with torch.no_grad():
        largest, twin = _similarities(unit).max(-1)
    if not (torch.is_grad_enabled() and unit.requires_grad):
        return largest
    return (rows * rows.gather(2, twin.unsqueeze(1).expand_as(rows))).sum(1)


def _similarities(unit: Tensor) -> Tensor:
    """(b, h * w, h * w) cosines, -2 between neighbours: that lies below every cosine."""
    b, _, h, w = unit.shape
    rows = unit.flatten(2).mT
    similarity = torch.bmm(rows, rows.mT)
    if h * w > 1:
        similarity.view(b, h, w, h, w).masked_fill_(_near(h, w, unit.device), -2)
    return similarity
