"""The least region that is a defect, proposed by the annotated ones; good images have no part in it.

That keeps them for the threshold: what they had chosen could not be reported on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError
from obftnet.kinds import DEFAULT_KIND
from obftnet.regions import find_regions

#: Of the smallest annotated defect: others are smaller than the examples, and score maps leaner than masks.
_SHARE = 0.25


@dataclass(frozen=True)
class LeastRegion:
    """area: pixels of the least region. smallest: pixels of the annotated defect that it is a quarter of."""

    area: float
    smallest: int


def propose_least_region(masks: Sequence[NDArray[np.bool_]]) -> LeastRegion:
    """A quarter of the smallest defect, where an image's defect is its largest region.

    Args:
        masks: (h, w) bool of the supports, at the images' own sizes.

    Raises:
        InputError: no mask, or an empty one.
    """
    largest = []
    for mask in masks:
        regions = find_regions(mask, mask.astype(np.float32), DEFAULT_KIND)
        if not regions:
            raise InputError("an empty mask of a support: no defect to take a size from")
        largest.append(max(region.area for region in regions))
    if not largest:
        raise InputError("no support to take a size from")
    return LeastRegion(max(1.0, float(round(_SHARE * min(largest)))), min(largest))


def where_it_fails(proposal: LeastRegion, areas: Sequence[int], threshold: float) -> str:
    """A sentence where regions of good images are as large as the defects; "" where one in ten is, or fewer.

    Args:
        proposal: the least region.
        areas: pixels of the largest region above the threshold of each good image; 0 for none.
        threshold: by which they were marked.
    """
    large = sum(area >= proposal.smallest for area in areas)
    if large <= 0.1 * len(areas):
        return ""
    return (
        f"{large} of {len(areas)} good images show regions of {proposal.smallest} pixels or more above "
        f"{threshold:g}, as large as the smallest annotated defect: no least region tells them apart; add "
        "such good images to the guidance, or annotate larger or more typical defects"
    )
