import numpy as np
import pytest

from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.segmentation.changes import DEFAULT_DECISION, LEAST_REGION, Changes
from obftnet.segmentation.record import Settled

INTEREST = np.eye(4, dtype=bool)
THERE = Decision(0.6, 2.0, 3.0, "mm", (0.5, 0.7), INTEREST)


def test_what_is_not_asked_for_stays():
    assert Changes().of() == (DEFAULT_DECISION, None)
    assert Decision(min_area=LEAST_REGION) == DEFAULT_DECISION
    assert Changes().of(THERE, 10.0) == (THERE, 10.0)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"threshold": 0.55}, Decision(0.55, 2, 3, "mm", (0.5, 0.7), INTEREST)),
        ({"min_area": 0, "review": "none"}, Decision(0.6, 0, 3, "mm", None, INTEREST)),
        ({"unit": "px"}, Decision(0.6, 200, 30, "px", (0.5, 0.7), INTEREST)),
        ({"unit": "px", "min_area": 7}, Decision(0.6, 7, 30, "px", (0.5, 0.7), INTEREST)),
        ({"threshold": 0.9, "review": (0.8, 0.95)}, Decision(0.9, 2, 3, "mm", (0.8, 0.95), INTEREST)),
        ({"low_threshold": 0.4}, Decision(0.6, 2, 3, "mm", (0.5, 0.7), INTEREST, 0.4)),
    ],
)
def test_what_is_asked_for_takes_its_place(changes, wanted):
    assert Changes(**changes).of(THERE, 10.0) == (wanted, 10.0)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, 0.5),
        ({"threshold": 0.3}, 0.3),
        ({"low_threshold": 0.2}, 0.2),
        ({"low_threshold": "none"}, None),
    ],
)
def test_a_low_threshold_follows_a_threshold_that_falls_below_it(changes, wanted):
    changed, _ = Changes(**changes).of(Decision(0.9, low_threshold=0.5))
    assert changed.low_threshold == wanted


def test_sizes_in_pixels_become_millimetres_by_the_scale():
    assert Changes(unit="mm", scale=10).of(Decision(min_area=50, min_length=20)) == (
        Decision(min_area=0.5, min_length=2, unit="mm"),
        10.0,
    )


def test_what_is_replaced_needs_no_scale_to_be_converted_by():
    assert Changes(unit="px", min_area=7, min_length=0).of(THERE)[0].min_area == 7


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"threshold": 1}, "would mark nothing"),
        ({"threshold": float("nan")}, "threshold"),
        ({"min_area": -1}, "least area"),
        ({"min_area": float("nan")}, "least area"),
        ({"min_length": 1e9}, "least length"),
        ({"unit": "inch"}, "px or mm"),
        ({"unit": "mm", "min_area": 1}, "needs the scale"),
        ({"scale": 0}, "scale"),
        ({"low_threshold": 0.6}, "low threshold 0.6"),
        ({"low_threshold": 0}, "low threshold 0: above 0, where all would be marked"),
        ({"low_threshold": float("nan")}, "low threshold"),
        ({"review": (0.6, 0.7)}, "threshold 0.5 between"),
    ],
)
def test_what_cannot_be_is_refused(changes, says):
    with pytest.raises(InputError, match=says):
        Changes(**changes).of()


def test_decisions_that_decide_alike_have_one_key():
    def key(*arguments, scale=None, **options):
        return Settled.of(Decision(*arguments, **options), scale).key

    assert key(0.5, 50, 20) == key(0.5, 0.5, 2, "mm", scale=10)
    keys = [
        key(0.5, 50),
        key(0.5, 51),
        key(0.5, 50, 1.5),
        key(0.99999994, 50),
        key(0.5, 50, review=(0.4, 0.6)),
        key(0.5, 50, low_threshold=0.4),
        key(0.5, 50, interest=INTEREST),
        key(0.5, 50, interest=~INTEREST),
    ]
    assert len(set(keys)) == len(keys)


def test_differences_are_told_with_units_and_all_digits():
    one = Settled.of(Decision(0.9993, 9), None)
    other = Settled.of(Decision(0.9999, 0.5, 2, "mm", (0.9, 0.9999), low_threshold=0.5), 10.0)
    assert one.differences(one) == []
    assert one.differences(other) == [
        "threshold 0.9993, now 0.9999",
        "low threshold none, now 0.5",
        "least region 9 pixels, now 0.5 mm²",
        "least length 0 pixels, now 2 mm",
        "scale none, now 10",
        "review none, now 0.9 to 0.9999",
    ]
