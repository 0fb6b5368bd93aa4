import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from obftnet.decision import Decision
from obftnet.evaluation.measures import Measures
from obftnet.evaluation.metrics import Counts, auroc


def query():
    """Three annotated regions, of which scores mark one, a speck in another, and a false alarm."""
    truth, score = np.zeros((12, 12), bool), np.full((12, 12), 0.1, np.float32)
    truth[0:4, 0:4] = truth[0:4, 8:12] = True
    truth[8, 8] = truth[9, 9] = True  # one region: they touch by a corner
    score[0:4, 0:3] = 0.8
    score[1, 9] = 0.9
    score[10:12, 0:4] = 0.7
    return score, truth


def test_regions_found_and_marks():
    found = Measures.of(*query(), Decision(0.5))
    assert found.counts == Counts(13, 8, 16 + 16 + 2 - 13, 144 - 34 - 8)
    assert (found.regions, found.found) == (3, 2)
    assert (found.marked, found.region) == (True, True)
    assert found.largest_score == found.image_score == pytest.approx(0.9)


def test_small_regions_neither_mark_nor_find():
    found = Measures.of(*query(), Decision(0.5, min_area=10))
    assert found.counts == Counts(12, 0, 22, 110)
    assert found.found == 1
    assert (found.largest_score, found.image_score) == (pytest.approx(0.9), pytest.approx(0.8))
    nothing = Measures.of(*query(), Decision(0.5, min_area=100))
    assert (nothing.marked, nothing.region, nothing.found) == (True, False, 0)
    assert nothing.image_score == pytest.approx(0.1)


def test_the_values_are_taken_back_without_loss():
    found = Measures.of(*query(), Decision(0.5, min_area=10))
    assert Measures.read(found.values()) == found


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 14),
        (0, -1),
        (0, 1.0),
        (4, float("nan")),
        (5, "0.9"),
        (6, 1),
        (7, 2),
        (9, "no histogram"),
        (9, None),
        (9, ""),
    ],
)
def test_damaged_values_are_refused(place, value):
    values = Measures.of(*query(), Decision()).values()
    values[place] = value
    with pytest.raises(ValueError, match="not"):
        Measures.read(values)
    with pytest.raises(ValueError, match="not"):
        Measures.read(values[:-1])


def test_auroc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for good, defective in ((5, 9), (40, 3), (1, 1)):
        # Few values, so that there are ties.
        scores = rng.integers(0, 6, good + defective) / 5
        labels = np.arange(good + defective) >= good
        assert auroc(list(scores[:good]), list(scores[good:])) == pytest.approx(roc_auc_score(labels, scores))


def test_auroc_by_hand():
    assert auroc([0.1, 0.5], [0.5, 0.9]) == (1 + 0.5 + 1 + 1) / 4
    assert auroc([0.9], [0.1]) == 0
    assert (auroc([], [0.5]), auroc([0.5], [])) == (None, None)
