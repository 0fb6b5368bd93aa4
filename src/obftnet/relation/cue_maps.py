"""Row statistics of one layer's correspondence, as maps of the query (the `cues` relation)."""

import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.columns import Columns
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import cosine, positions
from obftnet.relation.statistics import row_statistics
from obftnet.relation.streaming import STREAMED, can_stream, stream_statistics


def cue_maps(query: Tensor, guidance: GuidanceFeatures, tap: int, config: ModelConfig) -> Tensor:
    """The chosen cues of one layer; all supports and backgrounds are columns of one correspondence.

    Where the guidance has its columns sorted and the query takes no gradient, the cues that can be had a
    block of rows at a time are; the values are the same (tested).

    Args:
        query: (b, c, hq, wq) unit features.
        guidance: k supports and j backgrounds.
        tap: which layer.
        config: cues, epsilon, iterations, relu.

    Returns:
        (b, len(config.cues), hq, wq) float32.
    """
    streams = guidance.columns is not None and can_stream(config.epsilon) and not _takes_gradient(query)
    fast = "".join(cue for cue in config.cues if streams and cue in STREAMED)
    slow = "".join(cue for cue in config.cues if cue not in fast)
    found: dict[str, Tensor] = {}
    if fast and guidance.columns is not None:
        found |= zip(fast, _streamed(query, guidance.columns[tap], fast, config.epsilon), strict=True)
    if slow:
        found |= zip(slow, _plain(query, guidance, tap, slow, config).unbind(1), strict=True)
    statistics = torch.stack([found[cue] for cue in config.cues], 1)
    return statistics.reshape(*statistics.shape[:2], *query.shape[-2:])


def _takes_gradient(query: Tensor) -> bool:
    # Sorted columns are made of guidance that takes none.
    return torch.is_grad_enabled() and query.requires_grad


def _streamed(query: Tensor, columns: tuple[Columns, ...], cues: str, epsilon: float) -> tuple[Tensor, ...]:
    """(b, M) a cue, item by item: items hold different numbers of each kind of column."""
    items = [
        stream_statistics(maps.flatten(1), chosen, cues, epsilon)
        for maps, chosen in zip(query, columns, strict=True)
    ]
    return torch.stack(items, 1).unbind(0)


def _plain(query: Tensor, guidance: GuidanceFeatures, tap: int, cues: str, config: ModelConfig) -> Tensor:
    """(b, len(cues), M) from the whole similarity matrices, with gradient."""
    rows = query.flatten(2).mT
    return row_statistics(
        cosine(rows, positions(guidance.supports[tap])),
        guidance.defect[tap].flatten(1),
        cosine(rows, positions(guidance.backgrounds[tap])),
        guidance.usable[tap].flatten(1),
        cues=cues,
        epsilon=config.epsilon,
        iterations=config.iterations,
        clamp=config.relu == "before",
    )
