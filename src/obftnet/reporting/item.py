"""An image of a report."""

from dataclasses import dataclass

from obftnet.decision import Verdict
from obftnet.segmentation.record import Entry


@dataclass(frozen=True, eq=False)
class Item:
    """An inspected image. number: its place in file order, from 1. name: to show, its folder with it."""

    number: int
    name: str
    entry: Entry

    @property
    def result(self) -> str:
        """What its results are called."""
        return self.entry.result

    @property
    def score(self) -> float:
        """Its image score, 0..1."""
        return self.entry.image_score

    @property
    def verdict(self) -> Verdict:
        """What is to be done with it."""
        return self.entry.verdict
