"""Scores and levels at the ends of 0..1 can be told apart on the axis."""

import numpy as np
import pytest

from obftnet.decision import Decision
from obftnet.reporting.axis import Axis


@pytest.mark.parametrize(
    ("decision", "scores", "roomy"),
    [
        (Decision(0.5), [0.1, 0.6, 0.9], False),
        (Decision(0.5), [], False),
        (Decision(0.999), [0.1, 0.6, 0.9], True),
        (Decision(0.5, review=(0.003, 0.7)), [0.1, 0.6, 0.9], True),
        (Decision(0.5), [1e-6] * 20 + [0.99999] * 12, True),
        (Decision(0.5), [1e-6] * 20 + [0.6] * 12, False),
        (Decision(1.0), [0.1, 0.6, 0.9], False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_room_is_at_the_ends_where_it_is_needed(decision, scores, roomy):
    assert Axis.of(decision, scores).roomy == roomy


@pytest.mark.parametrize("axis", [Axis(False), Axis(True)], ids=["even", "roomy"])
def test_a_place_is_that_of_its_score(axis):
    scores = np.array([1e-5, 0.01, 0.2, 0.5, 0.8, 0.999, 0.99999])
    places = axis.place(scores)
    assert (np.diff(places) > 0).all()
    assert axis.score(places) == pytest.approx(scores, rel=1e-9)
    assert float(axis.place(0.5)) == 0.5
    assert axis.place(np.array([0.0, 1.0])).tolist() == [0, 1]
    assert all(0 <= place <= 1 for place, _ in axis.ticks)


def test_with_room_the_ends_are_apart():
    even, roomy = (axis.place(np.array([0.999, 0.9999])) for axis in (Axis(False), Axis(True)))
    assert np.diff(roomy)[0] > 50 * np.diff(even)[0]
