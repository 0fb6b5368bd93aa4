"""The cues t and m: of the defect's turned views, against the whole similarity matrix."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures, prepare_guidance
from obftnet.relation import streaming
from obftnet.relation.correlation import unit_features
from obftnet.relation.cue_maps import cue_maps


def unit(*shape: int, generator: torch.Generator) -> Tensor:
    """(..., c, h, w) unit features over the third axis from the right."""
    return unit_features(torch.randn(*shape, generator=generator))


def guided(turned: list[int], generator: torch.Generator, most: int = 0) -> GuidanceFeatures:
    """Items with as many turned positions as told; two supports and a background each."""
    b = len(turned)
    fraction = (torch.rand(b, 2, 5, 3, generator=generator) < 0.4).float()
    return prepare_guidance(
        [torch.randn(b, 2, 6, 5, 3, generator=generator)],
        fraction,
        [torch.randn(b, 1, 6, 4, 7, generator=generator)],
        columns=True,
        coreset=most,
        turned=[[unit(6, count, 1, generator=generator)[..., 0]] for count in turned],
    )


def dense(query: Tensor, guidance: GuidanceFeatures, epsilon: float) -> Tensor:
    """Cues t and m from whole matrices: (b, 2, M)."""
    items = []
    for maps, columns in zip(query, guidance.columns[0], strict=True):
        rows = maps.flatten(1).mT
        of_turned = rows @ columns.turned
        largest = of_turned.amax(1) if of_turned.shape[1] else torch.zeros(len(rows))
        masses = (rows @ columns.matrix / epsilon).exp().double()
        marked, also = masses[:, : columns.defect].sum(1), (of_turned / epsilon).exp().double().sum(1)
        items.append(torch.stack([largest, ((marked + also) / (masses.sum(1) + also)).float()]))
    return torch.stack(items)


@settings(deadline=None, max_examples=30)
@given(
    turned=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    block=st.sampled_from([1, 100, 1 << 20]),
    epsilon=st.sampled_from([0.02, 0.05, 0.3]),
    order=st.sampled_from(["tm", "mt", "abnstm", "smaut", "t", "m"]),
    seed=st.integers(0, 99),
)
def test_t_is_the_largest_similarity_and_m_the_mass(turned, block, epsilon, order, seed):
    generator = torch.Generator().manual_seed(seed)
    guidance = guided(turned, generator)
    query = unit(len(turned), 6, 11, 7, generator=generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_BLOCK", block)
        found = cue_maps(query, guidance, 0, ModelConfig(reader="cues", cues=order, epsilon=epsilon))
    expected = dense(query, guidance, epsilon)
    for position, cue in enumerate("tm"):
        if cue in order:
            given_maps = found[:, order.index(cue)].flatten(1)
            torch.testing.assert_close(given_maps, expected[:, position], rtol=1e-4, atol=1e-5)


def test_the_other_cues_are_the_same_beside_them():
    generator = torch.Generator().manual_seed(1)
    guidance, query = guided([4, 0], generator), unit(2, 6, 5, 7, generator=generator)
    together = cue_maps(query, guidance, 0, ModelConfig(reader="cues", cues="abnsutm"))
    alone = cue_maps(query, guidance, 0, ModelConfig(reader="cues", cues="abnsu"))
    torch.testing.assert_close(together[:, :5], alone)


def test_m_without_a_turned_position_is_s():
    generator = torch.Generator().manual_seed(2)
    maps = cue_maps(
        unit(1, 6, 5, 7, generator=generator),
        guided([0], generator),
        0,
        ModelConfig(reader="cues", cues="sm"),
    )
    torch.testing.assert_close(maps[:, 0], maps[:, 1])


def test_turned_positions_that_are_left_out_count_with_those_that_stand_for_them():
    # Every turned position ten times over: every third of them loses nothing.
    generator = torch.Generator().manual_seed(3)
    distinct = unit(6, 4, 1, generator=generator)[..., 0]
    supports, backgrounds = unit(1, 1, 6, 5, 3, generator=generator), unit(1, 1, 6, 4, 7, generator=generator)
    query = unit(1, 6, 8, 8, generator=generator)
    fraction = torch.zeros(1, 1, 5, 3)
    fraction[..., 2] = 1
    maps = []
    for most in (0, 28):  # as many as the background has, which so loses none
        repeated = distinct.repeat_interleave(21, 1)
        guidance = prepare_guidance(
            [supports], fraction, [backgrounds], columns=True, coreset=most, turned=[[repeated]]
        )
        maps.append(cue_maps(query, guidance, 0, ModelConfig(reader="cues", cues="tm")))
    assert guidance.columns[0][0].turned.shape[1] == 28
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [0, 5])
def test_the_gradient_of_t_is_that_of_the_dense_form(count):
    generator = torch.Generator().manual_seed(4)
    guidance = guided([count], generator)
    query = torch.randn(1, 6, 9, 7, generator=generator).requires_grad_()
    config = ModelConfig(reader="cues", cues="tsm")
    maps = cue_maps(unit_features(query), guidance, 0, config)
    with torch.no_grad():
        torch.testing.assert_close(maps, cue_maps(unit_features(query), guidance, 0, config))
    weights = torch.arange(63.0)
    (found,) = torch.autograd.grad((maps[0, 0].flatten() * weights).sum(), query)
    expected = torch.zeros_like(found)
    if count:
        similarity = unit_features(query)[0].flatten(1).mT @ guidance.columns[0][0].turned
        (expected,) = torch.autograd.grad((similarity.amax(1) * weights).sum(), query)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_guidance_without_the_views_or_the_columns_is_refused():
    generator = torch.Generator().manual_seed(5)
    query, supports = unit(1, 6, 3, 3, generator=generator), torch.randn(1, 1, 6, 3, 3, generator=generator)
    for columns, message in ((True, "turned views"), (False, "prepared with columns")):
        guidance = prepare_guidance([supports], torch.ones(1, 1, 3, 3), [supports], columns=columns)
        with pytest.raises(ValueError, match=message):
            cue_maps(query, guidance, 0, ModelConfig(reader="cues", cues="at"))
