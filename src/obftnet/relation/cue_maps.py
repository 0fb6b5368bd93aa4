"""Row statistics of one layer's correspondence, as maps of the query (the `cues` relation)."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.columns import Columns
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import cosine, positions, unit_features
from obftnet.relation.nearest import NEAREST, largest_again, own_again
from obftnet.relation.own import own_similarity
from obftnet.relation.statistics import row_statistics
from obftnet.relation.streaming import STREAMED, can_stream, scan, stream_statistics


def cue_maps(query: Tensor, guidance: GuidanceFeatures, tap: int, config: ModelConfig) -> Tensor:
    """The chosen cues of one layer; all supports and backgrounds are columns of one correspondence.

    Where the query takes a gradient, the cues in `relation.nearest` pass it on.

    Args:
        query: (b, c, hq, wq) unit features.
        guidance: k supports and j backgrounds; prepared with columns, a, b, n and s need no M x N matrix,
            and t and m can be had.
        tap: which layer.
        config: cues, epsilon, iterations, relu.

    Returns:
        (b, len(config.cues), hq, wq) float32.
    """
    columns = None if guidance.columns is None else guidance.columns[tap]
    if columns is None and config.turned:
        raise ValueError(f"cues {config.cues!r} need guidance prepared with columns")
    taught = _takes_gradient(query)
    of_guidance = config.cues.replace("u", "")
    if taught and (columns is None or not can_stream("s", config.epsilon)):
        raise ValueError("a gradient needs guidance prepared with columns and an epsilon above 1 / 60")
    fast = ""
    if taught:
        fast = "".join(cue for cue in of_guidance if cue in STREAMED)
    elif columns is not None and can_stream(of_guidance, config.epsilon):
        # All or none: a transport among them needs the whole matrix, and the rest is quickest had from it.
        fast = of_guidance
    slow = "".join(cue for cue in of_guidance if cue not in fast)
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        if fast and columns is not None and not taught:
            found |= zip(fast, _streamed(query, columns, fast, config.epsilon), strict=True)
        if slow:
            found |= zip(slow, _plain(query, guidance, tap, slow, config).unbind(1), strict=True)
    if taught and columns is not None:
        values = "".join(cue for cue in fast if cue not in NEAREST)
        nearest = NEAREST if columns[0].turned is not None else NEAREST[:3]
        taken = _taught(query, columns, nearest, values, config.epsilon)
        found |= zip(nearest + values, taken, strict=True)
    if "u" in config.cues:
        found["u"] = own_again(query) if taught else _own(query, columns)
    statistics = torch.stack([found[cue] for cue in config.cues], 1)
    return statistics.reshape(*statistics.shape[:2], *query.shape[-2:])


def seen_by(query: Sequence[Tensor], guidance: GuidanceFeatures, config: ModelConfig) -> GuidanceFeatures:
    """Guidance for these very queries, whose similarities with it are taken here, once for all looks at them;
    as it is for queries that take a gradient, which passes through the columns themselves.

    Args:
        query: features (b, c, hq, wq), one a tap.
        guidance: prepared with columns.
        config: cues that can be streamed, epsilon.
    """
    assert guidance.columns is not None
    if _takes_gradient(query[0]):
        return guidance
    cues = config.cues.replace("u", "")
    taps = []
    for maps, columns in zip(query, guidance.columns, strict=True):
        unit = unit_features(maps)
        own = own_similarity(unit).amax(-1) if "u" in config.cues else [None] * len(unit)
        items = []
        for rows, one, of_itself in zip(unit.flatten(2), columns, own, strict=True):
            items.append(one.seen_by(replace(scan(rows, one, cues, config.epsilon), own=of_itself)))
        taps.append(tuple(items))
    return replace(guidance, columns=tuple(taps))


def _takes_gradient(query: Tensor) -> bool:
    return torch.is_grad_enabled() and query.requires_grad


def _own(query: Tensor, columns: tuple[Columns, ...] | None) -> Tensor:
    """Cue u, (b, M): taken here, or once before for all looks."""
    known = [one.seen.own for one in columns or () if one.seen is not None and one.seen.own is not None]
    return torch.stack(known) if len(known) == len(query) else own_similarity(query).amax(-1)


def _streamed(query: Tensor, columns: tuple[Columns, ...], cues: str, epsilon: float) -> tuple[Tensor, ...]:
    """(b, M) a cue, item by item: items hold different numbers of each kind of column."""
    items = [
        stream_statistics(maps.flatten(1), chosen, cues, epsilon)
        for maps, chosen in zip(query, columns, strict=True)
    ]
    return torch.stack(items, 1).unbind(0)


def _taught(
    query: Tensor, columns: tuple[Columns, ...], with_gradient: str, cues: str, epsilon: float
) -> tuple[Tensor, ...]:
    """(b, M) each: those of `NEAREST` with gradient, then other streamed cues without."""
    items = []
    for maps, chosen in zip(query, columns, strict=True):
        rows = maps.flatten(1)
        nearest = torch.empty(len(with_gradient), rows.shape[1], dtype=torch.int64, device=rows.device)
        others = stream_statistics(rows, chosen, cues, epsilon, nearest)
        items.append(torch.cat([largest_again(rows, chosen, nearest), others]))
    return torch.stack(items, 1).unbind(0)


def _plain(query: Tensor, guidance: GuidanceFeatures, tap: int, cues: str, config: ModelConfig) -> Tensor:
    """(b, len(cues), M) from the whole similarity matrices."""
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
