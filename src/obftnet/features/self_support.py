"""A query's own confident positions as guidance: its defect and its sound material in its own light.

The self-support of Fan et al., "Self-Support Few-Shot Semantic Segmentation" (ECCV 2022), of positions where
they have prototypes: a first look at a query finds the part of a defect that resembles the support's, and the
rest of that defect resembles this part more than it does the support's.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.features.columns import Columns
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import unit_features

#: A cell's mean score from which on it is an example of the defect.
_DEFECT = 0.9
#: A cell is an example of sound material where no pixel of it, and of its eight neighbours, scores as much:
#: a neighbour's features show some of a defect, too.
_SOUND = 0.02


def self_supported(guidance: GuidanceFeatures, query: Sequence[Tensor], score: Tensor) -> GuidanceFeatures:
    """The guidance of b queries, and their own confident positions.

    Args:
        guidance: prepared with columns.
        query: features (b, c, h, w), one a tap.
        score: (b, H, W) in 0..1, of a first look at the queries.

    Raises:
        ValueError: guidance without columns.
    """
    if guidance.columns is None:
        raise ValueError("self-support needs guidance prepared with columns")
    taps = []
    for maps, columns in zip(query, guidance.columns, strict=True):
        size = (maps.shape[-2], maps.shape[-1])
        defect = F.adaptive_avg_pool2d(score, size) > _DEFECT
        sound = F.max_pool2d(F.adaptive_max_pool2d(score, size), 3, stride=1, padding=1) < _SOUND
        items = zip(columns, unit_features(maps), defect, sound, strict=True)
        taps.append(tuple(_joined(*item) for item in items))
    return replace(guidance, columns=tuple(taps))


def _joined(columns: Columns, unit: Tensor, defect: Tensor, sound: Tensor) -> Columns:
    """Columns, and positions of (c, h, w) unit features as more of the defect's and of the good ones."""
    found, clean = unit[:, defect], unit[:, sound]
    first, weight = columns.defect, columns.weight
    if weight is not None:
        alone = [weight.new_ones(count.shape[1]) for count in (found, clean)]
        weight = torch.cat([weight[:first], alone[0], weight[first:], alone[1]])
    return replace(
        columns,
        matrix=torch.cat([columns.matrix[:, :first], found, columns.matrix[:, first:], clean], 1),
        defect=first + found.shape[1],
        good=columns.good + clean.shape[1],
        weight=weight,
    )
