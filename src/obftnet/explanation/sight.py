"""What is told of one point of a photograph, in pixels and in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from obftnet.explanation.nearest import Likeness
from obftnet.imaging.tiles import Part


@dataclass(frozen=True)
class Spot:
    """A pixel (x, y) of an image, and how alike it is to the point: the cosine.

    part: what of the image was looked at.
    """

    name: str
    part: Part
    pixel: tuple[int, int]
    similarity: float

    @property
    def at(self) -> str:
        """Where it is."""
        return f"{self.name} at {self.pixel[0]},{self.pixel[1]}"


@dataclass(frozen=True)
class Sight:
    """One point of a query and what its score was read off.

    point: (x, y) in pixels.
    score: 0..1, of the whole image; is_defect: whether that is above the threshold.
    looks: the score there of what was looked at, (first,) or (first, second); with tiles that of one tile.
    part: what of the image was looked at: all of it, or a tile.
    here, typical: as `nearest.Nearest`.
    defect, good: the most similar of the guidance; None where there is none. good lies in a support where
        `good_in_support`, else in a background.
    own_defect, own_good: the most similar of the query's own positions that the first look was certain of,
        None where it was of none.
    certain: "defect" or "good" where the first look was certain of the point's own position.
    kind: of defect, whose score and supports these are; "" where there is one.
    """

    point: tuple[int, int]
    score: float
    is_defect: bool
    looks: tuple[float, ...]
    part: Part
    here: Likeness
    typical: Likeness
    defect: Spot | None
    good: Spot | None
    good_in_support: bool
    own_defect: Spot | None
    own_good: Spot | None
    certain: str | None
    kind: str = ""

    @property
    def verdict(self) -> str:
        """The score and what it means."""
        if self.is_defect:
            return f"{self.kind or 'defect'}, score {self.score:.2f}"
        return f"good, score {self.score:.2f}" + (f" (of {self.kind})" if self.kind else "")

    @property
    def words(self) -> str:
        """All of it in one line."""
        x, y = self.point
        return f"point {x},{y}: " + "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield self.verdict + self.course
        if self.defect is None:
            yield "the guidance has no defect position at this level"
        else:
            yield f"most like the defect of {self.defect.at}: {self.like_defect}"
        if self.here.views is not None:
            yield f"like a turned or mirrored view of a defect: {self.like_views}"
        if self.good is not None:
            where = f"{self.good.at} (outside its defect)" if self.good_in_support else self.good.at
            yield f"most like good material in {where}: {self.like_good}"
        yield self.mass
        if self.here.distant is not None:
            yield f"like the rest of this image: {self.like_itself}"
        if len(self.looks) > 1:
            yield self.second_look

    @property
    def course(self) -> str:
        """What the looks said, where the score alone does not say it."""
        named = ("first", "second")
        looks = [f"{look:.2f} at the {name} look" for name, look in zip(named, self.looks, strict=False)]
        if self.part.size != self.part.whole:
            top, left, side = *self.part.corner, self.part.size[0]
            looks = looks if len(looks) > 1 else [f"{self.looks[0]:.2f}"]
            return f" (the tile of {side} pixels at {left},{top} alone: {', '.join(looks)})"
        return f" ({looks[0]})" if len(looks) > 1 else ""

    @property
    def like_defect(self) -> str:
        """How alike it is to the defect, beside what is typical."""
        return _beside(self.here.defect, self.typical.defect)

    @property
    def like_views(self) -> str:
        """The same of the defect's views."""
        return _beside(self.here.views, self.typical.views)

    @property
    def like_good(self) -> str:
        """The same of good material."""
        return _beside(self.here.good, self.typical.good)

    @property
    def like_itself(self) -> str:
        """The same of distant positions of the same image."""
        return _beside(self.here.distant, self.typical.distant)

    @property
    def mass(self) -> str:
        """The share of the mass on the defect."""
        here, typical = (f"{100 * one.mass:.0f} %" for one in (self.here, self.typical))
        return f"{here} of the mass on the defect (typical {typical})"

    @property
    def second_look(self) -> str:
        """What the query's own positions, of which the first look was certain, said in the second."""
        if self.own_defect is None and self.own_good is None:
            return "second look: the first was certain of no position, so it changed nothing"
        if self.certain is not None:
            return f"second look: the first was certain that this position is {self.certain}"
        said = [
            f"{spot.similarity:.2f} like its own {what} position at {spot.pixel[0]},{spot.pixel[1]}"
            for what, spot in (("defect", self.own_defect), ("good", self.own_good))
            if spot is not None
        ]
        return "second look: of what the first was certain, " + " and ".join(said)


def _beside(value: float | None, typical: float | None) -> str:
    return "none" if value is None or typical is None else f"{value:.2f} (typical {typical:.2f})"
