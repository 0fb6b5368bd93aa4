"""Row statistics of the bilateral correspondence: seven numbers a query position and layer.

For a query position (a row of the correlation) and the columns of the guidance, split into the support's
defect positions D, its other positions R and the background positions B:

    a   largest similarity to D
    b   largest similarity to B
    n   largest similarity to R; b's value where the support is all defect
    s   mass on D of a row-normalised transport (softmax, temperature 0.05) over D, R and B together
    o   the same mass under the balanced Sinkhorn plan with uniform columns
    l   row mass on D of Algorithm 1's plan for the masked support (equation 1)
    p   log of the largest entry in the row of Algorithm 1's background plan; a diffuse row has no match

Two more, which `relation.streaming` alone takes, are of D's turned views T (`features.turned`):

    t   largest similarity to T
    m   s with T counted to D
"""

import torch
from torch import Tensor

from obftnet.transport import sinkhorn_masked, sinkhorn_scaling


def row_statistics(
    support: Tensor,
    defect: Tensor,
    background: Tensor,
    usable: Tensor,
    *,
    cues: str = "abnsolp",
    epsilon: float = 0.05,
    iterations: int = 20,
    clamp: bool = True,
) -> Tensor:
    """The chosen cues of every query position of one layer.

    Args:
        support: (b, M, N) cosine similarity of query positions to the unmasked support's.
        defect: (b, N) bool, the support's defect positions.
        background: (b, M, L) cosine similarity of query positions to the backgrounds'.
        usable: (b, L) bool, the defect-free background positions; at least one an item.
        cues: letters of those above; their order is the order of the result.
        epsilon: regularisation of the transports, and temperature of s.
        iterations: Sinkhorn sweeps.
        clamp: take negative similarities as 0 in Algorithm 1 (l and p).

    Returns:
        (b, len(cues), M) float32.
    """
    best = {
        "a": _largest(support, defect),
        "b": _largest(background, usable),
        "n": _largest(support, ~defect),
    }
    best["n"] = torch.where(defect.all(-1, keepdim=True), best["b"], best["n"])
    # A point-sampled mask can miss the defect altogether: then nothing is like it.
    best["a"] = torch.where(defect.any(-1, keepdim=True), best["a"], torch.zeros_like(best["a"]))
    values = []
    for cue in cues:
        if cue in best:
            value = best[cue]
        elif cue == "s":
            value = _row_transport(support, defect, background, usable, epsilon)
        elif cue == "o":
            value = _balanced_transport(support, defect, background, usable, epsilon, iterations)
        elif cue == "l":
            similarity = support.clamp(min=0) if clamp else support
            value = sinkhorn_masked(similarity, defect, epsilon, iterations).defect.sum(-1)
        else:
            similarity = background.clamp(min=0) if clamp else background
            columns = None if bool(usable.all()) else usable.to(support.dtype)
            scaling = sinkhorn_scaling(similarity, epsilon, iterations, multiplicity=columns)
            # Times M, so that the value does not depend on the map's size.
            value = (scaling.row_maximum() * similarity.shape[-2]).clamp(min=1e-12).log()
        values.append(value)
    return torch.stack(values, 1)


def _largest(similarity: Tensor, columns: Tensor) -> Tensor:
    """Largest similarity of each row to the chosen columns: (b, M, N), (b, N) -> (b, M); -1 where none is."""
    if bool(columns.all()):
        return similarity.amax(-1)
    # Picking the columns out costs eight times as much as filling the others.
    return similarity.masked_fill(~columns.unsqueeze(1), -1).amax(-1)


def _row_transport(
    support: Tensor, defect: Tensor, background: Tensor, usable: Tensor, epsilon: float
) -> Tensor:
    """Softmax of the row over all three sets, summed over the defect's columns: (b, M) in 0..1."""
    shift = torch.maximum(support.amax(-1), _largest(background, usable)).unsqueeze(-1)
    of_support = (support - shift).div_(epsilon).exp_()
    # An unusable column may lie far above the shift, and infinity times its weight of 0 would be no number.
    of_background = (background - shift).div_(epsilon).clamp_(max=0).exp_()
    on_defect = (of_support @ defect.to(of_support).unsqueeze(-1)).squeeze(-1)
    on_background = (of_background @ usable.to(of_background).unsqueeze(-1)).squeeze(-1)
    return on_defect / (of_support.sum(-1) + on_background)


def _balanced_transport(
    support: Tensor, defect: Tensor, background: Tensor, usable: Tensor, epsilon: float, iterations: int
) -> Tensor:
    """Share of each row of the balanced plan that falls on the defect's columns: (b, M) in 0..1."""
    valid = torch.cat([torch.ones_like(defect), usable], -1)
    columns = None if bool(valid.all()) else valid.to(support)
    scaling = sinkhorn_scaling(
        torch.cat([support, background], -1), epsilon, iterations, multiplicity=columns
    )
    on_defect = torch.cat([defect, torch.zeros_like(usable)], -1).to(support)
    return scaling.row_mass(on_defect) / scaling.row_mass(torch.ones_like(on_defect))
