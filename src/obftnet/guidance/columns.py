"""One layer's guidance as the columns of one matrix, sorted by what they are: what a query scans."""

from dataclasses import dataclass

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
    """

    matrix: Tensor
    counts: tuple[int, int, int, int]
    weight: Tensor
    place: Tensor

    def slices(self) -> tuple[slice, slice, slice, slice]:
        """Where each of `KINDS` lies."""
        first, second, third, last = self.counts
        ends = (first, first + second, first + second + third, first + second + third + last)
        return slice(0, ends[0]), slice(ends[0], ends[1]), slice(ends[1], ends[2]), slice(ends[2], ends[3])

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
    views: Tensor | None = None,
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
            views'; 0 keeps all. The defect's positions are few, and all kept.
        views: (c, t) unit features of the defects in other views; None for none.
    """
    of_support = support.transpose(0, 1).flatten(1)
    of_background = background.transpose(0, 1).flatten(1)
    places = [
        defect.flatten().nonzero()[:, 0],
        (~defect).flatten().nonzero()[:, 0],
        usable.flatten().nonzero()[:, 0],
    ]
    parts = [of_support[:, places[DEFECT]], of_support[:, places[REST]], of_background[:, places[GOOD]]]
    weights = [torch.ones_like(part[0]) for part in parts]
    if most:
        for kind in (REST, GOOD):
            if parts[kind].shape[1] > most:
                chosen, weights[kind] = coreset(parts[kind], most)
                parts[kind], places[kind] = parts[kind][:, chosen], places[kind][chosen]
    if views is None:
        views = of_support[:, :0]
    # Features that are alike lie side by side in this order, whatever the supports' own: every so many stands
    # for its neighbours, without a coreset's search.
    kept = every(views[:, content_order(views)], most) if 0 < most < views.shape[1] else views
    parts.append(kept)
    weights.append(torch.full_like(kept[0], views.shape[1] / max(1, kept.shape[1])))
    places.append(torch.full_like(kept[0], -1, dtype=torch.int64))
    counts = (parts[0].shape[1], parts[1].shape[1], parts[2].shape[1], parts[3].shape[1])
    return Columns(torch.cat(parts, 1).contiguous(), counts, torch.cat(weights), torch.cat(places))


def every(columns: Tensor, most: int) -> Tensor:
    """(c, n) -> (c, at most `most`), evenly spaced."""
    count = columns.shape[1]
    return columns if count <= most else columns[:, torch.arange(most, device=columns.device) * count // most]
