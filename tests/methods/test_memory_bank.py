import pytest
import torch

from obftnet.backbones.features import Features
from obftnet.backbones.weights import load_backbone
from obftnet.methods import memory_bank as module
from obftnet.methods.memory_bank import Bank, MemoryBank


@pytest.fixture(scope="module")
def method() -> MemoryBank:
    return MemoryBank(load_backbone("compact", "random"), size=64)


def features(maps: torch.Tensor) -> Features:
    """Maps (n, 1, h, w) of images that were seen at their size."""
    return Features((maps,), (maps.shape[-2], maps.shape[-1]))


@pytest.fixture
def sharp(monkeypatch):
    """No blur, so that a position's own distance can be read off."""
    monkeypatch.setattr(
        module, "_smooth", lambda d, size: torch.nn.functional.interpolate(d[:, None], size)[:, 0]
    )


def guided(method, background, usable=None):
    seen = features(background)
    return method.guide(seen[:1], torch.ones_like(background[:1, 0]), seen, usable)


def test_the_score_by_hand(method, sharp):
    """Distances to the nearest of 0 and 10 against a limit of 2: d / (d + 2)."""
    bank = Bank(torch.tensor([[0.0], [10.0]]), 2.0)
    score = method.score(features(torch.tensor([0.0, 2, 7, 16]).reshape(1, 1, 1, 4)), bank)
    assert score[0, 0].tolist() == pytest.approx([0, 0.5, 3 / 5, 6 / 8])


def test_the_limit_of_several_images_comes_from_the_others(method, sharp, monkeypatch):
    """Images of constant 0, 1 and 5: nearest others at 1, 1 and 4; the largest is the quantile 1."""
    monkeypatch.setattr(module, "QUANTILE", 1.0)
    background = torch.tensor([0.0, 1, 5])[:, None, None, None].expand(3, 1, 2, 2)
    bank = guided(method, background)
    assert bank.limit == pytest.approx(4)
    assert bank.features.shape == (12, 1)


def test_the_limit_of_one_image_leaves_out_the_neighbourhood(method, sharp, monkeypatch):
    """On a ramp the nearest cell outside the neighbourhood is NEIGHBOURHOOD + 1 cells away."""
    monkeypatch.setattr(module, "QUANTILE", 1.0)
    ramp = torch.arange(20.0).reshape(1, 1, 1, 20)
    assert guided(method, ramp).limit == pytest.approx(module.NEIGHBOURHOOD + 1)


def test_an_odd_cell_at_the_border_of_one_image_does_not_count(method, sharp, monkeypatch):
    """Border cells look like border cells alone, and in one image those are all its neighbours."""
    monkeypatch.setattr(module, "QUANTILE", 1.0)
    background = torch.zeros(1, 1, 20, 20)
    background[..., 0, 10] = 9
    assert guided(method, background).limit < 1e-3
    background[..., 0, 10], background[..., 10, 10] = 0, 9
    assert guided(method, background).limit == pytest.approx(9)


def test_cells_that_are_not_usable_are_not_in_the_bank(method, sharp):
    background = torch.arange(20.0).reshape(1, 1, 1, 20)
    usable = torch.ones(1, 1, 20)
    usable[..., 3:5] = 0
    bank = guided(method, background, usable).features.flatten().tolist()
    assert bank == [x for x in range(20) if x not in (3, 4)]


def test_an_image_too_small_to_judge_itself_marks_nothing(method):
    bank = guided(method, torch.rand(1, 1, 3, 3))
    assert bank.limit == float("inf")
    assert method.score(features(torch.rand(1, 1, 3, 3)), bank).max() == 0


def test_features_are_means_of_three_by_three_cells_of_both_strides(method):
    images = torch.rand(2, 3, 64, 96)
    (joined,) = method.extract(images).taps
    taps = method.backbone.spec.taps
    fine = max(i for i, tap in enumerate(taps) if tap.stride == 8)
    coarse = max(i for i, tap in enumerate(taps) if tap.stride == 16)
    assert joined.shape == (2, taps[fine].channels + taps[coarse].channels, 8, 12)
    raw = method.backbone(images).taps[fine]
    torch.testing.assert_close(joined[:, : taps[fine].channels, 4, 5], raw[:, :, 3:6, 4:7].mean((-2, -1)))
    # In the corner only four cells are there, and no padding is averaged in.
    torch.testing.assert_close(joined[:, : taps[fine].channels, 0, 0], raw[:, :, :2, :2].mean((-2, -1)))


def test_good_images_stay_mostly_below_the_decision(method):
    """Of the images the limit came from: noise of one kind, another sample of it."""
    generator = torch.Generator().manual_seed(0)
    method = MemoryBank(method.backbone, size=128)
    images = 0.5 + 0.2 * torch.rand(4, 3, 128, 128, generator=generator)
    seen = method.extract(images)
    bank = method.guide(seen[:1], torch.ones(1, 128, 128), seen[:3])
    assert (method.score(seen[3:], bank) > 0.5).float().mean() < 0.1
