from dataclasses import replace

import numpy as np
import pytest
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.config import model_config
from obftnet.model import OBFTNet
from obftnet.training.augment import flip

#: Generators whose first two draws turn nothing, up and down, left and right, and both over.
SEEDS = {
    (a, b): next(seed for seed in range(1000) if tuple(np.random.default_rng(seed).random(2) < 0.5) == (a, b))
    for a in (False, True)
    for b in (False, True)
}
TURNS = [pytest.param(turn, id=f"rows {turn[0]}, columns {turn[1]}") for turn in SEEDS]


def by(turn: tuple[bool, bool]) -> np.random.Generator:
    return np.random.default_rng(SEEDS[turn])


@pytest.mark.parametrize("turn", TURNS)
def test_twice_is_not_at_all(turn):
    relation = (torch.randn(1, 3, 4, 6), torch.randn(1, 2, 2, 3, 4, 4))
    target = torch.randn(1, 8, 12)
    again, target_again = flip(*flip(relation, target, by(turn)), by(turn))
    assert all(torch.equal(a, b) for a, b in zip(again, relation, strict=True))
    assert torch.equal(target_again, target)


@pytest.mark.parametrize("turn", TURNS)
def test_relation_and_target_are_turned_the_same_way(turn):
    target = torch.randn(1, 4, 6)
    four_axes, six_axes = target.unsqueeze(1), target[:, None, :, :, None, None].expand(1, 1, 4, 6, 2, 2)
    (level, wide), turned = flip((four_axes, six_axes), target, by(turn))
    assert torch.equal(level[:, 0], turned)
    assert torch.equal(wide[:, 0, :, :, 1, 0], turned)
    expected = target.numpy()[:, :: -1 if turn[0] else 1, :: -1 if turn[1] else 1]
    assert np.array_equal(turned.numpy(), expected)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("reader", ["cues", "encoder4d"])
def test_the_relation_of_a_turned_query_is_the_turned_relation(reader, turn):
    backbone = load_backbone("compact", "random")
    model = OBFTNet(model_config({"reader": reader, "backbone": "compact", "size": 64}), backbone)
    seen = model.extract(torch.rand(3, 3, 64, 96, generator=torch.Generator().manual_seed(0)))
    masks = torch.zeros(1, 64, 96)
    masks[:, 16:32, 24:40] = 1
    query, guidance = seen[:1], model.guide(seen[1:2], masks, seen[2:])
    axes = [axis for axis, turned in zip((2, 3), turn, strict=True) if turned]
    turned = replace(query, taps=tuple(level.flip(axes) for level in query.taps))
    augmented, _ = flip(model.training_input(query, guidance).query, torch.zeros(1, 64, 96), by(turn))
    direct = model.training_input(turned, guidance).query
    assert len(direct) == len(model.levels)
    for a, b in zip(direct, augmented, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_each_way_is_taken_half_of_the_time():
    rng, ramp = np.random.default_rng(0), torch.arange(4.0).reshape(1, 2, 2)
    firsts = [int(flip((ramp[None],), ramp, rng)[1][0, 0, 0]) for _ in range(400)]
    counts = np.bincount(firsts, minlength=4)
    assert (abs(counts - 100) < 6 * np.sqrt(400 * 3 / 16)).all(), counts
