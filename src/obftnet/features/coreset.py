"""A few positions that stand for many: guidance of any number of images at a bounded cost a query.

A texture repeats itself, so that most good positions have a near twin among the others. PatchCore (Roth et
al., CVPR 2022, section 3.2) keeps a coreset by the k-centre rule, which takes the position farthest from all
that are kept, one at a time over all positions. Here a sixteenth of the coreset is taken a round, by that
rule among the farthest positions of the round alone: sixteen matrix products, at the machine's full rate.
"""

import torch
from torch import Tensor

_ROUNDS = 16
#: Farthest positions a round chooses among, for each that it takes.
_CANDIDATES = 4


@torch.no_grad()
def coreset(points: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Choose positions that all others are near to.

    Args:
        points: (c, n) unit features.
        count: how many to keep, 1 to n.

    Returns:
        (count,) int64 ascending, the kept positions; (count,) float32, how many positions each stands for,
        itself among them; they add up to n.
    """
    total = points.shape[1]
    first = min(count, max(1, count // _ROUNDS))
    # Spread over the images: their positions lie one after another.
    kept = [torch.arange(first, device=points.device) * total // first]
    nearest = points.new_full((total,), -torch.inf)
    center = torch.zeros(total, dtype=torch.int64, device=points.device)
    found = 0
    while True:
        best, which = (points.mT @ points[:, kept[-1]]).max(1)
        closer = best > nearest
        center = torch.where(closer, which + found, center)
        nearest = torch.where(closer, best, nearest)
        nearest[kept[-1]] = torch.inf
        center[kept[-1]] = torch.arange(found, found + len(kept[-1]), device=points.device)
        found += len(kept[-1])
        if found == count:
            break
        kept.append(_farthest(points, nearest, min(first, count - found)))
    chosen, order = torch.cat(kept).sort()
    weight = torch.bincount(center, minlength=count).to(points.dtype)
    return chosen, weight[order]


def _farthest(points: Tensor, nearest: Tensor, count: int) -> Tensor:
    """(count,) positions by the k-centre rule, given each one's similarity to the nearest that is kept."""
    among = nearest.topk(min(_CANDIDATES * count, len(nearest)), largest=False)
    candidates = points[:, among.indices]
    similarity, best = candidates.mT @ candidates, among.values.clone()
    taken = torch.empty(count, dtype=torch.int64, device=points.device)
    for number in range(count):
        farthest = best.argmin()
        taken[number] = farthest
        best = torch.maximum(best, similarity[farthest])
        best[farthest] = torch.inf
    return among.indices[taken]
