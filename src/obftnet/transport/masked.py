"""Algorithm 1 for a masked support, at the cost of its defect positions alone.

Equation 1 zeroes the support's features outside the mask. Their similarity to every query position is then
exactly 0: they are identical columns, and take up the mass of the query positions that match no defect (a
dustbin). Identical columns stay identical through every sweep, so they are solved as one column with a
multiplicity; the result is that of the dense problem.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from obftnet.transport.sinkhorn import sinkhorn


@dataclass(frozen=True)
class MaskedPlan:
    """Plan of a masked support.

    defect: (b, M, D) the plan's columns of the defect positions, padded with zero columns where the items of
        a batch hold different numbers of them.
    rest: (b, M) the plan's value in EACH of the zeroed columns.
    index: (b, D) int64, the position of each defect column in the support; arbitrary where `valid` is False.
    valid: (b, D) bool, False for padding.
    """

    defect: Tensor
    rest: Tensor
    index: Tensor
    valid: Tensor

    def dense(self, positions: int) -> Tensor:
        """The plan over all `positions` of the support, (b, M, positions)."""
        plan = self.rest.unsqueeze(-1).repeat(1, 1, positions)
        index = self.index.unsqueeze(1).expand_as(self.defect)
        # Padding columns write the value that their (not defective) position has anyway.
        values = torch.where(self.valid.unsqueeze(1), self.defect, self.rest.unsqueeze(-1))
        return plan.scatter(-1, index, values)


def sinkhorn_masked(
    similarity: Tensor, defect: Tensor, epsilon: float = 0.05, iterations: int = 20, *, keep_rest: bool = True
) -> MaskedPlan:
    """Algorithm 1 with the similarity of every position outside `defect` set to 0 (equation 1).

    Args:
        similarity: (b, M, N) similarities to the unmasked support.
        defect: (b, N) bool, the support's defect positions. Point sampling of a mask can leave an item none
            (docs/method.md): all its columns are then the zeroed ones.
        epsilon: regularisation, > 0.
        iterations: sweeps, >= 1.
        keep_rest: False drops the zeroed columns instead (docs/method.md: the dustbin is lost).

    Raises:
        ValueError: shapes that do not fit, or an item left without any column at all.
    """
    if similarity.ndim != 3 or defect.shape != (similarity.shape[0], similarity.shape[2]):
        raise ValueError(
            f"similarity must be (b, M, N) and defect (b, N), got {tuple(similarity.shape)} and "
            f"{tuple(defect.shape)}"
        )
    count = defect.sum(-1)
    if not keep_rest and int(count.min()) == 0:
        raise ValueError("a support without a defect position, its others dropped, has no column left")
    width = max(int(count.max()), 1)
    # Defect positions first, in their own order, then others as padding.
    index = torch.argsort(defect.logical_not().to(torch.uint8), dim=-1, stable=True)[:, :width]
    valid = defect.gather(-1, index)
    picked = similarity.gather(-1, index.unsqueeze(1).expand(-1, similarity.shape[1], -1))
    picked = picked * valid.unsqueeze(1)
    zero = torch.zeros_like(picked[..., :1])
    rest = (defect.shape[-1] - count) if keep_rest else torch.zeros_like(count)
    multiplicity = torch.cat([valid.to(picked.dtype), rest.to(picked.dtype).unsqueeze(-1)], -1)
    plan = sinkhorn(torch.cat([picked, zero], -1), epsilon, iterations, multiplicity=multiplicity)
    return MaskedPlan(plan[..., :-1], plan[..., -1], index, valid)
