"""One colour for a score: it depends on the threshold alone, and changes there."""

import numpy as np
import pytest

from obftnet.reporting.colors import color_of, laid_over

LEVELS = np.linspace(0, 1, 101)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.83])
def test_blue_is_below_the_threshold_and_warm_above_it(threshold):
    red, _, blue, opacity = np.moveaxis(color_of(LEVELS, threshold), -1, 0)
    above = threshold < LEVELS
    assert (blue > red)[~above].all()
    assert (red > blue)[above].all()
    assert (opacity[threshold / 2 >= LEVELS] == 0).all()
    # The higher the score, the denser; nothing hides the photograph.
    assert (np.diff(opacity[~above]) >= 0).all()
    assert (np.diff(opacity[above]) >= 0).all()
    assert opacity.max() < 0.7


def test_a_score_has_one_colour_whatever_else_is_in_the_picture():
    alone = color_of(np.array([0.62]), 0.5)
    among = color_of(np.array([[0.01, 0.62], [0.99, 0.3]]), 0.5)
    assert np.array_equal(alone[0], among[0, 1])


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_the_ends_have_colours(threshold):
    colors = color_of(LEVELS, threshold)
    assert np.isfinite(colors).all()
    assert (colors >= 0).all()
    assert (colors <= 1).all()


def test_what_has_no_score_shows_the_photograph():
    image = np.random.default_rng(0).random((4, 5, 3), dtype=np.float32)
    assert np.array_equal(laid_over(image, np.zeros((4, 5)), 0.5), image)
    assert not np.array_equal(laid_over(image, np.ones((4, 5)), 0.5), image)
