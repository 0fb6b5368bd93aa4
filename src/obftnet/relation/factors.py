"""Bilateral tensors in their factors, for who reads them a block of rows at a time (equation 4).

At 400 x 400 the finest level's tensor is 200 MB, and the first 4D convolution reads it once, with a stride.
So the plans stay kernels with their scalings, a masked support is compared at its defect's columns alone, and
rows are multiplied out where they are read. The values are those of `relation.bilateral`; no gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures
from obftnet.relation.correlation import positions, unit_features
from obftnet.transport import sinkhorn_scaling


@dataclass(frozen=True)
class FactoredMap:
    """One (M, N) map: row * kernel * column at the positions of `index`, and `rest` everywhere else.

    kernel: (M, D). row: (M, 1). column: (D,).
    index: (D,) int64, or None where the kernel holds all N positions in their order.
    rest: (M, 1); not read without an index.
    """

    kernel: Tensor
    row: Tensor
    column: Tensor
    index: Tensor | None
    rest: Tensor

    def write_rows(self, start: int, out: Tensor) -> None:
        """Multiply out the rows from `start` on into `out`, (rows, N)."""
        chosen = slice(start, start + out.shape[0])
        if self.index is None:
            torch.mul(self.kernel[chosen], self.column, out=out)
            out.mul_(self.row[chosen])
        else:
            out.copy_(self.rest[chosen].expand_as(out))
            out[:, self.index] = self.kernel[chosen] * self.column * self.row[chosen]


@dataclass(frozen=True)
class FactoredLevel:
    """A level's bilateral tensors. maps: l an item; `shape` is that of the tensor they stand for."""

    maps: tuple[tuple[FactoredMap, ...], ...]
    query_grid: tuple[int, int]
    guidance_grid: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int, int, int, int]:
        """(b * shots, l, hq, wq, hg, wg)."""
        return (len(self.maps), len(self.maps[0]), *self.query_grid, *self.guidance_grid)

    def rows(self, item: int, start: int, stop: int) -> Tensor:
        """Some query positions, with all of the guidance: (rows, l, hg, wg)."""
        maps = self.maps[item]
        out = maps[0].kernel.new_empty(stop - start, len(maps), *self.guidance_grid)
        for channel, factored in enumerate(maps):
            factored.write_rows(start, out[:, channel].flatten(1))
        return out

    def dense(self) -> Tensor:
        """The tensor itself."""
        rows = self.query_grid[0] * self.query_grid[1]
        items = [self.rows(item, 0, rows).transpose(0, 1) for item in range(len(self.maps))]
        return torch.stack(items).reshape(self.shape)


@torch.no_grad()
def factored_relation(
    query: Sequence[Tensor], guidance: GuidanceFeatures, levels: tuple[int, ...], config: ModelConfig
) -> tuple[FactoredLevel, ...]:
    """What `relate` gives for the 4D encoder, in factors. Arguments as there."""
    relation = []
    start = 0
    for count in levels:
        taps = range(start, start + count)
        layers = [_layer(unit_features(query[tap]), guidance, tap, config) for tap in taps]
        maps = tuple(tuple(m for found in item for m in found) for item in zip(*layers, strict=True))
        grid, guided = query[start].shape[-2:], guidance.supports[start].shape[-2:]
        relation.append(FactoredLevel(maps, (grid[0], grid[1]), (guided[0], guided[1])))
        start += count
    return tuple(relation)


def _layer(
    query: Tensor, guidance: GuidanceFeatures, tap: int, config: ModelConfig
) -> list[tuple[FactoredMap, ...]]:
    """The maps of one layer for each of b * k items: foreground, and background where there is one."""
    supports, defect = positions(guidance.supports[tap]), guidance.defect[tap].flatten(1)
    backgrounds, usable = positions(guidance.backgrounds[tap]), guidance.usable[tap].flatten(1)
    shots, others = guidance.supports[tap].shape[1], guidance.backgrounds[tap].shape[1]
    items: list[tuple[FactoredMap, ...]] = []
    for item, maps in enumerate(query):
        rows = maps.flatten(1).mT
        foreground = _split(_foreground(rows, supports[item], defect[item], config), shots)
        background = foreground
        if config.background:
            background = _split(_background(rows, backgrounds[item], usable[item], config), others)
        for shot in range(shots):
            both = (foreground[shot], background[shot % others])
            items.append(both if config.background else both[:1])
    return items


def _foreground(
    rows: Tensor, support: Tensor, defect: Tensor, config: ModelConfig
) -> tuple[FactoredMap, int]:
    """(M, c), (N, c), (N,) -> the foreground map and N: only the defect's columns are ever compared."""
    index = defect.nonzero().squeeze(-1)
    similarity = rows @ support[index].mT
    if config.relu == "before" or config.transport == "none":
        similarity = similarity.clamp_(min=0)
    unit = torch.ones_like(rows[:, :1])
    count = len(defect)
    if config.transport == "none":
        return FactoredMap(similarity, unit, torch.ones_like(similarity[0]), index, unit * 0), count
    others = count - len(index)
    keep = config.zeroed_columns == "keep"
    # The zeroed columns are one column of similarity 0 (`transport.masked`).
    similarity = torch.cat([similarity, torch.zeros_like(unit)], 1)
    multiplicity = torch.ones_like(similarity[0])
    multiplicity[-1] = others if keep else 0
    kernel, m, n = sinkhorn_scaling(similarity, config.epsilon, config.iterations, multiplicity=multiplicity)
    m = _scaled(m, config)
    return FactoredMap(kernel[:, :-1], m, n[:-1, 0], index, kernel[:, -1:] * m * n[-1]), count


def _background(
    rows: Tensor, background: Tensor, usable: Tensor, config: ModelConfig
) -> tuple[FactoredMap, int]:
    """(M, c), (L, c), (L,) -> the background map and L; unusable positions get nothing."""
    similarity = rows @ background.mT
    transported = config.transport == "bilateral"
    if config.relu == "before" or not transported:
        similarity = similarity.clamp_(min=0)
    unit = torch.ones_like(rows[:, :1])
    good = usable.to(similarity.dtype)
    if not transported:
        return FactoredMap(similarity, unit, good, None, unit), len(usable)
    columns = None if bool(usable.all()) else good
    kernel, m, n = sinkhorn_scaling(similarity, config.epsilon, config.iterations, multiplicity=columns)
    return FactoredMap(kernel, _scaled(m, config), n[:, 0], None, unit), len(usable)


def _scaled(m: Tensor, config: ModelConfig) -> Tensor:
    return m * m.shape[0] if config.transport_scale == "positions" else m


def _split(joint: tuple[FactoredMap, int], images: int) -> list[FactoredMap]:
    """A map whose columns are the positions of several images -> one map an image."""
    found, count = joint
    each = count // images
    parts = []
    for image in range(images):
        start, stop = image * each, (image + 1) * each
        index = None
        if found.index is not None:
            # In ascending order, so each image's columns lie together.
            start, stop = torch.searchsorted(found.index, torch.tensor([start, stop])).tolist()
            index = found.index[start:stop] - image * each
        parts.append(
            replace(found, kernel=found.kernel[:, start:stop], column=found.column[start:stop], index=index)
        )
    return parts
