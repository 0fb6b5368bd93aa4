import doctest

import numpy as np
import pytest

from obftnet.evaluation import metrics
from obftnet.evaluation.metrics import Counts, fb_iou, mean_iou


def mask(*rows: str) -> np.ndarray:
    return np.array([[cell == "x" for cell in row] for row in rows])


def test_counts_by_hand():
    counts = Counts.of(mask("xx.", "x.."), mask("x.x", "x.x"))
    assert counts == Counts(true_positive=2, false_positive=1, false_negative=2, true_negative=1)
    assert counts.iou == 2 / 5
    assert counts.background_iou == 1 / 4
    assert counts.predicted_share == 3 / 6


def test_the_iou_of_a_class_is_that_of_its_summed_pixels():
    """Not the mean over episodes: here (1/1 + 0/3) / 2 = 1/2 against 1/4."""
    first = Counts.of(mask("x..."), mask("x..."))
    second = Counts.of(mask(".xxx"), mask("...."))
    assert (first + second).iou == 1 / 4


def test_miou_is_the_mean_over_classes_and_fb_iou_that_of_the_whole_split():
    small = Counts(true_positive=1, false_positive=1, false_negative=0, true_negative=8)
    large = Counts(true_positive=10, false_positive=0, false_negative=30, true_negative=60)
    assert mean_iou([small, large]) == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert fb_iou([small, large]) == pytest.approx((11 / 42 + 68 / 99) / 2)


def test_one_class_more_moves_miou_by_its_share_alone():
    classes = [Counts(3, 1, 0, 6), Counts(1, 3, 0, 6)]
    assert mean_iou(classes) == mean_iou(reversed(classes)) == pytest.approx(1 / 2)
    assert mean_iou([*classes, Counts(0, 1, 1, 8)]) == pytest.approx(1 / 3)


def test_nothing_to_find_and_nothing_found():
    counts = Counts.of(mask("...."), mask("...."))
    assert (counts.iou, counts.background_iou, counts.predicted_share) == (0, 1, 0)


def test_everything_is_defect_and_found():
    counts = Counts.of(mask("xx"), mask("xx"))
    assert (counts.iou, counts.background_iou, counts.predicted_share) == (1, 0, 1)


def test_counts_of_nothing():
    assert (Counts().iou, Counts().background_iou, Counts().predicted_share) == (0, 0, 0)
    assert fb_iou([]) == 0


def test_a_mean_over_no_class_is_an_error_not_a_nan():
    with pytest.raises(ValueError, match="no class"):
        mean_iou([])


def test_counts_do_not_overflow():
    large = np.ones((2000, 2000), dtype=bool)
    total = sum((Counts.of(large, large) for _ in range(3)), Counts())
    assert total.true_positive == 12_000_000
    assert isinstance(total.true_positive, int)


def test_shapes_that_differ_are_named():
    with pytest.raises(ValueError, match=r"\(1, 2\).*\(2, 1\)"):
        Counts.of(mask("xx"), mask("x", "x"))


def test_the_example_in_the_docstring_runs():
    results = doctest.testmod(metrics)
    assert results.attempted > 0
    assert results.failed == 0
