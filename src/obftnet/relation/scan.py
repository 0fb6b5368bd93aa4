"""What one pass over a query's similarities with columns of guidance leaves; passes over more columns join.

The similarities of a block of query positions are multiplied, their maxima and sums of exponentials taken,
and their memory used again: the (M, N) matrix is never there. The largest similarities pass a gradient on to
features that take one, at little more than their plain cost: which column is the largest is found without a
gradient, the similarity to it is then taken again with one. The sums have values alone: their gradient would
run through every pair of positions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from obftnet.guidance.columns import Columns

#: Values in a block of similarities: 16 MiB. Smaller blocks gain nothing and cost the threads more meetings.
_BLOCK = 1 << 22

#: A product of fewer rows than this no longer runs at the machine's rate.
_LEAST_ROWS = 32


@dataclass(frozen=True)
class Scan:
    """Of M query positions and some columns; the four rows are `guidance.columns.KINDS`.

    Of columns of several kinds of defect the rows are `Columns.segments`, until `of` chooses those of one.

    largest: (4, M) float32, the largest cosine with the columns of a kind; -inf where it has none.
    nearest: (4, M) int64, the column that is; -1 where there is none, and where it was not asked for.
    mass: (4, M) float32, the sum of exp((cosine - largest) / epsilon) over the columns of a kind: with its
        own largest taken out of each kind no sum is lost at any epsilon.
    """

    largest: Tensor
    nearest: Tensor
    mass: Tensor
    epsilon: float

    def of(self, defect: int) -> "Scan":
        """As one of the kinds of defect has it: the four rows."""
        count = len(self.largest) // 2 - 1
        rows = [defect, count, count + 1, count + 2 + defect]
        if count == 1:
            return self
        return Scan(self.largest[rows], self.nearest[rows], self.mass[rows], self.epsilon)

    def joined(self, other: "Scan") -> "Scan":
        """Of the same positions, and the columns of both; `nearest` is not kept."""
        largest = torch.maximum(self.largest, other.largest)
        with torch.no_grad():
            parts = [
                # Of a kind that neither has, the difference of two infinities is no number.
                one.mass * ((one.largest - largest) / self.epsilon).exp().nan_to_num(0)
                for one in (self, other)
            ]
        return Scan(largest, torch.full_like(self.nearest, -1), parts[0] + parts[1], self.epsilon)

    def share(self, part: Sequence[int], whole: Sequence[int]) -> Tensor:
        """Share of the mass of the kinds `whole` that is on the kinds `part` of them: (M,) in 0..1."""
        shift = self.largest[list(whole)].amax(0)
        masses = self.mass * ((self.largest - shift) / self.epsilon).exp()
        return masses[list(part)].sum(0) / masses[list(whole)].sum(0)


def scan(query: Tensor, columns: Columns, epsilon: float, *, nearest: bool = False) -> Scan:
    """One pass over the similarities of query positions with columns.

    A position that is the defect's feature itself, and one half way to the good material:

    >>> matrix = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> columns = Columns(matrix, (1, 0, 1, 0), torch.ones(2), torch.arange(2))
    >>> found = scan(torch.tensor([[1.0, 0.6], [0.0, 0.8]]), columns, epsilon=0.05)
    >>> found.largest[0].tolist()  # with the defect
    [1.0, 0.6000000238418579]
    >>> found.share([0], range(3)).round(decimals=3)  # of the mass on all, the defect's
    tensor([1.0000, 0.0180])

    Args:
        query: (c, M) unit features.
        columns: guidance, sorted.
        epsilon: temperature of the sums, > 0, in units of the cosine.
        nearest: find which columns are the largest, too; it costs more than the maxima alone.
    """
    with_gradient = torch.is_grad_enabled() and (query.requires_grad or columns.matrix.requires_grad)
    with torch.no_grad():
        found = _passed(query, columns, epsilon, nearest or with_gradient)
    if not with_gradient:
        return found
    picked = columns.matrix[:, found.nearest.clamp(min=0)]
    again = (query.unsqueeze(1) * picked).sum(0).masked_fill(found.nearest < 0, -torch.inf)
    return Scan(again, found.nearest, found.mass, epsilon)


def _passed(query: Tensor, columns: Columns, epsilon: float, nearest: bool) -> Scan:
    # Powers of 2, whose exponential costs a third of that of e; the scale is taken out of the maxima again.
    scale = math.log2(math.e) / epsilon
    rows = query.mT * scale
    count, width = rows.shape[0], columns.matrix.shape[1]
    segments = columns.segments()
    largest = rows.new_full((len(segments), count), -torch.inf)
    mass = rows.new_zeros(len(segments), count)
    which = torch.full((len(segments), count), -1, dtype=torch.int64, device=rows.device)
    step = max(_LEAST_ROWS, _BLOCK // width)
    block = rows.new_empty(min(step, count), width)
    kinds = [(kind, chosen) for kind, chosen in enumerate(segments) if chosen.stop > chosen.start]
    for start in range(0, count, step):
        here = slice(start, min(start + step, count))
        similarity = torch.mm(rows[here], columns.matrix, out=block[: here.stop - start])
        for kind, chosen in kinds:
            if nearest:
                largest[kind, here], index = similarity[:, chosen].max(1)
                which[kind, here] = index + chosen.start
            else:
                largest[kind, here] = similarity[:, chosen].amax(1)
            similarity[:, chosen].sub_(largest[kind, here].unsqueeze(1))
        similarity.exp2_()
        for kind, chosen in kinds:
            mass[kind, here] = similarity[:, chosen] @ columns.weight[chosen]
    return Scan(largest / scale, which, mass, epsilon)
