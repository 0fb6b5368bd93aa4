"""Hysteresis: what is certain, drawn out to the whole of the regions that hold it (Canny 1986)."""

import numpy as np
from numpy.typing import NDArray

from obftnet.regions.labelling import label


def drawn_out(certain: NDArray[np.bool_], possible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The regions of what is possible that hold something certain.

    Args:
        certain: (h, w), a part of what is possible.
        possible: (h, w).

    Returns:
        (h, w).
    """
    regions = label(possible)
    # Each run of what is certain lies within one of what is possible, the last that begins no later.
    holding = np.searchsorted(regions.starts, label(certain).starts, side="right") - 1
    keep = np.zeros(regions.count, np.bool_)
    keep[regions.region[holding]] = True
    return regions.marked(keep)
