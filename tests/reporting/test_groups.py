"""What stands first: misses and false alarms, then the worst, then the doubtful; no image twice."""

import numpy as np
import pytest

from obftnet.decision import Decision
from obftnet.reporting.groups import MOST, group
from obftnet.reporting.truth import Label

DECISION = Decision(threshold=0.5, min_area=9, review=(0.4, 0.7))
GOOD, BAD = Label(False), Label(True)
#: Image scores, by place.
SCORES = [0.1, 0.95, 0.75, 0.45, 0.6, 0.3, 0.9, 0.05]


def names(groups) -> dict[str, list[int]]:
    return {found.name: [item.number for item in found.shown] for found in groups}


@pytest.mark.parametrize(
    ("truth", "elsewhere", "expected"),
    [
        ({}, [], {"worst": [2, 7, 3], "borderline": [4, 5]}),
        (
            {1: BAD, 6: BAD, 2: GOOD, 7: GOOD, 4: BAD},
            [],
            {"misses": [1, 6], "false_alarms": [2, 7], "worst": [3], "borderline": [4, 5]},
        ),
        ({2: BAD, 3: BAD}, [3], {"elsewhere": [3], "worst": [2, 7], "borderline": [4, 5]}),
    ],
    ids=["no truth", "truth", "elsewhere"],
)
def test_the_groups(items, truth, elsewhere, expected):
    labels = {f"part{number}": label for number, label in truth.items()}
    apart = frozenset(f"part{number}" for number in elsewhere)
    assert names(group(items(SCORES), DECISION, labels, apart)) == expected


def test_without_a_band_the_borderline_is_on_both_sides_of_the_threshold(items):
    decision = Decision(threshold=0.5)
    scores = [*np.linspace(0.6, 1, MOST["worst"]), 0.51, 0.49, 0.2]
    found = {part.name: part for part in group(items(scores, decision), decision, {})}
    assert [item.score for item in found["borderline"].shown] == [0.51, 0.49, 0.2]
    assert found["borderline"].total == 3
    assert len(found["worst"].shown) == MOST["worst"]


def test_of_many_the_first_are_shown_and_all_are_counted(items):
    found = {part.name: part for part in group(items([0.9] * 100 + [0.5] * 90), DECISION, {})}
    assert [(len(part.shown), part.total) for part in found.values()] == [
        (MOST["worst"], 100),
        (MOST["borderline"], 90),
    ]


def test_no_image_is_shown_twice(items):
    rng = np.random.default_rng(0)
    scores = rng.random(300).tolist()
    labels = {f"part{n}": (GOOD, BAD)[int(rng.integers(2))] for n in range(1, 301)}
    shown = [item.result for part in group(items(scores), DECISION, labels) for item in part.shown]
    assert len(shown) == len(set(shown)) > 100


def test_of_no_images_there_are_no_groups():
    assert group([], DECISION, {}) == []
