"""A few positions that stand for many: guidance of any number of images at a bounded cost a query.

A texture repeats itself, so that most good positions have a near twin among the others. PatchCore (Roth et
al., CVPR 2022, section 3.2) keeps a coreset by the k-centre rule, which takes the position farthest from all
that are kept, one at a time over all positions. Here a sixteenth of the coreset is taken a round, by that
rule among the farthest positions of the round alone: sixteen matrix products, at the machine's full rate.

A set of positions has one coreset, in whatever order they come: they are put into an order that only what
they are decides, and that order breaks every tie. So supports and backgrounds may be named in any order.
"""

import torch
from torch import Tensor

_ROUNDS = 16
#: Farthest positions a round chooses among, for each that it takes.
_CANDIDATES = 4
#: Features times this are rounded to whole numbers, and whole numbers up to `_LARGEST` weigh them: all sums
#: lie below 2^53 for up to 2^15 channels, and are exact in float64 in whatever order they are added.
_FINENESS = 2.0**30
_LARGEST = 1 << 15


def content_order(points: Tensor) -> Tensor:
    """The positions sorted by what they are: the same sequence of features for every order of the same set.

    Sorted along one drawn direction, on which features that are alike lie side by side.

    Args:
        points: (c, n) unit features.

    Returns:
        (n,) int64, a permutation.
    """
    drawn = torch.Generator().manual_seed(0)
    weights = torch.randint(-_LARGEST, _LARGEST, (len(points),), generator=drawn).to(points.device)
    whole = (points.detach().double() * _FINENESS).round()
    return (weights.double() @ whole).argsort(stable=True)


@torch.no_grad()
def coreset(points: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Choose positions that all others are near to.

    Of three directions two are the same; one of them stands for both:

    >>> points = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> kept, weight = coreset(points, 2)
    >>> len(kept), sorted(weight.tolist())
    (2, [1.0, 2.0])

    Args:
        points: (c, n) unit features.
        count: how many to keep, 1 to n.

    Returns:
        (count,) int64 ascending, the kept positions; (count,) float32, how many positions each stands for,
        itself among them; they add up to n. Another order of `points` gives the same positions.
    """
    order = content_order(points)
    chosen, weight = _coreset(points[:, order], count)
    chosen, ascending = order[chosen].sort()
    return chosen, weight[ascending]


def _coreset(points: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """`coreset` of positions in their canonical order; the kept ones in the order they were found."""
    total = points.shape[1]
    first = min(count, max(1, count // _ROUNDS))
    # Spread along the order: what is alike lies side by side.
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
    return torch.cat(kept), torch.bincount(center, minlength=count).to(points.dtype)


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
