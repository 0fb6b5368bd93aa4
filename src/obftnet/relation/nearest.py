"""The cues with a gradient for features that are being taught, at little more than their plain cost.

The largest similarities a, b and n depend on one guidance position a query position. Which one is found
without a gradient; the similarity to it is then taken again with one. The other cues are given as values:
their gradient would run through every pair of positions, at many times the cost.
"""

import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import cosine, positions
from obftnet.relation.own import own_similarity
from obftnet.relation.statistics import row_statistics


def nearest_cue_maps(query: Tensor, guidance: GuidanceFeatures, tap: int, config: ModelConfig) -> Tensor:
    """`relation.cue_maps.cue_maps`, value for value, for b = 1; a, b and n pass a gradient on.

    Args:
        query: (1, c, hq, wq) unit features.
        guidance: k supports and j backgrounds of one episode.
        tap: which layer.
        config: cues, epsilon, iterations, relu.

    Returns:
        (1, len(config.cues), hq, wq) float32.
    """
    rows = query.flatten(2).mT
    supports, backgrounds = positions(guidance.supports[tap]), positions(guidance.backgrounds[tap])
    defect, usable = guidance.defect[tap].flatten(1), guidance.usable[tap].flatten(1)
    with torch.no_grad():
        to_support, to_background = cosine(rows, supports), cosine(rows, backgrounds)
        cues = row_statistics(
            to_support,
            defect,
            to_background,
            usable,
            cues=config.cues.replace("u", ""),
            epsilon=config.epsilon,
            iterations=config.iterations,
            clamp=config.relu == "before",
        )
    sets = {
        "a": (to_support, defect, supports),
        "b": (to_background, usable, backgrounds),
        "n": (to_support, ~defect, supports),
    }
    if bool(defect.all()):
        sets["n"] = sets["b"]
    maps: list[Tensor] = []
    values = iter(cues.unbind(1))
    for cue in config.cues:
        if cue == "u":
            with torch.no_grad():
                twin = own_similarity(query)[1][0]
            maps.append((rows[0] * rows[0, twin]).sum(-1).unsqueeze(0))
            continue
        value = next(values)
        similarity, columns, features = sets.get(cue, (None, None, None))
        if similarity is not None and columns is not None and features is not None and bool(columns.any()):
            # -2 lies below every cosine.
            nearest = similarity[0].masked_fill(~columns, -2).max(-1).indices
            value = (rows[0] * features[0, nearest]).sum(-1).unsqueeze(0)
        maps.append(value)
    return torch.stack(maps, 1).reshape(1, len(config.cues), *query.shape[-2:])
