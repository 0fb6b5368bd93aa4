"""What a query is to its guidance, as a reader takes it in."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from obftnet.relation.bilateral import FactoredLevel


class Relation(NamedTuple):
    """One tensor a pyramid level, fine to coarse, whose axes 2 and 3 are the query's height and width.

    levels: (b, l, hq, wq) cue maps, all shots in them; or (b * shots, l, hq, wq, hg, wg) bilateral tensors,
        which may still be in their factors.
    early: the queries' own early map (b, c, h, w) for a reader built for it, else None.
    shots: that are still apart in the levels; 1 of cue maps.
    change: where the queries differ from good material (`relation.change`), (b, c, h, w) a level, for a
        reader built for it, else ().
    """

    levels: tuple[Tensor | FactoredLevel, ...]
    early: Tensor | None = None
    shots: int = 1
    change: tuple[Tensor, ...] = ()

    def tensors(self) -> tuple[Tensor, ...]:
        """The levels, multiplied out where they are in factors, the change, and the early map where there
        is one."""
        levels = tuple(level.dense() if isinstance(level, FactoredLevel) else level for level in self.levels)
        return (*levels, *self.change) if self.early is None else (*levels, *self.change, self.early)


def relation_of(tensors: Sequence[Tensor], levels: int, shots: int = 1, changes: int = 0) -> Relation:
    """What `Relation.tensors` gave, of that many levels and maps of change, as a relation again."""
    end = levels + changes
    early = tensors[end] if len(tensors) > end else None
    return Relation(tuple(tensors[:levels]), early, shots, tuple(tensors[levels:end]))


def stacked(relations: Sequence[Sequence[Tensor]]) -> tuple[Tensor, ...]:
    """The tensors of several relations of equally many shots, one batch."""
    return tuple(torch.cat(parts) for parts in zip(*relations, strict=True))
