"""One position's match in the guidance, as a picture shows it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Match:
    """One query cell's row of the plans, each scaled to a sum of 1 and averaged over the taps of a level.

    support: (k, h, w) float32, share of the row's mass on each defect cell of each support; 0 outside the
        masks. What is missing to 1 lies on the zeroed columns, which are no places: it matches no defect.
    background: (j, h, w) float32, share on each cell of each background, 1 together.
    """

    support: NDArray[np.float32]
    background: NDArray[np.float32]

    @property
    def defect(self) -> float:
        """Share of the mass on the supports' defect, 0..1."""
        return float(self.support.sum())
