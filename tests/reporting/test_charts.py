"""The charts are well-formed, place what they show where its numbers are, and lose nobody."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from obftnet.decision import Decision, Verdict, judge
from obftnet.reporting.axis import Axis
from obftnet.reporting.charts import WIDTH, histogram, order_chart, running_median
from obftnet.reporting.texts import ENGLISH

DECISIONS = [Decision(0.5), Decision(0.5, review=(0.4, 0.7)), Decision(1.0), Decision(0.0)]
SCORES = np.random.default_rng(0).random(200).tolist()


def parts(svg: str, name: str, kind: str = "") -> list[ElementTree.Element]:
    found = ElementTree.fromstring(svg).iter(name)
    return [part for part in found if kind in part.get("class", "").split()] if kind else list(found)


@pytest.mark.parametrize("decision", DECISIONS, ids=str)
def test_every_image_is_a_dot_of_its_verdict_at_its_score(decision):
    verdicts = [judge(score, decision) for score in SCORES]
    svg = order_chart(SCORES, verdicts, decision, Axis(False), ENGLISH)
    seen = []
    for verdict in Verdict:
        for path in parts(svg, "path", verdict):
            dots = re.findall(r"M([\d.]+) ([\d.]+)h0", path.get("d"))
            assert len(dots) == verdicts.count(verdict)
            seen += [(float(x), float(y)) for x, y in dots]
    assert len(seen) == len(SCORES)
    ordered = sorted(seen)
    # In file order from left to right; the higher the score, the further up.
    heights = np.array([y for _, y in ordered])
    assert np.corrcoef(heights, SCORES)[0, 1] < -0.999
    assert 0 < min(ordered)[0] < max(ordered)[0] < WIDTH


@pytest.mark.parametrize("decision", DECISIONS, ids=str)
@pytest.mark.parametrize("scores", [[], [0.3], [0.0, 1.0], SCORES], ids=len)
def test_the_bars_are_as_many_as_their_bins(scores, decision):
    svg = histogram([("good", scores), ("defective", [])], decision, Axis.of(decision, scores), ENGLISH)
    counts = [int(title.text.rpartition(": ")[2]) for title in parts(svg, "title")]
    assert sum(counts) == len(scores)
    lines = len(decision.review or ())
    assert len(parts(svg, "path", "threshold")) == 2
    assert len(parts(svg, "path", "limit")) == 2 * lines


def test_one_more_image_is_a_higher_bar_and_one_alone_is_seen():
    svg = histogram([("", [0.11] * 1000 + [0.51] * 999 + [0.91])], Decision(0.5), Axis(False), ENGLISH)
    heights = [float(bar.get("height")) for bar in parts(svg, "rect", "bar")]
    assert heights[0] > heights[1] - 0.05 > heights[2] > 10


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 99, 2000, 123_456])
def test_the_numbers_below_begin_with_the_first_image_and_end_with_the_last(count):
    verdicts = [Verdict.PASS] * count
    svg = order_chart([0.1] * count, verdicts, Decision(0.5), Axis(False), ENGLISH)
    texts = [text.text for text in parts(svg, "text", "middle")][:-1]
    numbers = [int(text.replace(",", "")) for text in texts]
    assert (numbers[0], numbers[-1]) == (1, count)
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= 12


def test_the_running_median_follows_and_is_not_moved_by_one():
    values = np.r_[np.full(50, 0.2), 0.9, np.full(50, 0.4)]
    middle = running_median(values, np.arange(values.size), 5)
    assert middle.shape == values.shape
    assert middle[:45] == pytest.approx(0.2)
    assert middle[56:] == pytest.approx(0.4)
