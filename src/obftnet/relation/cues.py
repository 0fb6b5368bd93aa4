"""The cues: what the correspondence says of a query position, one number each (the `cues` reader's relation).

For a query position (a row of the correlation) the columns of the guidance are the support's defect positions
D, its other positions R, the background positions B and, where they are looked at, D's other views V. A new
cue is one record in `CUES`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from obftnet.guidance.columns import DEFECT, GOOD, REST, VIEWS, Columns
from obftnet.relation.change import residual_of
from obftnet.relation.scan import Scan, scan
from obftnet.relation.self_similarity import self_similarity
from obftnet.transport import Algorithm1


@dataclass(frozen=True)
class Evidence:
    """What is known of one query's positions at one tap: all that a cue may be read off.

    query: (c, M) unit features.
    columns: the guidance.
    scan: of the query and the columns, and of what was joined to them.
    similar: (M,) the largest similarity to the query's own distant positions; None where no cue asks for it.
    algorithm: the transport's options.
    guided: the scan of the guidance alone, without what was joined to it.
    own: the query's own columns that were joined, and their scan; None where none were.
    residual: (c, M) from the guidance's good positions (`relation.change`), of the guidance alone: what is
        compared with itself never differs; None where nobody reads it.
    defect: which of the kinds of defect the cues are of. Columns, and the query's own, stay those of all.
    """

    query: Tensor
    columns: Columns
    scan: Scan
    similar: Tensor | None
    algorithm: Algorithm1
    guided: Scan
    own: tuple[Columns, Scan] | None = None
    residual: Tensor | None = None
    defect: int = 0

    def of(self, defect: int) -> "Evidence":
        """What is known for one of the kinds of defect, of evidence of all."""
        own = None if self.own is None else (self.own[0], self.own[1].of(defect))
        return replace(self, scan=self.scan.of(defect), guided=self.guided.of(defect), own=own, defect=defect)

    def joined(self, columns: Columns, *, nearest: bool = False) -> "Evidence":
        """With the query's own columns, which only cues that are streamed see."""
        own = scan(self.query, columns, self.algorithm.epsilon, nearest=nearest)
        return replace(self, scan=self.scan.joined(own), own=(columns, own))


@dataclass(frozen=True)
class Cue:
    """One number a query position and tap.

    letter: by which a configuration names it.
    meaning: in words.
    read: (M,) float32 off the evidence.
    views: it needs the defect's other views.
    streamed: it sees a column by its similarity alone, so that columns may be thinned out or joined; a
        transport wants them all.
    gradient: it passes a gradient on to the features.
    guided: it looks at the guidance.
    """

    letter: str
    meaning: str
    read: Callable[[Evidence], Tensor]
    views: bool = False
    streamed: bool = True
    gradient: bool = False
    guided: bool = True


def _a(evidence: Evidence) -> Tensor:
    # A point-sampled mask can miss the defect altogether: then nothing is like it.
    return _or_zero(evidence.scan.largest[DEFECT])


def _b(evidence: Evidence) -> Tensor:
    return evidence.scan.largest[GOOD]


def _n(evidence: Evidence) -> Tensor:
    rest = evidence.scan.largest[REST]
    return torch.where(rest.isneginf(), evidence.scan.largest[GOOD], rest)


def _s(evidence: Evidence) -> Tensor:
    return evidence.scan.share([DEFECT], [DEFECT, REST, GOOD])


def _o(evidence: Evidence) -> Tensor:
    columns = evidence.columns
    plain = columns.plain
    plan = evidence.algorithm.together(evidence.query.mT, columns.matrix[:, plain], columns.weight[plain])
    on_defect = torch.zeros_like(columns.weight[plain])
    on_defect[columns.slices()[DEFECT]] = 1
    return plan.row_mass(on_defect) / plan.row_mass(columns.weight[plain])


def _l(evidence: Evidence) -> Tensor:
    columns = evidence.columns
    defect = columns.matrix[:, columns.slices()[DEFECT]]
    plan = evidence.algorithm.foreground(evidence.query.mT, defect, columns.counts[REST])
    on_defect = torch.ones_like(plan.n[:, 0])
    on_defect[-1] = 0
    return plan.row_mass(on_defect)


def _p(evidence: Evidence) -> Tensor:
    columns = evidence.columns
    good = columns.slices()[GOOD]
    plan = evidence.algorithm.background(evidence.query.mT, columns.matrix[:, good], columns.weight[good])
    # Times M, so that the value does not depend on the map's size.
    return (plan.row_maximum() * evidence.query.shape[1]).clamp(min=1e-12).log()


def _u(evidence: Evidence) -> Tensor:
    assert evidence.similar is not None
    return evidence.similar


def _t(evidence: Evidence) -> Tensor:
    return _or_zero(evidence.scan.largest[VIEWS])


def _m(evidence: Evidence) -> Tensor:
    return evidence.scan.share([DEFECT, VIEWS], [DEFECT, REST, GOOD, VIEWS])


def _or_zero(largest: Tensor) -> Tensor:
    return largest.masked_fill(largest.isneginf(), 0)


#: Every cue by its letter.
CUES: dict[str, Cue] = {
    cue.letter: cue
    for cue in (
        Cue("a", "largest similarity to D; 0 where D is empty", _a, gradient=True),
        Cue("b", "largest similarity to B", _b, gradient=True),
        Cue("n", "largest similarity to R; b's value where the support is all defect", _n, gradient=True),
        Cue("s", "mass on D of a row-normalised transport (softmax) over D, R and B together", _s),
        Cue("o", "the same mass under the balanced Sinkhorn plan with uniform columns", _o, streamed=False),
        Cue("l", "row mass on D of Algorithm 1's plan for the masked support", _l, streamed=False),
        Cue("p", "log of the largest entry in the row of Algorithm 1's background plan", _p, streamed=False),
        Cue("u", "largest similarity to the query's own distant positions", _u, gradient=True, guided=False),
        Cue("t", "largest similarity to V; 0 where V is empty", _t, views=True, gradient=True),
        Cue("m", "s with V counted to D", _m, views=True),
    )
}


def evidence_of(
    query: tuple[Tensor, ...],
    columns: tuple[Columns, ...],
    cues: str,
    algorithm: Algorithm1,
    *,
    nearest: bool = False,
    residual: Sequence[int] = (),
) -> list[Evidence]:
    """What the cues of one query are read off, tap by tap.

    Args:
        query: (c, h, w) unit features, one a tap.
        columns: of the same taps; of several kinds of defect the evidence is of all, until `Evidence.of`
            chooses one.
        cues: letters of `CUES`.
        algorithm: the transport's options; its epsilon is the temperature of s and m, too.
        nearest: find which columns are the most similar, too (`relation.scan`).
        residual: the taps of which it is wanted.
    """
    alone = not all(CUES[letter].guided for letter in cues)
    found = []
    for tap, (unit, one) in enumerate(zip(query, columns, strict=True)):
        rows = unit.flatten(1)
        similar = self_similarity(unit.unsqueeze(0))[0] if alone else None
        seen = scan(rows, one, algorithm.epsilon, nearest=nearest)
        change = residual_of(rows, one) if tap in residual else None
        found.append(Evidence(rows, one, seen, similar, algorithm, seen, residual=change))
    return found


def cue_levels(
    evidence: Sequence[Evidence], cues: str, grids: Sequence[tuple[int, int]], levels: Sequence[int]
) -> tuple[Tensor, ...]:
    """The chosen cues of one query as maps, side by side over the taps of a level.

    Args:
        evidence: tap by tap.
        cues: letters of `CUES`.
        grids: (h, w) of the query's map at each tap.
        levels: taps a level, fine to coarse.

    Returns:
        (1, taps * len(cues), h, w) float32 a level, the letters in their order tap by tap.
    """
    maps = [_map(one, cues, grid) for one, grid in zip(evidence, grids, strict=True)]
    ends = list(accumulate(levels, initial=0))
    return tuple(torch.cat(maps[slice(*ends[i : i + 2])]).unsqueeze(0) for i in range(len(levels)))


def _map(evidence: Evidence, cues: str, grid: tuple[int, int]) -> Tensor:
    values = []
    for letter in cues:
        with torch.set_grad_enabled(torch.is_grad_enabled() and CUES[letter].gradient):
            values.append(CUES[letter].read(evidence))
    return torch.stack(values).reshape(len(cues), *grid)
