"""A picture of which only a region is of interest: the rest is painted out before a network sees it.

A network judges each place by the whole picture: by what is most like it elsewhere, by sums over all places.
So that what lies outside of a region changes nothing inside, not by a bit, it is not there.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from obftnet.imaging.picture import Picture


def painted_out(picture: Picture, interest: NDArray[np.bool_] | None) -> Picture:
    """The picture in one colour outside of a region: the mean of what is inside, in its own light.

    >>> picture = Picture(np.array([[10, 20, 200]], np.uint8), 255, "part")
    >>> painted_out(picture, np.array([[True, True, False]])).samples.tolist()
    [[10, 20, 15]]

    Args:
        picture: of any size and samples.
        interest: (h, w) bool, of its size, True somewhere; None for everywhere.
    """
    if interest is None or interest.all():
        return picture
    samples = picture.samples.copy()
    inside = interest if samples.ndim == 2 else interest[:, :, None]
    colour = samples.mean((0, 1), dtype=np.float64, where=inside)
    if samples.dtype.kind != "f":
        colour = colour.round()
    np.copyto(samples, colour.astype(samples.dtype), where=~inside)
    return replace(picture, samples=samples, alpha=None)
