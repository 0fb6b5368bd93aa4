import math

import pytest
import torch

from obftnet.features.weights import load_backbone
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


def prepared(method, support, defect, background, usable=None):
    fraction = torch.tensor([defect], dtype=torch.float32)[None, None]
    clean = None if usable is None else torch.tensor([usable], dtype=torch.float32)[None, None]
    return method.prepare(
        tuple(x[None, None] for x in support), fraction, tuple(x[None, None] for x in background), clean
    )


def score(method, query, guidance):
    size = (1, query[0].shape[-1])
    return method.score(tuple(x[None] for x in query), guidance, size)[0, 0].tolist()


def test_by_hand(method):
    # Support: defect at 0 and 10 degrees, the rest (60) is not looked at. Background: 90 and 120.
    guidance = prepared(method, [at(0, 10, 60)], [1, 1, 0], [at(90, 120)])
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
    guidance = prepared(method, [at(0, 90)], [1, 0], [at(90, 80)])
    defect, good, between = score(method, [at(5, 85, 40)], guidance)
    assert defect > 0.5 > good
    assert between == pytest.approx(0.5, abs=1e-6)


def test_the_length_of_a_feature_does_not_count(method):
    plain = prepared(method, [at(0, 90)], [1, 0], [at(70, 80)])
    longer = prepared(method, [3 * at(0, 90)], [1, 0], [0.2 * at(70, 80)])
    assert score(method, [5 * at(20, 60)], longer) == pytest.approx(score(method, [at(20, 60)], plain))


def test_cosines_are_averaged_over_the_taps(method):
    """A position must be near in the mean of the taps, not in the best of them."""
    guidance = prepared(method, [at(0, 90), at(0, 90)], [1, 0], [at(90, 90), at(90, 90)])
    (value,) = score(method, [at(0), at(60)], guidance)
    assert value == pytest.approx(((1 + cosine(60)) / 2 - (0 + cosine(30)) / 2 + 2) / 4)


def test_cells_of_a_background_with_defect_do_not_count(method):
    guidance = prepared(method, [at(0, 90)], [1, 0], [at(0, 90)], usable=[0, 1])
    (value,) = score(method, [at(0)], guidance)
    assert value == pytest.approx((1 - 0 + 2) / 4)


def test_several_supports_and_backgrounds_give_the_nearest_of_all(method):
    support = torch.stack([at(0, 90), at(40, 90)])[None]
    background = torch.stack([at(90, 90), at(130, 130)])[None]
    defect = torch.tensor([[[1.0, 0]], [[1, 0]]])[None]
    guidance = method.prepare((support,), defect, (background,))
    (value,) = score(method, [at(30)], guidance)
    assert value == pytest.approx((cosine(10) - cosine(60) + 2) / 4)


def test_a_score_lies_in_the_unit_range_and_has_the_size_asked_for(method):
    guidance = prepared(method, [at(0, 90)], [1, 0], [at(180, 180)])
    out = method.score((at(0, 180)[None],), guidance, (7, 5))
    assert out.shape == (1, 7, 5)
    assert (out.min().item(), out.max().item()) == pytest.approx((0, 1))


def test_only_stride_sixteen_is_looked_at(method):
    maps = method.extract(torch.rand(2, 3, 64, 96))
    taps = [tap for tap in method.backbone.spec.taps if tap.stride == 16]
    assert [tuple(x.shape) for x in maps] == [(2, tap.channels, 4, 6) for tap in taps]


def test_a_support_is_found_in_itself(method):
    """End to end on pixels: a bright square on grey, the query being the support."""
    torch.manual_seed(0)
    good, image = torch.full((2, 1, 3, 64, 64), 0.4) + 0.05 * torch.rand(2, 1, 3, 64, 64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    image = torch.where(mask[0] > 0, 1 - image, image)
    guidance = method.prepare(
        tuple(x[None] for x in method.extract(image)), mask, tuple(x[None] for x in method.extract(good))
    )
    found = method.score(method.extract(image), guidance, (64, 64))[0]
    assert found[24:40, 24:40].min() > found[:4, :4].max()
