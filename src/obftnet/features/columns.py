"""One layer's guidance as the columns of one matrix, sorted by what they are: what row statistics scan."""

from dataclasses import dataclass

import torch
from torch import Tensor

from obftnet.features.coreset import content_order, coreset
from obftnet.relation.scan import Scan


@dataclass(frozen=True)
class Columns:
    """The guidance positions of one episode and one layer: defect | rest of the supports | good backgrounds.

    Sorted once, so that "the largest similarity to the defect" is a maximum over a slice for every query.

    matrix: (c, N) float32, contiguous unit features, N = defect + rest + good.
    defect, rest, good: how many of each. Either of the first two may be 0; good is at least 1, but for those
        that a query has `seen`.
    weight: (N,) how many positions a column stands for; None where each is one.
    turned: (c, T) the defect in other views (`features.turned`); None where none were asked for.
    turned_weight: (T,) as `weight`.
    seen: what one query was found to be to columns that are no longer here: guidance for that query alone.
    """

    matrix: Tensor
    defect: int
    rest: int
    good: int
    weight: Tensor | None = None
    turned: Tensor | None = None
    turned_weight: Tensor | None = None
    seen: Scan | None = None

    def seen_by(self, seen: Scan) -> "Columns":
        """No columns but what a query was found to be to these, and so the same to that query."""
        return Columns(self.matrix[:, :0], 0, 0, 0, seen=seen)


def sorted_columns(
    support: Tensor,
    defect: Tensor,
    background: Tensor,
    usable: Tensor,
    most: int = 0,
    turned: Tensor | None = None,
) -> Columns:
    """Sort the positions of one episode.

    Args:
        support: (k, c, h, w) unit features.
        defect: (k, h, w) bool.
        background: (j, c, h', w') unit features.
        usable: (j, h', w') bool; unusable positions are left out.
        most: keep a coreset of as many of the rest, of as many of the good positions, and as many of the
            turned ones; 0 keeps all. The defect's positions are few, and all kept.
        turned: (c, t) unit features of the defect in other views.
    """
    of_support = support.transpose(0, 1).flatten(1)
    of_background = background.transpose(0, 1).flatten(1)
    chosen, kept = defect.flatten(), usable.flatten()
    marked, rest, good = of_support[:, chosen], of_support[:, ~chosen], of_background[:, kept]
    weight = None
    if most and max(rest.shape[1], good.shape[1]) > most:
        rest, of_rest = _thin(rest, most)
        good, of_good = _thin(good, most)
        weight = torch.cat([marked.new_ones(marked.shape[1]), of_rest, of_good])
    matrix = torch.cat([marked, rest, good], 1).contiguous()
    of_turned = None
    if turned is not None and 0 < most < turned.shape[1]:
        # Features that are alike lie side by side in this order, whatever the supports' own: every so many
        # stands for its neighbours, without a coreset's search.
        of_turned = turned.new_full((most,), turned.shape[1] / most)
        turned = every(turned[:, content_order(turned)], most)
    return Columns(matrix, marked.shape[1], rest.shape[1], good.shape[1], weight, turned, of_turned)


def every(columns: Tensor, most: int) -> Tensor:
    """(c, n) -> (c, at most `most`), evenly spaced."""
    count = columns.shape[1]
    return columns if count <= most else columns[:, torch.arange(most, device=columns.device) * count // most]


def _thin(points: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """(c, n) -> (c, at most `most`) and how many each stands for."""
    if points.shape[1] <= most:
        return points, points.new_ones(points.shape[1])
    chosen, weight = coreset(points, most)
    return points[:, chosen], weight
