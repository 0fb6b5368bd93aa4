import math

import pytest
import torch

from obftnet.backbones.features import Features, joined, unit_features
from obftnet.backbones.weights import load_backbone
from obftnet.methods.nn_contrast import NNContrast


@pytest.fixture(scope="module")
def method() -> NNContrast:
    return NNContrast(load_backbone("compact", "random"), size=64)


def at(*angles: float) -> torch.Tensor:
    """A row of unit vectors in the plane by their angles in degrees: (2, 1, n)."""
    turned = torch.tensor(angles) * math.pi / 180
    return torch.stack([turned.cos(), turned.sin()])[:, None]


def cosine(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def row(*taps: torch.Tensor) -> Features:
    """One image of one row, (2, 1, n) a tap."""
    return Features(tuple(x.unsqueeze(0) for x in taps), (1, taps[0].shape[-1]))


def guided(method, support, defect, background, usable=None):
    masks = torch.tensor([[defect]], dtype=torch.float32)
    clean = None if usable is None else torch.tensor([[usable]], dtype=torch.float32)
    return method.guide(row(*support), masks, row(*background), clean)


def score(method, query, guidance):
    return method.score(row(*query), guidance)[0, 0].tolist()


def test_by_hand(method):
    # Support: defect at 0 and 10 degrees, the rest (60) is not looked at. Background: 90 and 120.
    guidance = guided(method, [at(0, 10, 60)], [1, 1, 0], [at(90, 120)])
    query = (0, 10, 60, 90, 50)
    contrast = [
        1 - cosine(90),
        1 - cosine(80),
        cosine(50) - cosine(30),
        cosine(80) - 1,
        cosine(40) - cosine(40),
    ]
    expected = [(value + 2) / 4 for value in contrast]
    assert score(method, [at(*query)], guidance) == pytest.approx(expected, abs=1e-6)


def test_the_sign(method):
    guidance = guided(method, [at(0, 90)], [1, 0], [at(90, 80)])
    defect, good, between = score(method, [at(5, 85, 40)], guidance)
    assert defect > 0.5 > good
    assert between == pytest.approx(0.5, abs=1e-6)


def test_the_length_of_a_feature_does_not_count(method):
    """Scores are made of dot products, so what is extracted has length 1."""
    images = torch.rand(2, 3, 64, 96)
    raw = method.backbone(images).taps
    for index, found in zip(method.backbone.spec.at_stride(16), method.extract(images).taps, strict=True):
        assert raw[index].norm(dim=1).std() > 0.01
        torch.testing.assert_close(found, unit_features(raw[index]))


def test_cosines_are_averaged_over_the_taps(method):
    """A position must be near in the mean of the taps, not in the best of them."""
    guidance = guided(method, [at(0, 90), at(0, 90)], [1, 0], [at(90, 90), at(90, 90)])
    (value,) = score(method, [at(0), at(60)], guidance)
    assert value == pytest.approx(((1 + cosine(60)) / 2 - (0 + cosine(30)) / 2 + 2) / 4)


def test_cells_of_a_background_with_defect_do_not_count(method):
    guidance = guided(method, [at(0, 90)], [1, 0], [at(0, 90)], usable=[0, 1])
    (value,) = score(method, [at(0)], guidance)
    assert value == pytest.approx((1 - 0 + 2) / 4)


def test_several_supports_and_backgrounds_give_the_nearest_of_all(method):
    support = joined([row(at(0, 90)), row(at(40, 90))])
    background = joined([row(at(90, 90)), row(at(130, 130))])
    guidance = method.guide(support, torch.tensor([[[1.0, 0]], [[1, 0]]]), background)
    (value,) = score(method, [at(30)], guidance)
    assert value == pytest.approx((cosine(10) - cosine(60) + 2) / 4)


def test_a_score_lies_in_the_unit_range_and_has_the_size_asked_for(method):
    guidance = guided(method, [at(0, 90)], [1, 0], [at(180, 180)])
    out = method.score(Features((at(0, 180)[None],), (7, 5)), guidance)
    assert out.shape == (1, 7, 5)
    assert (out.min().item(), out.max().item()) == pytest.approx((0, 1))


def test_only_stride_sixteen_is_looked_at(method):
    maps = method.extract(torch.rand(2, 3, 64, 96)).taps
    taps = [tap for tap in method.backbone.spec.taps if tap.stride == 16]
    assert [tuple(x.shape) for x in maps] == [(2, tap.channels, 4, 6) for tap in taps]


def test_a_support_is_found_in_itself(method):
    """End to end on pixels: a bright square on grey, the query being the support."""
    torch.manual_seed(0)
    good, image = torch.full((2, 1, 3, 64, 64), 0.4) + 0.05 * torch.rand(2, 1, 3, 64, 64)
    masks = torch.zeros(1, 64, 64)
    masks[:, 16:48, 16:48] = 1
    image = torch.where(masks > 0, 1 - image, image)
    guidance = method.guide(method.extract(image), masks, method.extract(good))
    found = method.score(method.extract(image), guidance)[0]
    assert found[24:40, 24:40].min() > found[:4, :4].max()
