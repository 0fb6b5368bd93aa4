import numpy as np
import pytest
import torch

from obftnet.config import ModelConfig
from obftnet.explanation.explain import spread_points
from obftnet.explanation.matches import matches
from obftnet.features.guidance import prepare_guidance
from obftnet.relation.bilateral import bilateral_tensor
from obftnet.relation.correlation import unit_features

CONFIG = ModelConfig()


@pytest.fixture
def episode():
    """Two taps of one level: a query of 4 x 5 cells, two supports and two backgrounds of 3 x 4."""
    generator = torch.Generator().manual_seed(0)

    def features(*shape):
        return tuple(torch.randn(*shape, generator=generator) for _ in range(2))

    mask = torch.zeros(1, 2, 3, 4)
    mask[0, 0, 1, 1:3] = 1
    mask[0, 1, 0, 0] = 1
    query = features(1, 6, 4, 5)
    return query, prepare_guidance(features(1, 2, 6, 3, 4), mask, features(1, 2, 6, 3, 4))


def test_it_is_the_plan_that_the_encoder_reads(episode):
    query, guidance = episode
    (match,) = matches(query, guidance, [1], [(2, 3)], CONFIG)
    plan = bilateral_tensor(unit_features(query[1]), guidance, 1, CONFIG)  # (shots, 2, hq, wq, hg, wg)
    foreground, background = plan[:, 0, 2, 3], plan[:, 1, 2, 3]
    share = foreground / foreground.sum() * guidance.defect[1][0]
    np.testing.assert_allclose(match.support, share, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(match.background, background / background.sum(), rtol=1e-5, atol=1e-7)


def test_shares_are_of_one_whole_and_averaged_over_the_taps(episode):
    query, guidance = episode
    cells = [(0, 0), (3, 4)]
    both = matches(query, guidance, [0, 1], cells, CONFIG)
    alone = [matches(query, guidance, [tap], cells, CONFIG) for tap in (0, 1)]
    for index, match in enumerate(both):
        assert match.background.sum() == pytest.approx(1)
        assert 0 < match.defect < 1
        assert np.abs(match.support[~guidance.defect[0][0].numpy()]).max() == 0
        assert match.defect == pytest.approx((alone[0][index].defect + alone[1][index].defect) / 2)


def test_a_position_that_is_a_support_cell_goes_there(episode):
    query, guidance = episode
    maps = query[0].clone()
    maps[0, :, 1, 2] = guidance.supports[0][0, 0, :, 1, 2]
    (match,) = matches((maps, query[1]), guidance, [0], [(1, 2)], CONFIG)
    assert int(match.support.argmax()) == 1 * 4 + 2
    assert match.defect > 0.5


def test_unusable_background_gets_nothing(episode):
    query, guidance = episode
    usable = torch.ones(1, 2, 3, 4)
    usable[0, 1] = 0
    cleaned = prepare_guidance(guidance.supports, guidance.defect[0].float(), guidance.backgrounds, usable)
    (match,) = matches(query, cleaned, [0], [(0, 0)], CONFIG)
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


def test_few_pixels_have_few_points():
    assert spread_points(np.ones((1, 1), np.float32), 4)[0] == (0, 0)
