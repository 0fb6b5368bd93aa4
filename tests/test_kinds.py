"""Names of kinds of defect, and which of them a pixel shows."""

import numpy as np
import pytest

from obftnet.errors import InputError
from obftnet.kinds import best_of, check_kinds


def test_the_best_of_kinds_is_their_largest_score_and_the_first_that_has_it():
    scores = np.random.default_rng(0).integers(0, 4, (5, 6, 7)).astype(np.float32) / 4
    largest, best = best_of(iter(scores))
    np.testing.assert_array_equal(largest, scores.max(0))
    np.testing.assert_array_equal(best, scores.argmax(0))
    assert best.dtype == np.uint8
    assert largest.base is None, "what came in is left as it was"


def test_of_one_kind_its_own_score_is_the_best():
    score = np.ones((2, 3), np.float32)
    largest, best = best_of([score])
    assert largest is score
    assert best is None


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([b"cut"], "a bytes; a name is wanted"),
        (["cut", ""], "''"),
        (["x" * 201], "1 to 200 printable"),
        (["a\tb"], "printable"),
        ([str(number) for number in range(256)], "at most 255"),
    ],
)
def test_names_that_are_none(names, says):
    with pytest.raises(InputError, match=says):
        check_kinds(names)
    assert check_kinds(["Kratzer tief", "cut"]) == ("Kratzer tief", "cut")
