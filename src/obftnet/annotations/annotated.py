"""What every tool's export is read into: images, what was drawn on them, and what is said of the reading."""

from dataclasses import dataclass, field
from pathlib import Path

from obftnet.annotations.forms import Form

COMBINED = "combined"
"""The kind of an image with several kinds of defect where it can have one alone, as MVTec AD calls it."""

#: Labels of an image that say that a person looked at it and found no defect, in any case.
_GOOD = frozenset({"good", "ok", "normal"})

#: Entries that a line names, of those that it is about.
_NAMED = 3


def says_good(label: str) -> bool:
    """Whether a label of an image means that it is a good one."""
    return label.strip().lower() in _GOOD


@dataclass(frozen=True)
class Shape:
    """Something drawn. label: kind of defect. where: file and entry, for messages. form: what it is."""

    label: str
    where: str
    form: Form


@dataclass(frozen=True)
class Annotated:
    """An image and what was drawn on it.

    Attributes:
        image: its file.
        where: file and entry that speak of it, for messages.
        shapes: none where nothing was drawn.
        size: (h, w) in pixels that the annotation gives it; None where it gives none.
        good: the tool says that it was looked at and shows no defect.
        material: what the image shows, where the source says so.
        train: of a good image: the source counts it among those to train on.
    """

    image: Path
    where: str
    shapes: tuple[Shape, ...] = ()
    size: tuple[int, int] | None = None
    good: bool = False
    material: str | None = None
    train: bool = True


@dataclass(frozen=True)
class Request:
    """What a reader is asked to read.

    Attributes:
        source: a file or folder.
        images: the folder of the images, where it is not the source's.
        labels: those that are wanted; None: all.
        cut: share of white from which a pixel of a mask file counts as marked; None: masks have two values.
        notes: take what is left out, and what was taken though it may not be meant.
    """

    source: Path
    images: Path | None = None
    labels: tuple[str, ...] | None = None
    cut: float | None = None
    notes: "Notes" = field(default_factory=lambda: Notes())


class Notes:
    """What is to be said of an import, each kind of thing in one line."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}

    def add(self, what: str, where: str) -> None:
        """One more place where something was found."""
        self._places.setdefault(what, []).append(where)

    def lines(self) -> tuple[str, ...]:
        """One line a kind of thing: how many, and where the first ones are."""
        found = []
        for what, places in self._places.items():
            more = f", and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
            found.append(f"{what}: {len(places)} ({', '.join(places[:_NAMED])}{more})")
        return tuple(found)
