"""How a query relates to its guidance: correlations, and what each reader is given of them.

A relation is one tensor a pyramid level, fine to coarse, whose axes 2 and 3 are the query's height and width:
`bilateral_tensor` makes (b * shots, l, hq, wq, hg, wg) for the 4D encoder, `cue_maps` makes (b, l, hq, wq).
Nothing in it has a parameter; the cues pass a gradient on to features that take one, and those of a frozen
backbone take none.
"""

import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.bilateral import bilateral_tensor
from obftnet.relation.correlation import unit_features
from obftnet.relation.cue_maps import cue_maps

Relation = tuple[Tensor, ...]


def relate(
    query: tuple[Tensor, ...], guidance: GuidanceFeatures, levels: tuple[int, ...], config: ModelConfig
) -> Relation:
    """The relation that `config.reader` reads.

    Args:
        query: features (b, c, hq, wq), one a tap, fine to coarse.
        guidance: features of the same taps.
        levels: taps a pyramid level, fine to coarse.
        config: which relation, and with which transport.
    """
    maker = cue_maps if config.reader == "cues" else bilateral_tensor
    maps = [maker(unit_features(q), guidance, tap, config) for tap, q in enumerate(query)]
    relation: list[Tensor] = []
    start = 0
    for count in levels:
        relation.append(torch.cat(maps[start : start + count], 1))
        start += count
    return tuple(relation)
