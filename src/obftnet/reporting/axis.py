"""Where a score stands on an axis: evenly, or with room at the ends where a decision needs it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import Decision

#: A level as near to 0 or 1 has no room on an even axis.
_NEAR = 0.05
#: Ends of the axis with room there, as log odds: those of 0.0001 and 0.9999.
_ODDS = float(np.log(9999))
_EVEN = tuple(number / 10 for number in range(0, 11, 2))
_ROOMY = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


@dataclass(frozen=True)
class Axis:
    """An axis of scores. roomy: by log odds, as far from 0.9 to 0.99 as from there to 0.999."""

    roomy: bool

    @classmethod
    def of(cls, decision: Decision) -> "Axis":
        """The axis on which a decision's levels can be told from the ends."""
        levels = [*(decision.review or ()), decision.threshold]
        return cls(any(0 < min(level, 1 - level) < _NEAR for level in levels))

    def place(self, scores: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Where scores stand, 0..1 from one end of the axis to the other."""
        given = np.asarray(scores, np.float64)
        if not self.roomy:
            return given
        with np.errstate(divide="ignore"):
            odds = np.log(given) - np.log1p(-given)
        return np.clip((odds + _ODDS) / (2 * _ODDS), 0, 1)

    def score(self, places: NDArray[np.floating]) -> NDArray[np.float64]:
        """The scores at places."""
        given = np.asarray(places, np.float64)
        return 1 / (1 + np.exp(_ODDS - given * 2 * _ODDS)) if self.roomy else given

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Scores to write at the axis: (place, text)."""
        return [(float(self.place(score)), f"{score:g}") for score in (_ROOMY if self.roomy else _EVEN)]
