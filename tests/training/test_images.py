"""Episodes as images, seen anew each time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from obftnet.config import CuesConfig
from obftnet.data import train_episode
from obftnet.model import OBFTNet
from obftnet.training import images
from obftnet.training.images import inputs_of, load_episodes


@pytest.fixture
def episode(collection, folds):
    def draw(index: int, **options):
        return train_episode(collection, "fabric", folds["fabric"], seed=0, index=index, **options)

    return draw


def test_an_episode_is_a_pure_function_of_its_random_numbers(episode):
    drawn = episode(0, shots=2, backgrounds=2)
    first, again = (load_episodes([drawn], 64, np.random.default_rng(5)) for _ in range(2))
    other = load_episodes([drawn], 64, np.random.default_rng(6))
    for name in ("queries", "supports", "backgrounds", "target", "fraction"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.queries, other.queries)


def test_shapes_ranges_and_that_masks_turn_with_their_images(episode):
    for index in range(12):
        drawn = episode(index, shots=2)
        seen = load_episodes([drawn], 64, np.random.default_rng(index))
        shots = len(drawn.supports)
        assert seen.queries.shape == seen.backgrounds.shape == (1, 3, 64, 64)
        assert seen.supports.shape == (shots, 3, 64, 64)
        looks = torch.cat([seen.queries, seen.supports, seen.backgrounds])
        assert seen.fraction.shape == (shots, 64, 64)
        assert seen.usable.shape == (1, 64, 64)
        assert looks.min() >= 0
        assert looks.max() <= 1
        assert set(seen.target.unique().tolist()) <= {0.0, 1.0}
        assert (seen.fraction.amax((-2, -1)) > 0).all()
        assert (seen.usable == 1).all()


def test_a_defect_stays_on_its_pixels(episode, monkeypatch):
    """An image that is white on the defect alone shows its mask after every turn, crop and shape."""
    monkeypatch.setattr("obftnet.training.images._other_light", lambda pixels, rng: pixels)
    drawn = episode(1)
    mask = drawn.query.load_mask()
    painted = np.repeat(mask[..., None], 3, 2).astype(np.float32)
    monkeypatch.setattr(type(drawn.query), "load_image", lambda self: painted)
    for seed in range(16):
        seen = load_episodes([drawn], 64, np.random.default_rng(seed))
        # Image and mask are resized in two ways, which differ on the outline alone.
        white = seen.queries[0, 0] > 0.5
        common = (white & (seen.target[0] > 0.5)).sum() / (white | (seen.target[0] > 0.5)).sum()
        assert common > 0.7


@pytest.mark.parametrize(("cues", "change"), [("abns", False), ("abnstm", False), ("abns", True)])
def test_inputs_reach_the_backbone_and_are_those_of_the_model(episode, backbone, cues, change):
    config = CuesConfig(backbone="compact", size=64, cues=cues, query_skip=True, change=change)
    model = OBFTNet(config, backbone)
    seen = [load_episodes([episode(i, shots=1 + i)], 64, np.random.default_rng(i)) for i in range(2)]
    backbone.requires_grad_(True)
    try:
        inputs = inputs_of(model, seen, torch.float32, [False] * len(seen))
        sum(level.square().mean() for one in inputs for level in one.query).backward()
        for name, parameter in backbone.named_parameters():
            assert parameter.grad is not None, name
    finally:
        backbone.requires_grad_(False)
        backbone.zero_grad(set_to_none=True)
    one = seen[0]
    supports = model.extract(one.supports, one.fraction)
    guidance = model.guide(supports, one.fraction, model.extract(one.backgrounds))
    expected = model.relate(model.extract(one.queries), guidance).tensors()
    assert len(inputs[0].query) == len(expected) == (7 if change else 4)
    for given, wanted in zip(inputs[0].query, expected, strict=True):
        assert torch.allclose(given, wanted, atol=1e-4)


def test_some_episodes_show_images_of_several_shapes_and_scales(episode, monkeypatch):
    windows = []
    cropped = images._cropped

    def spy(image, mask, share, rng):
        windows[-1].append(share)
        return cropped(image, mask, share, rng)

    monkeypatch.setattr(images, "_cropped", spy)
    for seed in range(60):
        windows.append([])
        load_episodes([episode(seed, shots=2)], 64, np.random.default_rng(seed))
    shaped = [shares for shares in windows if len(set(shares)) > 1]
    assert 10 < len(shaped) < 35
    for height, width in (share for shares in shaped for share in shares):
        assert abs(np.log(height / width)) <= 0.85 + 1e-9
        assert 0.55 * 0.7 <= max(height, width) <= 1
    for shares in windows:
        if shares not in shaped:
            assert len({*shares, *(share[::-1] for share in shares)}) == 1


def test_a_relation_taken_twice_knows_what_the_first_look_found(episode, backbone):
    config = CuesConfig(backbone="compact", size=64, cues="abns", self_support=True)
    model = OBFTNet(config, backbone).train()
    model.read = lambda relation, size: torch.full((1, *size), 9.0)  # type: ignore[method-assign]
    seen = [load_episodes([episode(i)], 64, np.random.default_rng(i)) for i in range(2)]
    once, twice = (one.query[0][0, 0] for one in inputs_of(model, seen, torch.float32, [False, True]))
    # Certain of everything, it finds every cell among the defect's.
    assert (once < 0.9999).any()
    assert torch.allclose(twice, torch.ones(()), atol=1e-5)


def test_a_second_look_passes_its_gradient_to_the_backbone(episode, backbone):
    config = CuesConfig(backbone="compact", size=64, cues="abns", self_support=True)
    model = OBFTNet(config, backbone).train()
    model.read = lambda relation, size: torch.full((1, *size), -9.0)  # type: ignore[method-assign]
    seen = [load_episodes([episode(0)], 64, np.random.default_rng(0))]
    backbone.requires_grad_(True)
    try:
        (one,) = inputs_of(model, seen, torch.float32, [True])
        one.query[0].square().mean().backward()
        assert any(
            (parameter.grad != 0).any() for parameter in backbone.parameters() if parameter.grad is not None
        )
    finally:
        backbone.requires_grad_(False)
        backbone.zero_grad(set_to_none=True)


def test_queries_of_one_guidance_are_read_as_each_alone(episode, backbone):
    config = CuesConfig(backbone="compact", size=64, cues="abnsu", change=True)
    model = OBFTNet(config, backbone)
    drawn = episode(0, shots=1)
    second = replace(drawn, query=drawn.backgrounds[0].sample)
    seen = load_episodes([drawn, second], 64, np.random.default_rng(0))
    together = inputs_of(model, [seen], torch.float32, [False])
    assert len(together) == 2
    for index, one in enumerate(together):
        place = slice(index, index + 1)
        alone = replace(seen, queries=seen.queries[place], target=seen.target[place])
        (expected,) = inputs_of(model, [alone], torch.float32, [False])
        for given, wanted in zip(one.query, expected.query, strict=True):
            assert torch.allclose(given, wanted, atol=1e-4)


def test_backgrounds_beyond_the_first_two_count_and_take_no_gradient(episode, backbone, monkeypatch):
    """The relation is the same as with a gradient through all of them; the gradient is not."""
    config = CuesConfig(backbone="compact", size=64, cues="abn")
    model = OBFTNet(config, backbone)
    drawn = [episode(i, shots=1, backgrounds=2 + i) for i in range(2)]
    seen = [load_episodes([one], 64, np.random.default_rng(i)) for i, one in enumerate(drawn)]
    assert [len(one.backgrounds) for one in seen] == [2, 3]
    backbone.requires_grad_(True)
    found, gradients = [], []
    try:
        for most in (1, 99):
            monkeypatch.setattr(images, "_TAUGHT_BACKGROUNDS", most)
            inputs = inputs_of(model, seen, torch.float32, [False, False])
            sum(level[:, 1].sum() for one in inputs for level in one.query).backward()
            gradients.append(torch.cat([p.grad.flatten() for p in backbone.parameters()]))
            found.append(inputs)
            backbone.zero_grad(set_to_none=True)
    finally:
        backbone.requires_grad_(False)
        backbone.zero_grad(set_to_none=True)
    for one, other in zip(*found, strict=True):
        for given, wanted in zip(one.query, other.query, strict=True):
            assert torch.allclose(given, wanted, atol=1e-4)
    assert not torch.allclose(*gradients)


@pytest.mark.parametrize("presence", [False, True])
def test_a_query_that_seems_good_is_not_looked_at_again_where_presence_is_judged(episode, backbone, presence):
    config = CuesConfig(backbone="compact", size=64, cues="abns", self_support=True, presence=presence)
    model = OBFTNet(config, backbone).train()
    likely = torch.tensor([0.4]) if presence else None
    model.judge = lambda relation, size: (torch.full((1, *size), 1e-4), likely)  # type: ignore[method-assign]
    seen = [load_episodes([episode(0)], 64, np.random.default_rng(0))] * 2
    once, twice = (one.query[0][0, 1] for one in inputs_of(model, seen, torch.float32, [False, True]))
    # Every cell is an example of sound material of the second look, if there is one.
    assert torch.equal(once, twice) == presence
