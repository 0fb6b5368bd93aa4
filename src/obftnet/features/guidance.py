"""Guidance as features: what `prepare` makes once and every query is then related to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.features.columns import Columns, sorted_columns
from obftnet.relation.correlation import MaskResize, cells_with_defect, unit_features

#: The defect of every item's supports in other views (`features.turned`): b items of (c, t) a tap.
Turned = Sequence[Sequence[Tensor]]


@dataclass(frozen=True)
class GuidanceFeatures:
    """Unit features of the supports and backgrounds of b episodes, one entry a tap, fine to coarse.

    supports: (b, k, c, h, w) float32, length 1 over c.
    defect: (b, k, h, w) bool, the supports' cells that hold defect (equation 1).
    backgrounds: (b, j, c, h, w) float32, length 1 over c.
    usable: (b, j, h, w) bool, the backgrounds' cells that are defect-free.
    columns: the same features sorted by what they are, b records a tap, for a reader of row statistics; None
        where none was asked for. With a coreset, no longer all of them.
    """

    supports: tuple[Tensor, ...]
    defect: tuple[Tensor, ...]
    backgrounds: tuple[Tensor, ...]
    usable: tuple[Tensor, ...]
    columns: tuple[tuple[Columns, ...], ...] | None = None

    @property
    def shots(self) -> int:
        """Supports an episode."""
        return int(self.supports[0].shape[1])

    @cached_property
    def each_shot(self) -> tuple["GuidanceFeatures", ...]:
        """The passes of the vote: each support alone with a background, made once for all queries."""
        return tuple(self._shot(index) for index in range(self.shots))

    def _shot(self, index: int) -> "GuidanceFeatures":
        """One support with its background (index modulo the number of backgrounds)."""
        back = index % int(self.backgrounds[0].shape[1])
        alone = GuidanceFeatures(
            tuple(x[:, index : index + 1] for x in self.supports),
            tuple(x[:, index : index + 1] for x in self.defect),
            tuple(x[:, back : back + 1] for x in self.backgrounds),
            tuple(x[:, back : back + 1] for x in self.usable),
        )
        return alone if self.columns is None else alone.with_columns()

    def with_columns(self, most: int = 0, turned: Turned | None = None) -> "GuidanceFeatures":
        """The same with `columns`; `most` as in `sorted_columns`."""
        layers = zip(self.supports, self.defect, self.backgrounds, self.usable, strict=True)
        columns = []
        for tap, layer in enumerate(layers):
            items = enumerate(zip(*layer, strict=True))
            columns.append(
                tuple(
                    sorted_columns(*maps, most, None if turned is None else turned[item][tap])
                    for item, maps in items
                )
            )
        return replace(self, columns=tuple(columns))


def prepare_guidance(
    supports: Sequence[Tensor],
    fraction: Tensor,
    backgrounds: Sequence[Tensor],
    usable: Tensor | None = None,
    mask_resize: MaskResize = "any",
    *,
    columns: bool = False,
    coreset: int = 0,
    turned: Turned | None = None,
) -> GuidanceFeatures:
    """Guidance as every query will meet it.

    Args:
        supports: (b, k, c, h, w) features a tap.
        fraction: (b, k, H, W) the defect's share of each cell of the network's input, 0..1.
        backgrounds: (b, j, c, h, w) features a tap.
        usable: (b, j, H, W) share of each input cell that is free of defect, 0..1; None where all is.
        mask_resize: how a mask comes to a map's size.
        columns: sort the positions too, for a reader of row statistics.
        coreset: with `columns`, keep at most as many of the rest's, of the good and of the turned positions,
            the first two by a coreset; 0 keeps all.
        turned: with `columns`, the defect in other views.
    """
    clean = tuple(
        torch.ones_like(x[:, :, 0], dtype=torch.bool) if usable is None else _usable_cells(usable, _grid(x))
        for x in backgrounds
    )
    guidance = GuidanceFeatures(
        tuple(unit_features(x) for x in supports),
        tuple(cells_with_defect(fraction, _grid(x), mask_resize) for x in supports),
        tuple(unit_features(x) for x in backgrounds),
        clean,
    )
    return guidance.with_columns(coreset, turned) if columns else guidance


def _grid(maps: Tensor) -> tuple[int, int]:
    return (maps.shape[-2], maps.shape[-1])


def _usable_cells(usable: Tensor, size: tuple[int, int]) -> Tensor:
    """A background cell with any defect in it is no background; if that leaves none, the cleanest stay."""
    defect = cells_with_defect(1 - usable, size)
    full = defect.flatten(1).all(-1)
    share = F.adaptive_avg_pool2d(usable, size)
    cleanest = share >= share.amax((1, 2, 3), keepdim=True)
    return torch.where(full[:, None, None, None], cleanest, ~defect)
