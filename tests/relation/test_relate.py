"""The bilateral tensor, the cue maps and the relation they become."""

import pytest
import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures, prepare_guidance
from obftnet.relation.bilateral import bilateral_tensor
from obftnet.relation.correlation import unit_features
from obftnet.relation.cue_maps import cue_maps
from obftnet.relation.relate import relate
from obftnet.transport import sinkhorn

QUERY = ((4, 6), (2, 3), (2, 2))
GUIDANCE = ((5, 3), (3, 2), (2, 2))
LEVELS = (2, 1, 1)
CHANNELS = 8


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def query_of(b: int = 1) -> tuple[Tensor, ...]:
    grids = [QUERY[level] for level, count in enumerate(LEVELS) for _ in range(count)]
    return tuple(draw(b, CHANNELS, *grid, seed=tap) for tap, grid in enumerate(grids))


def guidance_of(b: int = 1, k: int = 1, j: int = 1, usable: Tensor | None = None) -> GuidanceFeatures:
    grids = [GUIDANCE[level] for level, count in enumerate(LEVELS) for _ in range(count)]
    supports = [draw(b, k, CHANNELS, *grid, seed=10 + tap) for tap, grid in enumerate(grids)]
    backgrounds = [draw(b, j, CHANNELS, *grid, seed=20 + tap) for tap, grid in enumerate(grids)]
    fraction = torch.zeros(b, k, 20, 12)
    fraction[..., 3:7, 2:9] = 1
    return prepare_guidance(supports, fraction, backgrounds, usable)


def similarity(query: Tensor, guidance: Tensor) -> Tensor:
    """(c, hq, wq), (c, hg, wg) -> (hq, wq, hg, wg) cosine."""
    q, g = (x / x.norm(dim=0, keepdim=True) for x in (query, guidance))
    return torch.einsum("cij,ckl->ijkl", q, g)


def flat(maps: Tensor) -> Tensor:
    """(hq, wq, hg, wg) -> (M, N)."""
    return maps.flatten(2).flatten(0, 1)


@pytest.mark.parametrize(("b", "k", "j"), [(1, 1, 1), (2, 1, 1), (2, 3, 2), (1, 2, 3)])
@pytest.mark.parametrize(
    ("transport", "background"),
    [("none", True), ("none", False), ("foreground", True), ("foreground", False), ("bilateral", True)],
)
def test_shapes(b, k, j, background, transport):
    config = ModelConfig(transport=transport, background=background)
    query = unit_features(query_of(b)[0])
    maps = bilateral_tensor(query, guidance_of(b, k, j), 0, config)
    assert maps.shape == (b * k, 2 if background else 1, *QUERY[0], *GUIDANCE[0])


def test_without_transport_it_is_the_masked_clamped_cosine():
    usable = torch.ones(2, 1, 20, 12)
    usable[..., :5, :] = 0
    query, guidance = query_of(2), guidance_of(2, usable=usable)
    maps = bilateral_tensor(unit_features(query[0]), guidance, 0, ModelConfig(transport="none"))
    for item in range(2):
        fore = similarity(query[0][item], guidance.supports[0][item, 0]).clamp(min=0)
        back = similarity(query[0][item], guidance.backgrounds[0][item, 0]).clamp(min=0)
        torch.testing.assert_close(maps[item, 0], fore * guidance.defect[0][item, 0], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(maps[item, 1], back * guidance.usable[0][item, 0], rtol=1e-4, atol=1e-6)
    assert not guidance.usable[0].all()
    assert guidance.usable[0].any()


@pytest.mark.parametrize("relu", ["before", "after"])
def test_both_branches_are_algorithm_1(relu):
    query, guidance = query_of(), guidance_of()
    config = ModelConfig(transport_scale="none", relu=relu)
    maps = bilateral_tensor(unit_features(query[0]), guidance, 0, config)[0]
    fore = similarity(query[0][0], guidance.supports[0][0, 0]) * guidance.defect[0][0, 0]
    back = similarity(query[0][0], guidance.backgrounds[0][0, 0])
    for found, cosine in zip(maps, (fore, back), strict=True):
        kept = cosine.clamp(min=0) if relu == "before" else cosine
        torch.testing.assert_close(flat(found), sinkhorn(flat(kept)), rtol=1e-3, atol=1e-6)


def test_the_relu_makes_a_difference():
    query, guidance = unit_features(query_of()[0]), guidance_of()
    before, after = (bilateral_tensor(query, guidance, 0, ModelConfig(relu=r)) for r in ("before", "after"))
    assert not torch.allclose(before, after, rtol=0.01)


def test_foreground_transport_leaves_the_background_a_cosine():
    query, guidance = unit_features(query_of()[0]), guidance_of()
    kinds = ("none", "foreground", "bilateral")
    none, foreground, bilateral = (
        bilateral_tensor(query, guidance, 0, ModelConfig(transport=kind))[0] for kind in kinds
    )
    assert torch.equal(foreground[0], bilateral[0])
    assert torch.equal(foreground[1], none[1])
    assert not torch.allclose(bilateral[1], none[1], rtol=0.1)


def test_the_scale_is_the_number_of_query_positions():
    query, guidance = unit_features(query_of()[0]), guidance_of()
    literal = bilateral_tensor(query, guidance, 0, ModelConfig(transport_scale="none"))
    scaled = bilateral_tensor(query, guidance, 0, ModelConfig())
    torch.testing.assert_close(scaled, literal * 24)
    torch.testing.assert_close(literal.mean((2, 3, 4, 5)), torch.full((1, 2), 1 / 24))
    torch.testing.assert_close(scaled.mean((2, 3, 4, 5)), torch.ones(1, 2))


def test_dropped_columns_get_nothing():
    query, guidance = unit_features(query_of()[0]), guidance_of()
    keep = bilateral_tensor(query, guidance, 0, ModelConfig())[0, 0]
    drop = bilateral_tensor(query, guidance, 0, ModelConfig(zeroed_columns="drop"))[0, 0]
    clean = ~guidance.defect[0][0, 0]
    assert (drop[..., clean] == 0).all()
    assert (keep[..., clean] > 0).all()


def test_all_shots_are_columns_of_one_transport():
    query, guidance = query_of(), guidance_of(k=3, j=2)
    config = ModelConfig(transport_scale="none")
    joint = bilateral_tensor(unit_features(query[0]), guidance, 0, config)
    fore = torch.cat(
        [
            flat(similarity(query[0][0], guidance.supports[0][0, k]).clamp(min=0) * guidance.defect[0][0, k])
            for k in range(3)
        ],
        1,
    )
    back = torch.cat(
        [flat(similarity(query[0][0], guidance.backgrounds[0][0, j]).clamp(min=0)) for j in range(2)], 1
    )
    fore, back = sinkhorn(fore).split(15, 1), sinkhorn(back).split(15, 1)
    for k in range(3):
        torch.testing.assert_close(flat(joint[k, 0]), fore[k], rtol=1e-3, atol=1e-6)
        # Paired with the background of its index modulo the number of backgrounds.
        torch.testing.assert_close(flat(joint[k, 1]), back[k % 2], rtol=1e-3, atol=1e-6)
    alone = bilateral_tensor(unit_features(query[0]), guidance.each_shot[0], 0, config)
    assert not torch.allclose(joint[:1], alone, rtol=0.01)


def test_unusable_background_gets_nothing_from_the_transport():
    usable = torch.ones(1, 1, 20, 12)
    usable[..., :, 8:] = 0
    guidance = guidance_of(usable=usable)
    maps = bilateral_tensor(unit_features(query_of()[0]), guidance, 0, ModelConfig())[0, 1]
    assert (maps[..., ~guidance.usable[0][0, 0]] == 0).all()
    torch.testing.assert_close(flat(maps).sum(0)[guidance.usable[0][0, 0].flatten()], torch.full((10,), 24.0))


@pytest.mark.parametrize(("b", "k", "j"), [(1, 1, 1), (2, 3, 2)])
def test_relate_makes_one_tensor_a_level(b, k, j):
    query, guidance = query_of(b), guidance_of(b, k, j)
    config = ModelConfig()
    relation = relate(query, guidance, LEVELS, config)
    expected = [(b * k, 2 * c, *q, *g) for c, q, g in zip(LEVELS, QUERY, GUIDANCE, strict=True)]
    assert [tuple(level.shape) for level in relation] == expected
    for tap, (level, start) in enumerate([(0, 0), (0, 2), (1, 0), (2, 0)]):
        alone = bilateral_tensor(unit_features(query[tap]), guidance, tap, config)
        assert torch.equal(relation[level][:, start : start + 2], alone)


@pytest.mark.parametrize(("b", "k", "j"), [(1, 1, 1), (2, 3, 2)])
def test_relate_makes_cue_maps_for_the_cues_reader(b, k, j):
    query, guidance = query_of(b), guidance_of(b, k, j)
    config = ModelConfig(reader="cues", cues="abs")
    relation = relate(query, guidance, LEVELS, config)
    assert [tuple(level.shape) for level in relation] == [
        (b, 3 * c, *q) for c, q in zip(LEVELS, QUERY, strict=True)
    ]
    assert torch.equal(relation[0][:, 3:], cue_maps(unit_features(query[1]), guidance, 1, config))


def test_cue_maps_put_a_row_where_its_query_position_is():
    query, guidance = query_of(), guidance_of(k=2)
    found = cue_maps(unit_features(query[0]), guidance, 0, ModelConfig(reader="cues", cues="a"))[0, 0]
    best = torch.stack(
        [
            similarity(query[0][0], guidance.supports[0][0, k])[..., guidance.defect[0][0, k]].amax(-1)
            for k in range(2)
        ]
    ).amax(0)
    torch.testing.assert_close(found, best, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reader", ["encoder4d", "cues"])
@pytest.mark.parametrize("axis", [2, 3])
def test_flipping_the_query_flips_the_relation(reader, axis):
    """Query rows are axis 2 and columns axis 3 for either reader: augmentation relies on it."""
    query, guidance = query_of(2), guidance_of(2, 2, 1)
    config = ModelConfig(reader=reader)
    relation = relate(query, guidance, LEVELS, config)
    flipped = relate(tuple(x.flip(axis) for x in query), guidance, LEVELS, config)
    for one, other in zip(relation, flipped, strict=True):
        torch.testing.assert_close(one.flip(axis), other, rtol=1e-3, atol=1e-5)


def test_a_relation_takes_a_gradient_only_where_its_features_do():
    config, guidance = ModelConfig(reader="cues"), guidance_of().with_columns()
    assert not any(level.requires_grad for level in relate(query_of(), guidance, LEVELS, config))
    query = tuple(x.requires_grad_() for x in query_of())
    assert all(level.requires_grad for level in relate(query, guidance, LEVELS, config))
    with torch.no_grad():
        assert not any(level.requires_grad for level in relate(query, guidance, LEVELS, config))
