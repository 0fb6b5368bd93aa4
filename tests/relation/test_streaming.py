"""The streamed cues are those of the whole matrix, whatever the shapes, masks and blocks."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.columns import sorted_columns
from obftnet.features.guidance import GuidanceFeatures, prepare_guidance
from obftnet.relation import streaming
from obftnet.relation.correlation import unit_features
from obftnet.relation.cue_maps import cue_maps


def guidance_of(
    fraction: Tensor, b: int, k: int, j: int, usable: Tensor | None = None, resize: str = "any"
) -> GuidanceFeatures:
    generator = torch.Generator().manual_seed(7)
    supports = torch.randn(b, k, 6, 5, 3, generator=generator)
    backgrounds = torch.randn(b, j, 6, 4, 7, generator=generator)
    return prepare_guidance([supports], fraction, [backgrounds], usable, resize, columns=True)


def both(query: Tensor, guidance: GuidanceFeatures, config: ModelConfig) -> tuple[Tensor, Tensor]:
    plain = replace(guidance, columns=None)
    return cue_maps(query, guidance, 0, config), cue_maps(query, plain, 0, config)


@settings(deadline=None, max_examples=40)
@given(
    b=st.integers(1, 3),
    k=st.integers(1, 3),
    j=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    dirty=st.booleans(),
    block=st.sampled_from([1, 100, 1 << 20]),
    cues=st.sampled_from(["abns", "s", "a", "sn", "b", "abnsolpu", "polsnba"]),
    epsilon=st.sampled_from([0.01, 0.05, 0.3]),
    seed=st.integers(0, 99),
)
def test_streamed_cues_are_the_plain_ones(b, k, j, share, dirty, block, cues, epsilon, seed):
    generator = torch.Generator().manual_seed(seed)
    fraction = (torch.rand(b, k, 5, 3, generator=generator) < share).float()
    usable = None
    if dirty:
        usable = (torch.rand(b, j, 4, 7, generator=generator) < 0.5).float()
    guidance = guidance_of(fraction, b, k, j, usable)
    query = unit_features(torch.randn(b, 6, 11, 7, generator=generator))
    config = ModelConfig(reader="cues", cues=cues, epsilon=epsilon, iterations=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_BLOCK", block)
        found, expected = both(query, guidance, config)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_mask_that_point_sampling_misses_leaves_no_defect_column():
    fraction = torch.zeros(1, 1, 40, 30)
    fraction[..., 1:3, 1:3] = 1
    guidance = guidance_of(fraction, 1, 1, 1, resize="bilinear")
    assert guidance.columns[0][0].defect == 0
    query = unit_features(torch.randn(1, 6, 3, 5))
    found, expected = both(query, guidance, ModelConfig(reader="cues", cues="abns"))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert (found[:, [0, 3]] == 0).all()


def test_columns_are_sorted_by_what_they_are():
    support = torch.arange(8.0).reshape(2, 1, 2, 2)
    background = torch.arange(10.0, 16).reshape(1, 1, 2, 3)
    defect = torch.tensor([[[True, False], [False, False]], [[False, True], [False, True]]])
    usable = torch.tensor([[[True, True, False], [True, False, True]]])
    columns = sorted_columns(support, defect, background, usable)
    assert columns.matrix.tolist() == [[0, 5, 7, 1, 2, 3, 4, 6, 10, 11, 13, 15]]
    assert (columns.defect, columns.rest, columns.good) == (3, 5, 4)


def test_one_shot_of_several_has_its_own_columns():
    fraction = torch.zeros(1, 2, 5, 3)
    fraction[0, 0, 0], fraction[0, 1, 1:] = 1, 1
    guidance = guidance_of(fraction, 1, 2, 1)
    query = unit_features(torch.randn(1, 6, 3, 5))
    config = ModelConfig(reader="cues", cues="abns")
    for index in range(2):
        found, expected = both(query, guidance.each_shot[index], config)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_a_gradient_of_the_query_alone_survives_sorted_columns():
    guidance = guidance_of(torch.ones(1, 1, 5, 3), 1, 1, 1)
    assert guidance.columns is not None
    query = torch.randn(1, 6, 3, 5).requires_grad_()
    maps = cue_maps(unit_features(query), guidance, 0, ModelConfig(reader="cues", cues="abns"))
    maps.sum().backward()
    assert query.grad is not None
    assert (query.grad != 0).any()
