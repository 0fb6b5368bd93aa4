"""One layer's guidance as the columns of one matrix, sorted by what they are: what a query scans."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from obftnet.guidance.coreset import content_order, coreset

#: What a column may be, in the order in which a matrix holds them: a position of the supports' defects, of
#: the rest of the supports, of good material, of the supports' defects in other views (`guidance.views`).
KINDS = ("defect", "rest", "good", "views")
DEFECT, REST, GOOD, VIEWS = range(len(KINDS))


@dataclass(frozen=True)
class Columns:
    """Guidance positions of one layer. Sorted once, so that "the largest similarity to the defect" is a
    maximum over a slice for every query.

    matrix: (c, N) float32, contiguous unit features, N >= 1.
    counts: how many of each of `KINDS`.
    weight: (N,) float32, how many positions a column stands for.
    place: (N,) int64, the position that a column is: its cell among those of all supports (defect, rest) or
        of all backgrounds (good), image by image and row by row; -1 of a view, which is no place.
    defects: of each kind of defect, in the order in which `matrix` holds them, how many defect and how many
        view columns are its own; all of them where there is one kind, which need not be said.
    """

    matrix: Tensor
    counts: tuple[int, int, int, int]
    weight: Tensor
    place: Tensor
    defects: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not self.defects:
            object.__setattr__(self, "defects", ((self.counts[DEFECT], self.counts[VIEWS]),))

    def slices(self, defect: int = 0) -> tuple[slice, slice, slice, slice]:
        """Where each of `KINDS` lies, as one of the kinds of defect has it."""
        found = self.segments()
        count = len(self.defects)
        return found[defect], found[count], found[count + 1], found[count + 2 + defect]

    def segments(self) -> list[slice]:
        """Where everything lies, in order: each kind's defect, the rest, the good, each kind's views."""
        sizes = [own for own, _ in self.defects]
        sizes += [self.counts[REST], self.counts[GOOD], *(views for _, views in self.defects)]
        return [slice(*ends) for ends in pairwise(accumulate(sizes, initial=0))]

    def of(self, defect: int) -> "Columns":
        """The columns as one of the kinds of defect has them, without those of the others."""
        if len(self.defects) == 1:
            return self
        chosen = self.slices(defect)
        matrix = torch.cat([self.matrix[:, part] for part in chosen], 1).contiguous()
        own, views = self.defects[defect]
        counts = (own, self.counts[REST], self.counts[GOOD], views)
        weight, place = (torch.cat([x[part] for part in chosen]) for x in (self.weight, self.place))
        return Columns(matrix, counts, weight, place)

    @property
    def plain(self) -> slice:
        """All but the views."""
        return slice(0, sum(self.counts[:VIEWS]))


def sorted_columns(
    support: Tensor,
    defect: Tensor,
    background: Tensor,
    usable: Tensor,
    most: int = 0,
    views: Sequence[Tensor] = (),
    *,
    ignored: Tensor | None = None,
    kinds: Sequence[int] = (),
) -> Columns:
    """Sort the positions of one layer.

    A support of 1 x 2 positions, the first of them defect, and a background of the same size:

    >>> support = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    >>> background = torch.tensor([[0.6, 0.0], [0.8, 1.0]]).reshape(1, 2, 1, 2)
    >>> defect = torch.tensor([[[True, False]]])
    >>> columns = sorted_columns(support, defect, background, torch.ones(1, 1, 2, dtype=torch.bool))
    >>> dict(zip(KINDS, columns.counts))
    {'defect': 1, 'rest': 1, 'good': 2, 'views': 0}
    >>> columns.matrix
    tensor([[1.0000, 0.0000, 0.6000, 0.0000],
            [0.0000, 1.0000, 0.8000, 1.0000]])

    Args:
        support: (k, c, h, w) unit features.
        defect: (k, h, w) bool.
        background: (j, c, h', w') unit features.
        usable: (j, h', w') bool; unusable positions are left out.
        most: keep a coreset of as many of the rest, of as many of the good positions, and as many of the
            views' of each kind of defect; 0 keeps all. The defect's positions are few, and all kept.
        views: (c, t) unit features of each support's defect in other views; () for none.
        ignored: (k, h, w) bool, the supports' positions that are not the rest, either; None for none.
        kinds: of each support the kind of its defect, 0 up; () where there is one.
    """
    kinds = list(kinds) or [0] * len(support)
    ordered = range(max(kinds) + 1)
    of_kind = torch.tensor(kinds, device=defect.device)[:, None, None]
    marked = [(defect & (of_kind == kind)).flatten().nonzero()[:, 0] for kind in ordered]
    rest = ~defect if ignored is None else ~(defect | ignored)
    of_support = support.transpose(0, 1).flatten(1)
    of_background = background.transpose(0, 1).flatten(1)
    places = [torch.cat(marked), rest.flatten().nonzero()[:, 0], usable.flatten().nonzero()[:, 0]]
    parts = [of_support[:, places[DEFECT]], of_support[:, places[REST]], of_background[:, places[GOOD]]]
    weights = [torch.ones_like(part[0]) for part in parts]
    if most:
        for kind in (REST, GOOD):
            if parts[kind].shape[1] > most:
                chosen, weights[kind] = coreset(parts[kind], most)
                parts[kind], places[kind] = parts[kind][:, chosen], places[kind][chosen]
    seen = []
    for kind in ordered:
        own = [view for view, one in zip(views, kinds, strict=bool(views)) if one == kind]
        turned = torch.cat(own, 1) if own else of_support[:, :0]
        # Features that are alike lie side by side in this order, whatever the supports' own: every so many
        # stands for its neighbours, without a coreset's search.
        kept = every(turned[:, content_order(turned)], most) if 0 < most < turned.shape[1] else turned
        parts.append(kept)
        weights.append(torch.full_like(kept[0], turned.shape[1] / max(1, kept.shape[1])))
        places.append(torch.full_like(kept[0], -1, dtype=torch.int64))
        seen.append(kept.shape[1])
    counts = (parts[DEFECT].shape[1], parts[REST].shape[1], parts[GOOD].shape[1], sum(seen))
    defects = tuple((len(own), count) for own, count in zip(marked, seen, strict=True))
    return Columns(torch.cat(parts, 1).contiguous(), counts, torch.cat(weights), torch.cat(places), defects)


def every(columns: Tensor, most: int) -> Tensor:
    """(c, n) -> (c, at most `most`), evenly spaced."""
    count = columns.shape[1]
    return columns if count <= most else columns[:, torch.arange(most, device=columns.device) * count // most]
