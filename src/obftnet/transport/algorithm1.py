"""Algorithm 1 under the options that close its gaps, for all who solve it (docs/method.md).

Equation 1 zeroes the support's features outside the mask. Their similarity to every query position is then
exactly 0: they are identical columns, and take up the mass of the query positions that match no defect (a
dustbin). Identical columns stay identical through every sweep, so they are solved as one column with a
multiplicity, and a masked support costs what its defect's positions cost; the result is that of the dense
problem.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from obftnet.transport.sinkhorn import Scaling, sinkhorn_scaling


@dataclass(frozen=True)
class Algorithm1:
    """The transport of one query's positions to those of its guidance.

    epsilon: regularisation, > 0, in units of the cosine.
    iterations: sweeps, the paper's t_max, >= 1.
    relu: P > 0, so a ReLU after it does nothing: "before" clamps the cosine at 0; "after" is the literal
        form.
    zeroed_columns: "keep" the columns that equation 1 zeroes, or "drop" them.
    """

    epsilon: float = 0.05
    iterations: int = 20
    relu: Literal["before", "after"] = "before"
    zeroed_columns: Literal["keep", "drop"] = "keep"

    def foreground(self, query: Tensor, defect: Tensor, zeroed: int) -> Scaling:
        """The plan to a masked support.

        Args:
            query: (M, c) unit features.
            defect: (c, D) unit features of the support's defect positions. Point sampling of a mask can leave
                none (docs/method.md): all columns are then zeroed ones.
            zeroed: positions of the support that equation 1 zeroes.

        Returns:
            The plan's factors with D + 1 columns: the last is that of EACH zeroed position.

        Raises:
            ValueError: no column at all is left.
        """
        dustbin = zeroed if self.zeroed_columns == "keep" else 0
        if not defect.shape[1] + dustbin:
            raise ValueError("a support without a defect position, its others dropped, has no column left")
        similarity = torch.cat([self._clamped(query @ defect), torch.zeros_like(query[:, :1])], 1)
        multiplicity = torch.ones_like(similarity[0])
        multiplicity[-1] = dustbin
        return sinkhorn_scaling(similarity, self.epsilon, self.iterations, multiplicity=multiplicity)

    def background(self, query: Tensor, good: Tensor, weight: Tensor | None = None) -> Scaling:
        """The plan to good material.

        Args:
            query: (M, c) unit features.
            good: (c, L) unit features.
            weight: (L,) how many positions each column stands for, 0 for one that is not to be used.
        """
        similarity = self._clamped(query @ good)
        return sinkhorn_scaling(similarity, self.epsilon, self.iterations, multiplicity=weight)

    def together(self, query: Tensor, columns: Tensor, weight: Tensor | None = None) -> Scaling:
        """The plan to defect, rest and good material at once, uniform columns, cosines as they are; arguments
        as of `background`."""
        return sinkhorn_scaling(query @ columns, self.epsilon, self.iterations, multiplicity=weight)

    def _clamped(self, similarity: Tensor) -> Tensor:
        return similarity.clamp_(min=0) if self.relu == "before" else similarity
