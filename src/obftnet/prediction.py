"""What is known of one image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """What is known of one image, at its own size.

    score: (h, w) float32 in 0..1.
    mask: (h, w) bool, score above the threshold.
    """

    score: NDArray[np.float32]
    mask: NDArray[np.bool_]
