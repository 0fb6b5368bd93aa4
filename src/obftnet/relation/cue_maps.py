"""Row statistics of one layer's correspondence, as maps of the query (the `cues` relation)."""

import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.columns import Columns
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import cosine, positions
from obftnet.relation.statistics import row_statistics
from obftnet.relation.streaming import can_stream, stream_statistics


def cue_maps(query: Tensor, guidance: GuidanceFeatures, tap: int, config: ModelConfig) -> Tensor:
    """The chosen cues of one layer; all supports and backgrounds are columns of one correspondence.

    Where the guidance has its columns sorted, the query takes no gradient and every cue can be had a block of
    rows at a time, that is done; the values are the same (tested).

    Args:
        query: (b, c, hq, wq) unit features.
        guidance: k supports and j backgrounds.
        tap: which layer.
        config: cues, epsilon, iterations, relu.

    Returns:
        (b, len(config.cues), hq, wq) float32.
    """
    if guidance.columns is not None and _can_stream(query, config):
        statistics = _streamed(query, guidance.columns[tap], config)
    else:
        statistics = _plain(query, guidance, tap, config)
    return statistics.reshape(*statistics.shape[:2], *query.shape[-2:])


def _can_stream(query: Tensor, config: ModelConfig) -> bool:
    # A balanced or an Algorithm 1 transport needs the whole matrix, and then the other cues are quickest had
    # from it too. Sorted columns are made of guidance that takes no gradient.
    takes_gradient = torch.is_grad_enabled() and query.requires_grad
    return not takes_gradient and can_stream(config.cues, config.epsilon)


def _streamed(query: Tensor, columns: tuple[Columns, ...], config: ModelConfig) -> Tensor:
    """(b, len(cues), M), item by item: items hold different numbers of each kind of column."""
    pairs = zip(query, columns, strict=True)
    return torch.stack(
        [stream_statistics(maps.flatten(1), chosen, config.cues, config.epsilon) for maps, chosen in pairs]
    )


def _plain(query: Tensor, guidance: GuidanceFeatures, tap: int, config: ModelConfig) -> Tensor:
    """(b, len(cues), M) from the whole similarity matrices, with gradient."""
    rows = query.flatten(2).mT
    return row_statistics(
        cosine(rows, positions(guidance.supports[tap])),
        guidance.defect[tap].flatten(1),
        cosine(rows, positions(guidance.backgrounds[tap])),
        guidance.usable[tap].flatten(1),
        cues=config.cues,
        epsilon=config.epsilon,
        iterations=config.iterations,
        clamp=config.relu == "before",
    )
