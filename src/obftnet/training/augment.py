"""Augmentation after the relation: turning the query over turns its relation over."""

import numpy as np
from torch import Tensor


def flip(
    tensors: tuple[Tensor, ...], target: Tensor, rng: np.random.Generator
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Turn an episode's query over, left to right and top to bottom, each with probability one half.

    Axes 2 and 3 of the tensors are the query's height and width. target: (b, H, W).
    """
    vertical, horizontal = rng.random(2) < 0.5
    axes = [axis for axis, chosen in ((2, vertical), (3, horizontal)) if chosen]
    if not axes:
        return tensors, target
    return tuple(x.flip(axes) for x in tensors), target.flip([axis - 1 for axis in axes])
