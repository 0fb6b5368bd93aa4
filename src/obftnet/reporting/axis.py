"""Where a score stands on an axis: evenly, or with room at the ends where scores or a decision need it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import Decision

#: A level as near to 0 or 1 has no room on an even axis.
_NEAR = 0.05
#: Nor have scores as near, where so large a share is.
_CLOSE, _MOST = 0.02, 0.9
#: Ends of the axis with room there, as log odds: those of a millionth and of 1 less that.
_ODDS = float(np.log(999_999))
_EVEN = tuple(number / 10 for number in range(0, 11, 2))
_ROOMY = (0.0001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999)


@dataclass(frozen=True)
class Axis:
    """An axis of scores. roomy: by log odds, as far from 0.9 to 0.99 as from there to 0.999."""

    roomy: bool

    @classmethod
    def of(cls, decision: Decision, scores: Sequence[float] = ()) -> "Axis":
        """The axis on which a decision's levels and scores can be told from the ends."""
        levels = np.array([*(decision.review or ()), decision.threshold])
        ends = np.minimum(levels, 1 - levels)
        near = bool(((ends > 0) & (ends < _NEAR)).any())
        given = np.asarray(scores, np.float64)
        close = np.minimum(given, 1 - given) < _CLOSE
        return cls(near or (close.size > 0 and float(close.mean()) > _MOST))

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
