"""What a caller has set around our calls changes no score."""

import copy

import numpy as np
import pytest
import torch

from obftnet import Segmenter

_RNG = np.random.default_rng(0)
IMAGES = [_RNG.random((96, 96, 3), dtype=np.float32) for _ in range(3)]
MASK = np.zeros((96, 96), bool)
MASK[30:50, 30:60] = True


@pytest.fixture
def doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def score() -> np.ndarray:
    segmenter = Segmenter.from_pretrained(device="cpu").fit([(IMAGES[0], MASK)], [IMAGES[1]])
    return segmenter.predict(IMAGES[2]).score


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return score()


@pytest.mark.parametrize(
    "around",
    [
        lambda: torch.autocast("cpu", torch.bfloat16),
        torch.inference_mode,
        torch.no_grad,
        torch.enable_grad,
    ],
)
def test_a_mode_around_the_calls(around, expected):
    with around():
        found = score()
    np.testing.assert_array_equal(found, expected)


def test_another_default_of_floats(expected, doubles):
    np.testing.assert_array_equal(score(), expected)


def test_a_copy_of_a_segmenter(expected):
    segmenter = Segmenter.from_pretrained(device="cpu").fit([(IMAGES[0], MASK)], [IMAGES[1]])
    np.testing.assert_array_equal(copy.deepcopy(segmenter).predict(IMAGES[2]).score, expected)
