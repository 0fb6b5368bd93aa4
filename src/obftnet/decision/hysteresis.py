"""Hysteresis: what is certain, drawn out to the whole of the regions that hold it (Canny 1986)."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from obftnet.regions.geometry import TOUCHING


def drawn_out(certain: NDArray[np.bool_], possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The regions of what is possible that hold something certain.

    Args:
        certain: (h, w), a part of what is possible.
        possible: (h, w).

    Returns:
        (h, w).
    """
    labels, count = ndimage.label(possible, TOUCHING)
    kept = np.zeros(count + 1, np.bool_)
    kept[labels[certain]] = True
    kept[0] = False
    found: NDArray[np.bool_] = kept[labels]
    return found
