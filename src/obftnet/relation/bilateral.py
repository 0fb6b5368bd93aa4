"""The optimal bilateral correlation tensors (section III.C, equation 4), in their factors.

At 400 x 400 the finest level's tensor is 200 MB, and the first 4D convolution reads it once, with a stride.
So the plans stay kernels with their scalings, a masked support is compared at its defect's columns alone, and
rows are multiplied out where they are read. No gradient: features are frozen, the transport learns nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor

from obftnet.guidance.guidance import Guidance
from obftnet.transport import Algorithm1

#: What a plan is multiplied by, see `Bilateral`.
Scale = Literal["none", "positions", "log"]


@dataclass(frozen=True)
class FactoredMap:
    """One (M, N) map: row * kernel * column at the positions of `index`, and `rest` everywhere else; with
    `logarithm`, log(1 + x) of all that.

    kernel: (M, D). row: (M, 1). column: (D,).
    index: (D,) int64, or None where the kernel holds all N positions in their order.
    rest: (M, 1); not read without an index.
    """

    kernel: Tensor
    row: Tensor
    column: Tensor
    index: Tensor | None
    rest: Tensor
    logarithm: bool = False

    def write_rows(self, start: int, out: Tensor) -> None:
        """Multiply out the rows from `start` on into `out`, (rows, N)."""
        chosen = slice(start, start + out.shape[0])
        if self.index is None:
            torch.mul(self.kernel[chosen], self.column, out=out)
            out.mul_(self.row[chosen])
        else:
            out.copy_(self.rest[chosen].expand_as(out))
            out[:, self.index] = self.kernel[chosen] * self.column * self.row[chosen]
        if self.logarithm:
            out.log1p_()


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


@dataclass(frozen=True)
class Bilateral:
    """What the tensors are made of.

    transport: whose correlation is a transport plan: nobody's, the foreground's, or both.
    background: whether there is a background branch.
    scale: "positions" multiplies a plan by the number of query positions, so that its mean is 1 at every map
        size: unit marginals leave it at 1 / positions, which the first GroupNorm's epsilon swallows. "log"
        is log(1 + that), whose few large values no longer set the scale for all others. "none" is the
        literal form.
    cosine_channels: whether the cosines of what is transported follow the plans as channels of their own.
    cosine_temperature: of whatever cosines are read, 0 is the cosine itself, clamped at 0; T > 0 is
        exp((cosine - 1) / T), 0..1, the form of the kernel that Algorithm 1 starts from: where features have
        much in common, all cosines lie close below 1, and what tells positions apart is small beside the
        zeros of a masked support. The smaller T, the more a mean over positions is that of the most alike.
    """

    algorithm: Algorithm1
    transport: Literal["none", "foreground", "bilateral"] = "bilateral"
    background: bool = True
    scale: Scale = "positions"
    cosine_channels: bool = False
    cosine_temperature: float = 0

    @property
    def channels(self) -> int:
        """Channels of one tap: foreground, then background where there is one; then, asked for, the cosines
        of those of them that are plans."""
        return (1 + self.background) + self.cosine_channels * (1 + self._background_plan)

    @property
    def _background_plan(self) -> bool:
        return self.background and self.transport == "bilateral"

    @torch.no_grad()
    def levels(
        self, query: tuple[Tensor, ...], guidance: Guidance, levels: Sequence[int]
    ) -> tuple[FactoredLevel, ...]:
        """The tensors of every level, those of its taps side by side over channels.

        With several shots their positions are columns of one transport; each shot's slice of the plan is then
        a map of its own, paired with the background of its index modulo the number of backgrounds.

        Args:
            query: (b, c, hq, wq) unit features, one a tap.
            guidance: k supports and j backgrounds.
            levels: taps a level, fine to coarse.
        """
        ends = list(accumulate(levels, initial=0))
        return tuple(self._level(query, guidance, range(*ends[i : i + 2])) for i in range(len(levels)))

    def _level(self, query: tuple[Tensor, ...], guidance: Guidance, taps: range) -> FactoredLevel:
        first, support = query[taps[0]], guidance.supports[taps[0]]
        items: list[tuple[FactoredMap, ...]] = []
        for item in range(len(first)):
            of_taps = [self._tap(query[tap][item], guidance, tap) for tap in taps]
            items += [tuple(m for shot in shots for m in shot) for shots in zip(*of_taps, strict=True)]
        grids = [(maps.shape[-2], maps.shape[-1]) for maps in (first, support)]
        return FactoredLevel(tuple(items), grids[0], grids[1])

    def _tap(self, query: Tensor, guidance: Guidance, tap: int) -> list[tuple[FactoredMap, ...]]:
        """(c, hq, wq) -> the maps of one tap for each of k shots."""
        rows = query.flatten(1).mT
        supports, backgrounds = guidance.supports[tap], guidance.backgrounds[tap]
        shots, others = len(supports), len(backgrounds)
        index = guidance.defect[tap].flatten().nonzero()[:, 0]
        defect = supports.transpose(0, 1).flatten(1)[:, index]
        good, usable = backgrounds.transpose(0, 1).flatten(1), guidance.usable[tap].flatten()
        # Each of one map of all shots, and one of all backgrounds.
        maps_of = partial(self._pair, rows, defect, index, good, usable, supports[:, 0].numel())
        pairs = [(*maps_of(self.transport), self.background)]
        if self.cosine_channels:
            pairs.append((*maps_of("none"), self._background_plan))
        maps: list[tuple[FactoredMap, ...]] = [() for _ in range(shots)]
        for foreground, background, both_ways in pairs:
            alone = _split(foreground, supports[:, 0].numel(), shots)
            behind = _split(background, backgrounds[:, 0].numel(), others) if both_ways else []
            for shot in range(shots):
                both = (alone[shot], behind[shot % others]) if behind else (alone[shot],)
                maps[shot] += both
        return maps

    def _pair(
        self,
        rows: Tensor,
        defect: Tensor,
        index: Tensor,
        good: Tensor,
        usable: Tensor,
        count: int,
        transport: Literal["none", "foreground", "bilateral"],
    ) -> tuple[FactoredMap, FactoredMap]:
        """The foreground map of `count` positions and the background map, by a transport or as cosines."""
        one = torch.ones_like(rows[:, :1])
        clean = usable.to(rows.dtype)
        if transport == "none":
            foreground = FactoredMap(
                self._cosines(rows, defect), one, torch.ones_like(defect[0]), index, one * 0
            )
        else:
            kernel, m, n = self.algorithm.foreground(rows, defect, count - len(index))
            m = self._scaled(m)
            rest = kernel[:, -1:] * m * n[-1]
            foreground = FactoredMap(kernel[:, :-1], m, n[:-1, 0], index, rest, self._logarithm)
        if not self.background:
            return foreground, foreground
        if transport != "bilateral":
            return foreground, FactoredMap(self._cosines(rows, good), one, clean, None, one)
        weight = None if bool(usable.all()) else clean
        kernel, m, n = self.algorithm.background(rows, good, weight)
        return foreground, FactoredMap(kernel, self._scaled(m), n[:, 0], None, one, self._logarithm)

    def _cosines(self, rows: Tensor, columns: Tensor) -> Tensor:
        """(M, c) and (c, N) unit features -> what is read of their (M, N) cosines."""
        cosines = rows @ columns
        if not self.cosine_temperature:
            return cosines.clamp_(min=0)
        # Rounding may leave a cosine just above 1.
        return cosines.clamp_(max=1).sub_(1).div_(self.cosine_temperature).exp_()

    @property
    def _logarithm(self) -> bool:
        return self.scale == "log"

    def _scaled(self, m: Tensor) -> Tensor:
        return m if self.scale == "none" else m * m.shape[0]


def _split(found: FactoredMap, count: int, images: int) -> list[FactoredMap]:
    """A map whose `count` columns are the positions of several images -> one map an image."""
    each = count // images
    parts = []
    for image in range(images):
        start, stop = image * each, (image + 1) * each
        index = None
        if found.index is not None:
            # In ascending order, so each image's columns lie together.
            bounds = torch.tensor([start, stop], device=found.index.device)
            start, stop = torch.searchsorted(found.index, bounds).tolist()
            index = found.index[start:stop] - image * each
        parts.append(
            replace(found, kernel=found.kernel[:, start:stop], column=found.column[start:stop], index=index)
        )
    return parts
