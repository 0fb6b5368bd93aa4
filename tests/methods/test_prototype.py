import math

import pytest
import torch

from obftnet.backbones.features import Features
from obftnet.backbones.weights import load_backbone
from obftnet.methods.prototype import Prototype


@pytest.fixture(scope="module")
def method() -> Prototype:
    return Prototype(load_backbone("compact", "random"), size=64)


def features(maps: torch.Tensor) -> Features:
    """Maps (n, c, h, w) of images that were seen at their size."""
    return Features((maps,), (maps.shape[-2], maps.shape[-1]))


def test_the_score_is_the_softmax_of_twenty_times_cosine(method):
    def at(*degrees):
        angles = torch.tensor(degrees) * math.pi / 180
        return features(torch.stack([angles.cos(), angles.sin()])[None, :, None])

    guidance = method.guide(at(0.0, 90), torch.tensor([[[1.0, 0]]]), at(90.0, 90))
    score = method.score(at(0.0, 45, 90), guidance)[0, 0]
    expected = [1 / (1 + math.exp(-20)), 0.5, 1 / (1 + math.exp(20))]
    assert score.tolist() == pytest.approx(expected, abs=1e-5)


def test_shots_give_the_mean_of_their_prototypes(method):
    """Not the mean over all the defect's cells: a large defect does not outweigh a small one."""
    support = features(torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]).reshape(2, 1, 1, 3))
    masks = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]).reshape(2, 1, 3)
    guidance = method.guide(support, masks, support)
    assert guidance.defect[0].item() == pytest.approx(0.5)


def test_what_is_not_usable_is_not_good(method):
    background = features(torch.tensor([[1.0, 5.0]]).reshape(1, 1, 1, 2))
    guidance = method.guide(background, torch.ones(1, 1, 2), background, torch.tensor([[[1.0, 0.0]]]))
    assert guidance.good[0].item() == pytest.approx(1)
