"""What is known of one image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obftnet.kinds import DEFAULT_KIND


@dataclass(frozen=True)
class Prediction:
    """What is known of one image, at its own size.

    score: (h, w) float32 in 0..1, the largest of the kinds of defect.
    mask: (h, w) bool, score above the threshold.
    kinds: names of the kinds of defect that were looked for.
    best: (h, w) uint8, which of `kinds` has the score of a pixel; None where there is one kind.
    """

    score: NDArray[np.float32]
    mask: NDArray[np.bool_]
    kinds: tuple[str, ...] = (DEFAULT_KIND,)
    best: NDArray[np.uint8] | None = None

    @property
    def kind(self) -> NDArray[np.uint8]:
        """(h, w) the kind of what is marked, 1 for the first of `kinds`, and 0 where nothing is.

        >>> one = Prediction(np.array([[0.9, 0.1]], np.float32), np.array([[True, False]]))
        >>> one.kind.tolist()
        [[1, 0]]
        """
        found: NDArray[np.uint8] = self.mask.astype(np.uint8)
        return found if self.best is None else found * (self.best + np.uint8(1))
