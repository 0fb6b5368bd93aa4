import math

import pytest
import torch
from torch.nn.functional import normalize

from obftnet.methods import mixture as module
from obftnet.methods.mixture import mixture, probabilities


def test_one_step_by_hand(monkeypatch):
    """Three unit vectors at 0, 60 and 90 degrees, means starting at 0 and 90: belief by exp(20 cos)."""
    monkeypatch.setattr(module, "_STEPS", 1)
    angles = [0.0, 60.0, 90.0]
    positions = torch.tensor(
        [[[2 * math.cos(math.radians(a)), 2 * math.sin(math.radians(a))] for a in angles]]
    )
    means = mixture(positions, torch.ones(1, 3), torch.tensor([[1.0, 0], [0, 1]]))[0]
    expected = [0.0, 0.0]
    for angle in angles:
        x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        belongs = 1 / (1 + math.exp(20 * (y - x)))
        expected = [expected[0] + belongs * x, expected[1] + belongs * y]
    length = math.hypot(*expected)
    assert means[0].tolist() == pytest.approx([value / length for value in expected], abs=1e-5)


def test_it_finds_the_clusters_and_stays_there():
    """Three tight clusters far apart: a mean lies in the middle of each, whichever start took it."""
    torch.manual_seed(0)
    centres = torch.eye(3, 8)
    positions = centres.repeat_interleave(50, 0) + 0.02 * torch.randn(150, 8)
    start = normalize(centres + 0.3 * torch.randn(3, 8), dim=1)
    means = mixture(positions[None], torch.ones(1, 150), start)[0]
    assert (means @ centres.T).amax(0).min() > 0.99


def test_what_does_not_count_moves_no_mean():
    positions = torch.randn(1, 20, 4)
    share = (torch.arange(20) < 10).float()[None]
    start = normalize(torch.randn(2, 4), dim=1)
    torch.testing.assert_close(
        mixture(positions, share, start), mixture(positions[:, :10], share[:, :10], start)
    )
    torch.testing.assert_close(mixture(positions, torch.zeros(1, 20), start)[0], start)


def test_probabilities_sum_to_one_and_name_the_nearest():
    defect, rest = torch.tensor([[[1.0, 0], [0.8, 0.6]]]), torch.tensor([[[0.0, 1], [-1, 0]]])
    maps = torch.tensor([[3.0, 0, 0.9], [0, 2, 0.7]]).reshape(1, 2, 1, 3)
    both = probabilities(maps, defect, rest)
    torch.testing.assert_close(both.sum(1), torch.ones(1, 1, 3))
    first = math.exp(20) + math.exp(16)
    assert both[0, 1, 0, 0].item() == pytest.approx(first / (first + 1 + math.exp(-20)))
    assert both[0, 0, 0, 1] > 0.5
    assert both[0, 1, 0, 2] > 0.5
