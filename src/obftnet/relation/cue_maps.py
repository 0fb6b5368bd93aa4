"""Row statistics of one layer's correspondence, as maps of the query (the `cues` relation)."""

import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import cosine, positions
from obftnet.relation.own import own_similarity
from obftnet.relation.statistics import row_statistics


def cue_maps(query: Tensor, guidance: GuidanceFeatures, tap: int, config: ModelConfig) -> Tensor:
    """The chosen cues of one layer; all supports and backgrounds are columns of one correspondence.

    Args:
        query: (b, c, hq, wq) unit features.
        guidance: k supports and j backgrounds.
        tap: which layer.
        config: cues, epsilon, iterations, relu.

    Returns:
        (b, len(config.cues), hq, wq) float32.
    """
    rows = query.flatten(2).mT
    of_guidance = config.cues.replace("u", "")
    statistics = row_statistics(
        cosine(rows, positions(guidance.supports[tap])),
        guidance.defect[tap].flatten(1),
        cosine(rows, positions(guidance.backgrounds[tap])),
        guidance.usable[tap].flatten(1),
        cues=of_guidance,
        epsilon=config.epsilon,
        iterations=config.iterations,
        clamp=config.relu == "before",
    )
    if "u" in config.cues:
        at = config.cues.index("u")
        own = own_similarity(query)[0].unsqueeze(1)
        statistics = torch.cat([statistics[:, :at], own, statistics[:, at:]], 1)
    return statistics.reshape(*statistics.shape[:-1], *query.shape[-2:])
