"""A presence (`readers.presence`) fitted to a trained reader: a logistic regression, by Newton's method."""

from collections.abc import Sequence

import torch
from torch import Tensor

from obftnet.readers.presence import Presence

#: Of the squared weights of standardised columns, against the sum of the cross-entropies. With materials left
#: out, 1 to 30 do as well (docs/lab).
PENALTY = 10.0
_STEPS = 30


def fit_presence(presence: Presence, columns: Tensor, present: Tensor, penalty: float = PENALTY) -> None:
    """Set a presence's weights to those of the least penalised cross-entropy.

    Args:
        presence: it.
        columns: (n, d) summaries (`readers.presence.summary`) of n looks.
        present: (n,) bool, whether the query shows a defect.
        penalty: of the squared weights, above 0.

    Raises:
        ValueError: all queries are of one sort.
    """
    weight, bias = _regression(columns, present, penalty)
    with torch.no_grad():
        presence.linear.weight.copy_(weight)
        presence.linear.bias.copy_(bias)


def _regression(columns: Tensor, present: Tensor, penalty: float = PENALTY) -> tuple[Tensor, Tensor]:
    """Weights (d,) and bias, of columns as they are: float64."""
    if bool(present.all()) or not bool(present.any()):
        raise ValueError("queries with and without a defect are wanted")
    x = columns.double()
    mean, spread = x.mean(0), x.std(0).clamp(min=1e-9)
    x = torch.cat([(x - mean) / spread, torch.ones_like(x[:, :1])], 1)
    y = present.double()
    penalised = torch.full((x.shape[1],), penalty, dtype=torch.float64)
    penalised[-1] = 0
    weight = torch.zeros(x.shape[1], dtype=torch.float64)
    for _ in range(_STEPS):
        found = (x @ weight).sigmoid()
        slope = x.mT @ (found - y) + penalised * weight
        curve = (x.mT * (found * (1 - found))) @ x + torch.diag(penalised)
        weight = weight - torch.linalg.solve(curve, slope)
    scaled = weight[:-1] / spread
    return scaled, weight[-1] - scaled @ mean


def left_out(columns: Tensor, present: Tensor, groups: Sequence[str], parts: int = 10) -> Tensor:
    """What a presence says of each look that was fitted without the look's group (n,): (n,) in 0..1."""
    names = sorted(set(groups))
    part_of = {name: index % parts for index, name in enumerate(names)}
    part = torch.tensor([part_of[group] for group in groups])
    found = torch.zeros(len(columns))
    for index in range(min(parts, len(names))):
        rest, here = part != index, part == index
        weight, bias = _regression(columns[rest], present[rest])
        found[here] = (columns[here].double() @ weight + bias).sigmoid().float()
    return found
