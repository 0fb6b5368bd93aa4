"""The two charts of a report as SVG: scores in file order, and how many images have which score.

Nothing but numbers and words of ours goes into them, so that they need no escaping; what they look like is in
the style sheet.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import Decision, Verdict
from obftnet.reporting.axis import Axis

WIDTH = 760
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 20, 10, 34
#: Bins of the histogram over 0..1.
_BINS = 50
#: From so many images on, a line shows where their middle goes.
_MANY = 60
#: Of that line.
_POINTS = 200


def order_chart(
    scores: Sequence[float],
    verdicts: Sequence[Verdict],
    decision: Decision,
    axis: Axis,
    texts: Mapping[str, str],
) -> str:
    """Image scores in file order, a dot an image, with the thresholds; of many, their running median."""
    plot = _Plot(230, max(1, len(scores)))
    heights = axis.place(np.asarray(scores, np.float64))
    parts = [
        plot.opening("order", texts["chart_order"]),
        *plot.score_axis(axis),
        *_bands(plot, axis, decision),  # over the axis's lines: a level may be where one of them is
    ]
    parts += plot.labels(_whole_ticks(len(scores)), texts["axis_order"])
    for verdict in Verdict:
        # A line of no length with round ends is a dot.
        dots = "".join(
            f"M{plot.x(index + 0.5):.1f} {plot.y(height):.1f}h0"
            for index, (height, found) in enumerate(zip(heights, verdicts, strict=True))
            if found == verdict
        )
        if dots:
            parts.append(f'<path class="dots {verdict}" d="{dots}"/>')
    if len(scores) >= _MANY:
        places = np.unique(np.linspace(0, len(scores) - 1, _POINTS).astype(int))
        middle = running_median(heights, places, max(5, len(scores) // 20))
        line = " ".join(f"{plot.x(i + 0.5):.1f},{plot.y(y):.1f}" for i, y in zip(places, middle, strict=True))
        parts.append(f'<polyline class="median" points="{line}"/>')
    return "".join([*parts, "</svg>"])


def histogram(
    groups: Sequence[tuple[str, Sequence[float]]],
    decision: Decision,
    axis: Axis,
    texts: Mapping[str, str],
) -> str:
    """How many images have which image score, a row of bars for each group (name, scores), one axis for all.

    The height of a bar is logarithmic: a handful of defective images stays visible beside thousands of good.
    """
    counts = [np.histogram(axis.place(np.asarray(scores)), _BINS, (0, 1))[0] for _, scores in groups]
    edges = axis.score(np.arange(_BINS + 1) / _BINS)
    top = max(1, *(int(count.max()) for count in counts))
    row = 150 if len(groups) == 1 else 110
    plot = _Plot(_TOP + row * len(groups) + _BOTTOM, 1)
    parts = [plot.opening("histogram", texts["chart_histogram"])]
    for place, ((name, scores), count) in enumerate(zip(groups, counts, strict=True)):
        floor = _TOP + row * (place + 1)
        room = row - 26

        def tall(number: float, room: int = room) -> float:
            """Pixels of a bar: 1 is a third of the way from nothing to 10."""
            return room * float(np.log1p(2 * number) / np.log1p(2 * top))

        low, high = (float(axis.place(level)) for level in decision.review or (decision.threshold,) * 2)
        for verdict, start, stop in zip(Verdict, (0, low, high), (low, high, 1), strict=True):
            left, right = plot.x(start), plot.x(stop)
            box = f'x="{left:.1f}" y="{floor - room}" width="{right - left:.1f}" height="{room}"'
            parts.append(f'<rect class="zone {verdict}" {box}/>')
        for number in _decades(top):
            y = floor - tall(number)
            parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
            parts.append(f'<text class="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{number:,}</text>')
        for index, number in enumerate(count):
            if number:
                left, right = plot.x(index / _BINS), plot.x((index + 1) / _BINS)
                parts.append(
                    f'<rect class="bar" x="{left + 0.5:.1f}" y="{floor - tall(number):.1f}" '
                    f'width="{right - left - 1:.1f}" height="{tall(number):.1f}"><title>'
                    f"{edges[index]:.3g} … {edges[index + 1]:.3g}: {number:,}</title></rect>"
                )
        parts.append(f'<path class="axis" d="M{_LEFT} {floor}H{WIDTH - _RIGHT}"/>')
        label = f"{name}: {len(scores):,}" if name else ""
        parts.append(f'<text class="group" x="{WIDTH - _RIGHT}" y="{floor - room - 8}">{label}</text>')
        parts += [
            f'<path class="{kind}" d="M{plot.x(place):.1f} {floor - room - 6}V{floor}"/>'
            for kind, place in _lines(axis, decision)
        ]
    parts += plot.labels(axis.ticks, texts["axis_score"])
    return "".join([*parts, "</svg>"])


def running_median(values: NDArray[np.float64], places: NDArray[np.int_], window: int) -> NDArray[np.float64]:
    """At places among values the median of that one and of `window` on either side, fewer at the ends."""
    return np.array([np.median(values[max(0, place - window) : place + window + 1]) for place in places])


class _Plot:
    """From numbers to places. Across: 0..`across`; upward: 0..1."""

    def __init__(self, height: int, across: float) -> None:
        self._height, self._across = height, across

    def x(self, value: float) -> float:
        return _LEFT + value / self._across * (WIDTH - _LEFT - _RIGHT)

    def y(self, place: float) -> float:
        return _TOP + (1 - place) * (self._height - _TOP - _BOTTOM)

    def opening(self, name: str, label: str) -> str:
        # What a script needs to find the image of a place.
        frame = f'data-left="{_LEFT}" data-right="{WIDTH - _RIGHT}"'
        size = f'viewBox="0 0 {WIDTH} {self._height}"'
        return f'<svg class="chart" id="{name}" role="img" aria-label="{label}" {size} {frame}>'

    def score_axis(self, axis: Axis) -> list[str]:
        """Lines and numbers of scores."""
        parts = []
        for place, text in axis.ticks:
            y = self.y(place)
            parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
            parts.append(f'<text class="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{text}</text>')
        return parts

    def labels(self, ticks: Sequence[tuple[float, str]], label: str) -> list[str]:
        """Numbers below, and what they are."""
        floor = self._height - _BOTTOM
        parts = [
            f'<text class="middle" x="{self.x(value):.1f}" y="{floor + 15}">{text}</text>'
            for value, text in ticks
        ]
        return [*parts, f'<text class="middle" x="{WIDTH / 2}" y="{self._height - 4}">{label}</text>']


def _bands(plot: _Plot, axis: Axis, decision: Decision) -> list[str]:
    """The levels of a decision across the order chart."""
    parts = []
    if decision.review is not None:
        low, high = (plot.y(float(axis.place(level))) for level in decision.review)
        box = f'x="{_LEFT}" y="{high:.1f}" width="{WIDTH - _LEFT - _RIGHT}" height="{low - high:.1f}"'
        parts.append(f'<rect class="band" {box}/>')
    for kind, place in _lines(axis, decision):
        parts.append(f'<path class="{kind}" d="M{_LEFT} {plot.y(place):.1f}H{WIDTH - _RIGHT}"/>')
    return parts


def _lines(axis: Axis, decision: Decision) -> list[tuple[str, float]]:
    """What each level of a decision is, and its place."""
    ends = [("limit", level) for level in decision.review or ()]
    return [(kind, float(axis.place(level))) for kind, level in [*ends, ("threshold", decision.threshold)]]


def _decades(top: int) -> list[int]:
    return [10**power for power in range(6) if 10**power <= top]


def _whole_ticks(count: int) -> list[tuple[float, str]]:
    """The first image, the last, and round numbers between."""
    step = next(
        (
            size
            for power in range(9)
            for size in (10**power, 2 * 10**power, 5 * 10**power)
            if size * 8 >= count
        ),
        10**9,
    )
    numbers = [1, *(n for n in range(step, count, step) if n > 1 and n + step / 2 < count)]
    numbers += [count] if count > 1 else []
    return [(number - 0.5, f"{number:,}") for number in numbers]
