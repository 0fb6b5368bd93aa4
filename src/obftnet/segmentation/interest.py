"""The region of interest that a job went by, in the folder of its results."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError
from obftnet.imaging.read import image_size, read_mask
from obftnet.imaging.write import write_png
from obftnet.packs.mask_hash import mask_hash
from obftnet.segmentation.record import Settled

#: PNG of 0 and 255, 255 where defects are looked for; there only where a pack has a region of interest.
INTEREST = "interest.png"


def keep_interest(out: Path, interest: NDArray[np.bool_] | None) -> None:
    """Write a region of interest (h, w) beside the results. Raises InputError where it cannot be written."""
    if interest is not None:
        write_png(out / INTEREST, interest)


def kept_interest(out: Path, settled: Settled) -> NDArray[np.bool_] | None:
    """The region of interest that results were decided by, (h, w) bool; None where there was none.

    Raises:
        InputError: its picture is not as it was written.
    """
    if settled.interest is None:
        return None
    path = out / INTEREST
    interest = read_mask(path, like=image_size(path), allow_empty=True)
    if mask_hash(interest) != settled.interest:
        raise InputError(f"{path}: not the region of interest of these results; segment the images again")
    return interest
