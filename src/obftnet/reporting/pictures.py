"""Which images of a report have a picture, and how large: one of thousands stays small enough to send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obftnet.reporting.draw import data_uri, draw_overview, draw_pair
from obftnet.reporting.groups import Group
from obftnet.reporting.results import Progress, Results
from obftnet.reporting.truth import Label

#: Characters that pictures may take, those of the groups and those of the list: 20 MB.
_LARGE_BUDGET, _SMALL_BUDGET = 12_000_000, 8_000_000
#: Sides of pictures, pixels: each of a group's pair, and one of the list.
_LARGE_SIDE, _SMALL_SIDE = 320, 112
#: Of WebP.
_LARGE_QUALITY, _SMALL_QUALITY = 72, 55


@dataclass
class Pictures:
    """Pictures as addresses, by what results are called.

    large: of the groups. small: of the list. undrawn: how many have none because of the size.
    """

    large: dict[str, str]
    small: dict[str, str]
    undrawn: int


def draw_pictures(
    results: Results, groups: Sequence[Group], labels: Mapping[str, Label], progress: Progress | None
) -> Pictures:
    """Draw the groups' images large, and all small, the highest scores first, as far as the budgets go.

    Raises:
        InputError: a file of results, a photograph or an annotation cannot be read.
    """
    threshold = results.decision.threshold
    missed = {item.result for group in groups if group.name == "misses" for item in group.shown}
    grouped = [item for group in groups for item in group.shown]
    others = sorted(set(results.items) - set(grouped), key=lambda item: (-item.score, item.number))
    large, small = _Album(_LARGE_BUDGET, _LARGE_QUALITY), _Album(_SMALL_BUDGET, _SMALL_QUALITY)
    for place, item in enumerate([*grouped, *others]):
        if small.full:
            break
        if progress:
            progress(place, len(results.items), item.name)
        seen = results.see(item, labels.get(item.result))
        if place < len(grouped) and not large.full:
            pair = draw_pair(seen, _LARGE_SIDE, threshold, on_truth=item.result in missed)
            large.add(item.result, pair)
        small.add(item.result, draw_overview(seen, _SMALL_SIDE, threshold))
    drawn = large.pictures.keys() | small.pictures.keys()
    return Pictures(large.pictures, small.pictures, len(results.items) - len(drawn))


class _Album:
    """Pictures until there is no room for one more."""

    def __init__(self, budget: int, quality: int) -> None:
        self._left, self._quality = budget, quality
        self.pictures: dict[str, str] = {}
        self.full = False

    def add(self, name: str, pixels: NDArray[np.uint8]) -> None:
        picture = data_uri(pixels, self._quality)
        self.full = len(picture) > self._left
        if not self.full:
            self._left -= len(picture)
            self.pictures[name] = picture
