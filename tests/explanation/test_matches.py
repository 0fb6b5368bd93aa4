from dataclasses import replace

import numpy as np
import pytest
import torch

from obftnet.backbones.features import Features, unit_features
from obftnet.config import EncoderConfig
from obftnet.explanation.explain import spread_points
from obftnet.explanation.matches import matches
from obftnet.guidance.guidance import masked_guidance

ALGORITHM = EncoderConfig().algorithm


@pytest.fixture
def episode():
    """Two taps of one level: a query of 4 x 5 cells, two supports and two backgrounds of 3 x 4."""
    generator = torch.Generator().manual_seed(0)

    def features(n, *grid):
        taps = (torch.randn(n, 6, *grid, generator=generator) for _ in range(2))
        return Features(tuple(unit_features(x) for x in taps), grid)

    masks = torch.zeros(2, 3, 4)
    masks[0, 1, 1:3] = 1
    masks[1, 0, 0] = 1
    return features(1, 4, 5), masked_guidance(features(2, 3, 4), masks, features(2, 3, 4))


@pytest.mark.parametrize("zeroed", ["keep", "drop"])
def test_it_is_the_plan_that_the_encoder_reads(episode, zeroed):
    query, guidance = episode
    config = EncoderConfig(zeroed_columns=zeroed)
    (match,) = matches(query, guidance, [1], [(2, 3)], config.algorithm)
    # A level a tap: (shots, 2, hq, wq, hg, wg).
    plan = config.bilateral.levels(query.taps, guidance, (1, 1))[1].dense()
    foreground, background = plan[:, 0, 2, 3], plan[:, 1, 2, 3]
    share = foreground / foreground.sum() * guidance.defect[1]
    np.testing.assert_allclose(match.support, share, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(match.background, background / background.sum(), rtol=1e-5, atol=1e-7)


def test_shares_are_of_one_whole_and_averaged_over_the_taps(episode):
    query, guidance = episode
    cells = [(0, 0), (3, 4)]
    both = matches(query, guidance, [0, 1], cells, ALGORITHM)
    alone = [matches(query, guidance, [tap], cells, ALGORITHM) for tap in (0, 1)]
    for index, match in enumerate(both):
        assert match.background.sum() == pytest.approx(1)
        assert 0 < match.defect < 1
        assert np.abs(match.support[~guidance.defect[0].numpy()]).max() == 0
        assert match.defect == pytest.approx((alone[0][index].defect + alone[1][index].defect) / 2)


def test_a_position_that_is_a_support_cell_goes_there(episode):
    query, guidance = episode
    query.taps[0][0, :, 1, 2] = guidance.supports[0][0, :, 1, 2]
    (match,) = matches(query, guidance, [0], [(1, 2)], ALGORITHM)
    assert int(match.support.argmax()) == 1 * 4 + 2
    assert match.defect > 0.5


def test_unusable_background_gets_nothing(episode):
    query, guidance = episode
    cleaned = replace(guidance, usable=tuple(x.clone() for x in guidance.usable))
    for cells in cleaned.usable:
        cells[1] = False
    (match,) = matches(query, cleaned, [0], [(0, 0)], ALGORITHM)
    assert np.abs(match.background[1]).max() == 0


def test_the_points_are_the_best_and_then_far_from_each_other():
    score = np.zeros((50, 100), np.float32)
    score[10, 90] = 1
    points = spread_points(score, 4)
    assert points[0] == (90, 10)
    assert points[1] == (10, 45)
    apart = [np.hypot(a - c, b - d) for i, (a, b) in enumerate(points) for c, d in points[:i]]
    assert min(apart) > 25
    assert len(set(spread_points(score, 30))) == 26


def test_the_points_lie_in_the_region_of_interest():
    interest = np.zeros((50, 100), bool)
    interest[:, 60:] = True
    score = np.zeros((50, 100), np.float32)
    points = spread_points(score, 30, interest)
    assert all(interest[y, x] for x, y in points)
    assert len(set(points)) == len(points) > 4


def test_few_pixels_have_few_points():
    assert spread_points(np.ones((1, 1), np.float32), 4)[0] == (0, 0)
