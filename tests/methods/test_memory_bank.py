import pytest
import torch

from obftnet.features.weights import load_backbone
from obftnet.methods import memory_bank as module
from obftnet.methods.memory_bank import Bank, MemoryBank


@pytest.fixture(scope="module")
def method() -> MemoryBank:
    return MemoryBank(load_backbone("compact", "random"), size=64)


def maps(*rows: list[float]) -> torch.Tensor:
    """One image of one channel, (1, 1, h, w)."""
    return torch.tensor(rows)[None, None]


@pytest.fixture
def sharp(monkeypatch):
    """No blur, so that a position's own distance can be read off."""
    monkeypatch.setattr(
        module, "_smooth", lambda d, size: torch.nn.functional.interpolate(d[:, None], size)[:, 0]
    )


def prepared(method, background, usable=None):
    fraction = torch.ones(1, 1, *background.shape[-2:])
    return method.prepare((background[None],), fraction, (background[None],), usable)


def test_the_score_by_hand(method, sharp):
    """Distances to the nearest of 0 and 10 against a limit of 2: d / (d + 2)."""
    bank = Bank((torch.tensor([[0.0], [10.0]]),), (2.0,))
    score = method.score((maps([0.0, 2.0, 7.0, 16.0]),), bank, (1, 4))
    assert score[0, 0].tolist() == pytest.approx([0, 0.5, 3 / 5, 6 / 8])


def test_the_limit_of_several_images_comes_from_the_others(method, sharp, monkeypatch):
    """Images of constant 0, 1 and 5: nearest others at 1, 1 and 4; the largest is the quantile 1."""
    monkeypatch.setattr(module, "QUANTILE", 1.0)
    background = torch.tensor([0.0, 1, 5])[:, None, None, None].expand(3, 1, 2, 2)
    guidance = prepared(method, background)
    assert guidance.limit == pytest.approx((4,))
    assert guidance.features[0].shape == (12, 1)


def test_the_limit_of_one_image_leaves_out_the_neighbourhood(method, sharp, monkeypatch):
    """On a ramp the nearest cell outside the neighbourhood is NEIGHBOURHOOD + 1 cells away."""
    monkeypatch.setattr(module, "QUANTILE", 1.0)
    ramp = torch.arange(20.0).reshape(1, 1, 1, 20)
    assert prepared(method, ramp).limit == pytest.approx((module.NEIGHBOURHOOD + 1,))


def test_an_odd_cell_at_the_border_of_one_image_does_not_count(method, sharp, monkeypatch):
    """Border cells look like border cells alone, and in one image those are all its neighbours."""
    monkeypatch.setattr(module, "QUANTILE", 1.0)
    background = torch.zeros(1, 1, 20, 20)
    background[..., 0, 10] = 9
    assert prepared(method, background).limit[0] < 1e-3
    background[..., 0, 10], background[..., 10, 10] = 0, 9
    assert prepared(method, background).limit == pytest.approx((9,))


def test_cells_that_are_not_usable_are_not_in_the_bank(method, sharp):
    background = torch.arange(20.0).reshape(1, 1, 1, 20)
    usable = torch.ones(1, 1, 1, 20)
    usable[..., 3:5] = 0
    bank = prepared(method, background, usable).features[0].flatten().tolist()
    assert bank == [x for x in range(20) if x not in (3, 4)]


def test_an_image_too_small_to_judge_itself_marks_nothing(method):
    guidance = prepared(method, torch.rand(1, 1, 3, 3))
    assert guidance.limit == (float("inf"),)
    assert method.score((torch.rand(1, 1, 3, 3),), guidance, (12, 12)).max() == 0


def test_features_are_means_of_three_by_three_cells_of_both_strides(method):
    images = torch.rand(2, 3, 64, 96)
    (joined,) = method.extract(images)
    taps = method.backbone.spec.taps
    fine = max(i for i, tap in enumerate(taps) if tap.stride == 8)
    coarse = max(i for i, tap in enumerate(taps) if tap.stride == 16)
    assert joined.shape == (2, taps[fine].channels + taps[coarse].channels, 8, 12)
    raw = method.backbone(images)[fine]
    torch.testing.assert_close(joined[:, : taps[fine].channels, 4, 5], raw[:, :, 3:6, 4:7].mean((-2, -1)))
    # In the corner only four cells are there, and no padding is averaged in.
    torch.testing.assert_close(joined[:, : taps[fine].channels, 0, 0], raw[:, :, :2, :2].mean((-2, -1)))


def test_good_images_stay_mostly_below_the_decision(method):
    """Of the images the limit came from: noise of one kind, another sample of it."""
    generator = torch.Generator().manual_seed(0)
    method = MemoryBank(method.backbone, size=128)
    images = 0.5 + 0.2 * torch.rand(4, 3, 128, 128, generator=generator)
    (features,) = method.extract(images)
    fraction = torch.ones(1, 1, 128, 128)
    guidance = method.prepare((features[None, :1],), fraction, (features[None, :3],))
    assert (method.score((features[3:],), guidance, (128, 128)) > 0.5).float().mean() < 0.1
