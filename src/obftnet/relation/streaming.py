"""The cues a, b, n, s, t, m in one pass over the similarities, a block of rows at a time.

What `relation.statistics` reads off the whole (M, N) matrix, without the matrix: a block of rows is
multiplied, its maxima and sums of exponentials taken, and its memory used again. Same values, no gradient.
"""

import math

import torch
from torch import Tensor

from obftnet.config import LEAST_STREAMED_EPSILON
from obftnet.features.columns import Columns
from obftnet.relation.scan import Scan

#: The cues that can be had this way.
STREAMED = "abnstm"

#: Values in a block of similarities: 16 MiB. Smaller blocks gain nothing and cost the threads more meetings.
_BLOCK = 1 << 22

#: A product of fewer rows than this no longer runs at the machine's rate.
_LEAST_ROWS = 32


def can_stream(cues: str, epsilon: float) -> bool:
    """Whether all cues are of `STREAMED`, and exponentials of a cosine over epsilon fit into float32."""
    return set(cues) <= set(STREAMED) and epsilon >= LEAST_STREAMED_EPSILON


@torch.no_grad()
def stream_statistics(
    query: Tensor, columns: Columns, cues: str, epsilon: float, nearest: Tensor | None = None
) -> Tensor:
    """The chosen cues of one item and layer.

    Args:
        query: (c, M) unit features.
        columns: guidance, sorted.
        cues: letters of `STREAMED`; their order is the order of the result.
        epsilon: temperature of s, for which `can_stream` holds.
        nearest: (3 or 4, M) int64, filled with the columns that a, b and n, and t of the turned ones, are the
            similarity to; -1 for an a or t without a column. Finding them costs more than the maxima alone.

    Returns:
        (len(cues), M) float32, as `row_statistics` gives.

    Raises:
        ValueError: t or m of columns that hold no turned ones.
    """
    found = scan(query, columns, cues, epsilon, nearest)
    return torch.stack([found.cue(cue) for cue in cues]) if cues else query.new_empty(0, query.shape[1])


@torch.no_grad()
def scan(query: Tensor, columns: Columns, cues: str, epsilon: float, nearest: Tensor | None = None) -> Scan:
    """What the cues are read off; arguments as of `stream_statistics`. With `columns.seen`, of those, too."""
    d, r, g = columns.defect, columns.rest, columns.good
    # Powers of 2, whose exponential costs a third of that of e; the scale is taken out of the maxima again.
    scale = math.log2(math.e) / epsilon
    rows = query.mT * scale
    turned = columns.turned
    if turned is None:
        if columns.seen is None and set(cues) & set("tm"):
            raise ValueError(f"cues {cues!r} need guidance prepared with the defect's turned views")
        turned = rows.new_empty(rows.shape[1], 0)
    t = turned.shape[1]
    count = rows.shape[0]
    largest, masses = rows.new_full((4, count), -torch.inf), rows.new_zeros(3, count)
    step = max(_LEAST_ROWS, _BLOCK // max(1, d + r + g + t))
    block = rows.new_empty(min(step, count), d + r + g)
    views = rows.new_empty(min(step, count), t)
    for start in range(0, count, step):
        chosen = slice(start, min(start + step, count))
        similarity = torch.mm(rows[chosen], columns.matrix, out=block[: chosen.stop - start])
        of_turned = torch.mm(rows[chosen], turned, out=views[: chosen.stop - start])
        kinds = (similarity[:, :d], similarity[:, d : d + r], similarity[:, d + r :], of_turned)
        for place, kind in enumerate(kinds):
            if kind.shape[1] and set(cues) & set("abn" if place < 3 else "t"):
                largest[place, chosen] = kind.amax(1)
        if nearest is not None:
            of_defect, of_rest, of_good, _ = kinds
            nearest[1, chosen] = of_good.argmax(1) + (d + r)
            nearest[0, chosen] = of_defect.argmax(1) if d else -1
            nearest[2, chosen] = of_rest.argmax(1) + d if r else nearest[1, chosen]
            if len(nearest) > 3:
                nearest[3, chosen] = of_turned.argmax(1) if t else -1
        if set(cues) & set("sm"):
            similarity.exp2_()
            masses[0, chosen] = kinds[0].sum(1)
            masses[1, chosen] = _total(similarity, columns.weight)
            if "m" in cues:
                masses[2, chosen] = _total(of_turned.exp2_(), columns.turned_weight)
    found = Scan(largest / scale, masses)
    return found if columns.seen is None else found.joined(columns.seen)


def _total(masses: Tensor, weight: Tensor | None) -> Tensor:
    """(m, n) -> (m,): columns that stand for several count as often."""
    return masses.sum(1) if weight is None else masses @ weight
