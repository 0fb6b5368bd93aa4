from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from obftnet.calibration import LeastRegion, bound, enough, interval, propose_least_region
from obftnet.calibration.curve import trade
from obftnet.calibration.least_region import where_it_fails
from obftnet.calibration.quantile import round_up
from obftnet.errors import InputError


@pytest.mark.parametrize(("count", "rate"), [(19, 0.05), (39, 0.05), (20, 0.2), (99, 0.01), (30, 0.1)])
def test_the_promise_is_kept_on_average_over_calibrations(count, rate):
    rng = np.random.default_rng(count)
    drawn = rng.random((4000, count + 1))
    above = [row[-1] > bound(row[:-1], rate).threshold for row in drawn]
    promised = bound(drawn[0][:-1], rate).promised
    assert promised <= rate + 1e-12
    assert np.mean(above) == pytest.approx(promised, abs=4 * np.sqrt(rate / len(drawn)))


@pytest.mark.parametrize(("count", "rate"), [(19, 0.05), (60, 0.05), (30, 0.01)])
def test_the_bound_holds_for_95_of_100_calibrations(count, rate):
    rng = np.random.default_rng(1)
    # Of uniform scores the true rate above a threshold is known.
    found = [bound(rng.random(count), rate) for _ in range(2000)]
    held = np.mean([1 - one.threshold <= one.at_most for one in found])
    assert held == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 1 / 3, 0.2])
def test_it_is_said_how_many_images_a_rate_takes(rate):
    least = enough(rate)
    scores = np.linspace(0.1, 0.9, least)
    assert not bound(scores, rate).too_few
    assert bound(scores[:-1], rate).too_few
    assert bound(scores[:-1], rate).threshold == pytest.approx(scores[-2], abs=1e-7)


def test_thirty_good_images_cannot_promise_less_than_three_per_cent():
    assert f"{100 * bound([0.5] * 30, 0.01).promised:.1f}" == "3.2"


@pytest.mark.parametrize("score", [0.0, 0.5, 0.9993, float(np.float32(0.9993)), 0.99999994, 0.9999999, 1.0])
def test_a_threshold_is_not_below_the_score_it_is_of_and_can_be_typed(score):
    threshold = round_up(score)
    assert score <= threshold <= min(1.0, score + 1e-7)
    assert (threshold == 1) == (score == 1)
    assert float(f"{threshold:.9g}") == threshold


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (3, 10), (10, 10), (1, 400)])
def test_intervals_are_those_of_clopper_and_pearson(hits, count):
    wanted = stats.binomtest(hits, count).proportion_ci(0.95, "exact")
    assert interval(hits, count) == pytest.approx((wanted.low, wanted.high))


@pytest.mark.parametrize(
    ("scores", "rate"), [([], 0.1), ([0.5], 0.0), ([0.5], 1.0), ([1.5], 0.1), ([0.5], 2.0)]
)
def test_what_cannot_be_calibrated_is_refused(scores, rate):
    with pytest.raises(InputError):
        bound(scores, rate)


def test_the_least_region_is_a_quarter_of_the_smallest_support():
    first, second = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    first[:20, :10] = True
    second[5:15, 5:13] = second[30, 30] = True  # its speck is not its defect
    assert propose_least_region([first, second]) == LeastRegion(20, 80)
    for masks in ([], [np.zeros((3, 3), bool)]):
        with pytest.raises(InputError):
            propose_least_region(masks)


def test_it_is_said_where_no_least_region_works():
    least = LeastRegion(20, 80)
    assert where_it_fails(least, [0] * 9 + [500], 0.5) == ""
    assert "5 of 10 good images show regions of 80 pixels or more" in where_it_fails(
        least, [0] * 5 + [80, 90, 100, 500, 80], 0.5
    )


def test_the_trade_falls_in_false_alarms_as_in_recall():
    rng = np.random.default_rng(0)
    rows = trade(rng.random(30).tolist(), rng.random(12).tolist())
    assert len(rows) == 30
    for (threshold, promised, found, _), (after, less, fewer, count) in pairwise(rows):
        assert 0.5 <= threshold <= after
        assert less < promised
        assert fewer <= found <= count == 12
