"""What the reader of cues reads of a query position: the guidance that it is most like, and its mass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from obftnet.backbones.features import Features
from obftnet.guidance.columns import DEFECT, GOOD, REST, VIEWS
from obftnet.guidance.guidance import Guidance
from obftnet.model import OBFTNet
from obftnet.relation.cues import CUES, Evidence


@dataclass(frozen=True)
class Place:
    """A cell of a map that a query position is like.

    image: which of the supports, of the backgrounds, or 0 of the query.
    cell: (row, column) of the map; grid: (h, w) of the map.
    similarity: the cosine, at most 1.
    """

    image: int
    cell: tuple[int, int]
    grid: tuple[int, int]
    similarity: float


@dataclass(frozen=True)
class Likeness:
    """How alike one position is to the guidance and to its own image; similarities are cosines.

    defect: to the supports' defect. None of all these: there is none of the kind.
    views: to a turned or mirrored view of it.
    good: to good material, of the backgrounds and of the supports outside their defects.
    mass: share of the mass on the defect and its views, 0..1, as the cue m has it, of the last look.
    distant: to distant positions of the query itself; None where the model does not look.
    """

    defect: float | None
    views: float | None
    good: float | None
    mass: float
    distant: float | None


@dataclass(frozen=True)
class Nearest:
    """One query position: what it is like, and where that is.

    here: of the position. typical: the medians over all positions of the same map.
    defect: in the supports. None, here and below, where there is none of the kind.
    good: in the backgrounds, or in the supports outside their defects where `good_in_support`.
    own_defect, own_good: in the query itself, where a first look was certain.
    certain: "defect" or "good" where it was certain of the position itself.
    """

    here: Likeness
    typical: Likeness
    defect: Place | None
    good: Place | None
    good_in_support: bool
    own_defect: Place | None
    own_good: Place | None
    certain: Literal["defect", "good"] | None


@torch.no_grad()
def nearest(
    model: OBFTNet,
    query: Features,
    guidance: Guidance,
    tap: int,
    cells: Sequence[tuple[int, int]],
    kind: int = 0,
) -> list[Nearest]:
    """What the cues of some positions are read off, at one of the taps that the reader reads.

    Of several shots that vote, each is looked at alone: told is the nearest of all, and the mean of the
    masses.

    Args:
        model: with a reader of cues that are streamed (`reads_transport` is False).
        query: features of one image.
        guidance: of one episode.
        tap: whose similarities these are.
        cells: (row, column) in that tap's map of the query.
        kind: which of the guidance's kinds of defect; good material is that of all.
    """
    voting = guidance.of(kind) if guidance.each_shot else None
    shots = guidance.members(kind) if voting and voting.each_shot else []
    if voting:
        looks = [model.evidence(query, one, nearest=True)[0][tap] for one in voting.each_shot or (voting,)]
    else:
        looks = [model.evidence(query, guidance, second_look=model.looks_twice, nearest=True)[kind][tap]]
    # (shots, kinds, positions): the nearest of a kind is the nearest over all shots.
    similarity = torch.stack([look.guided.largest for look in looks])
    column = torch.stack([look.guided.nearest for look in looks])
    best, shot = similarity.max(0)
    own = looks[0].own
    maps = _Maps(query, guidance, tap)
    values = _values(looks, best)
    typical = Likeness(*(_known(None if x is None else x.median()) for x in values))  # type: ignore[arg-type]

    def place(kind: int, position: int) -> Place | None:
        which = int(shot[kind, position])
        found = int(column[which, kind, position])
        if found < 0:
            return None
        flat = int(looks[which].columns.place[found])
        return maps.place(kind, shots[which] if shots else None, flat, float(best[kind, position]))

    def own_place(kind: int, position: int) -> Place | None:
        if own is None or int(own[1].nearest[kind, position]) < 0:
            return None
        flat = int(own[0].place[own[1].nearest[kind, position]])
        return _place(flat, maps.query, float(own[1].largest[kind, position]))

    def certain(position: int) -> Literal["defect", "good"] | None:
        if own is None:
            return None
        parts = own[0].slices(looks[0].defect)
        defect, good = (own[0].place[parts[kind]] == position for kind in (DEFECT, GOOD))
        return "defect" if bool(defect.any()) else "good" if bool(good.any()) else None

    told = []
    for row, col in cells:
        position = row * maps.query[1] + col
        here = Likeness(*(_known(None if x is None else x[position]) for x in values))  # type: ignore[arg-type]
        in_support = bool(best[REST, position] > best[GOOD, position])
        told.append(
            Nearest(
                here,
                typical,
                place(DEFECT, position),
                place(REST if in_support else GOOD, position),
                in_support,
                own_place(DEFECT, position),
                own_place(GOOD, position),
                certain(position),
            )
        )
    return told


class _Maps:
    """The sizes of one tap's maps, and the images that a shot alone looks at."""

    def __init__(self, query: Features, guidance: Guidance, tap: int) -> None:
        self.query = _grid(query.taps[tap])
        self.supports, self.backgrounds = _grid(guidance.supports[tap]), _grid(guidance.backgrounds[tap])
        self.goods = len(guidance.backgrounds[tap])

    def place(self, kind: int, shot: int | None, flat: int, similarity: float) -> Place:
        """A column's place; `shot` is the one that was looked at alone (`Guidance.shot`)."""
        if kind == GOOD:
            return _place(flat, self.backgrounds, similarity, 0 if shot is None else shot % self.goods)
        return _place(flat, self.supports, similarity, shot or 0)


def _values(looks: Sequence[Evidence], best: Tensor) -> tuple[Tensor | None, ...]:
    """The fields of `Likeness`, each (M,), or None where there is none."""
    mass = torch.stack([CUES["m"].read(look) for look in looks]).mean(0)
    return (best[DEFECT], best[VIEWS], torch.maximum(best[REST], best[GOOD]), mass, looks[0].similar)


def _known(value: Tensor | None) -> float | None:
    return None if value is None or value.isinf() else float(value)


def _place(flat: int, grid: tuple[int, int], similarity: float, first: int = 0) -> Place:
    image, cell = divmod(flat, grid[0] * grid[1])
    return Place(first + image, divmod(cell, grid[1]), grid, similarity)


def _grid(maps: Tensor) -> tuple[int, int]:
    return (maps.shape[-2], maps.shape[-1])
