"""Rates and their intervals."""

import pytest
from scipy import stats

from obftnet.decision import Verdict
from obftnet.reporting.confusion import LEVEL, Rate, Row


@pytest.mark.parametrize(("count", "of"), [(0, 1), (0, 30), (1, 33), (6, 10), (10, 10), (150, 2000)])
def test_the_interval_is_clopper_and_pearson_s(count, of):
    expected = stats.binomtest(count, of).proportion_ci(LEVEL, method="exact")
    assert Rate(count, of).interval == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_of_nothing_nothing_is_known():
    assert (Rate(0, 0).share, Rate(0, 0).interval) == (0, (0, 1))


def test_verdicts_are_counted():
    row = Row.of([Verdict.FAIL, Verdict.PASS, Verdict.FAIL, Verdict.REVIEW])
    assert (row.passed, row.review, row.failed, row.total) == (1, 1, 2, 4)
    assert (row.fails, row.held) == (Rate(2, 4), Rate(3, 4))
