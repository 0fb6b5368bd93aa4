"""A factored level stands for the tensor that `bilateral_tensor` writes out, and is read alike."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures, prepare_guidance
from obftnet.readers.encoder4d import conv4d
from obftnet.readers.encoder4d.conv4d import CenterPivotConv4d
from obftnet.relation.factors import FactoredLevel, factored_relation
from obftnet.relation.relate import relate

LEVELS = (2, 1)
QUERY = ((4, 7), (4, 7), (2, 3))
GUIDED = ((5, 3), (5, 3), (1, 2))


def episode(
    b: int, k: int, j: int, share: float = 0.4, dirty: bool = False, seed: int = 0
) -> tuple[tuple[Tensor, ...], GuidanceFeatures]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    query = tuple(draw(b, 6, *grid) for grid in QUERY)
    supports = [draw(b, k, 6, *grid) for grid in GUIDED]
    backgrounds = [draw(b, j, 6, *grid) for grid in GUIDED]
    fraction = (torch.rand(b, k, 10, 6, generator=generator) < share).float()
    usable = (torch.rand(b, j, 10, 6, generator=generator) < 0.9).float() if dirty else None
    return query, prepare_guidance(supports, fraction, backgrounds, usable)


@settings(deadline=None, max_examples=40)
@given(
    b=st.integers(1, 2),
    k=st.integers(1, 3),
    j=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    dirty=st.booleans(),
    transport=st.sampled_from(["none", "foreground", "bilateral"]),
    relu=st.sampled_from(["before", "after"]),
    scale=st.sampled_from(["none", "positions"]),
    epsilon=st.sampled_from([0.01, 0.05]),
    seed=st.integers(0, 99),
)
def test_it_is_the_same_tensor(b, k, j, share, dirty, transport, relu, scale, epsilon, seed):
    query, guidance = episode(b, k, j, share, dirty, seed)
    config = ModelConfig(transport=transport, relu=relu, transport_scale=scale, epsilon=epsilon, iterations=6)
    expected = relate(query, guidance, LEVELS, config)
    found = factored_relation(query, guidance, LEVELS, config)
    for level, tensor in zip(found, expected, strict=True):
        assert level.shape == tuple(tensor.shape)
        torch.testing.assert_close(level.dense(), tensor, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(("zeroed", "background"), [("keep", False), ("drop", True)])
def test_it_is_the_same_tensor_without_dustbin_and_without_background(zeroed, background):
    query, guidance = episode(2, 2, 1)
    config = ModelConfig(
        zeroed_columns=zeroed, background=background, transport="bilateral" if background else "foreground"
    )
    for level, tensor in zip(
        factored_relation(query, guidance, LEVELS, config),
        relate(query, guidance, LEVELS, config),
        strict=True,
    ):
        torch.testing.assert_close(level.dense(), tensor, rtol=2e-4, atol=2e-5)


def test_both_refuse_a_support_that_has_no_column_left():
    query, guidance = episode(1, 1, 1, share=0.0)
    for make in (relate, factored_relation):
        with pytest.raises(ValueError, match="column"):
            make(query, guidance, LEVELS, ModelConfig(zeroed_columns="drop"))


@torch.no_grad()
@pytest.mark.parametrize("block", [1, 200, 1 << 20])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 4), (3, 2), ((3, 1, 5, 3), (2, 3))])
def test_the_convolution_reads_it_as_it_reads_the_tensor(kernel, stride, block, monkeypatch):
    monkeypatch.setattr(conv4d, "_BLOCK", block)
    query, guidance = episode(2, 2, 1)
    level = factored_relation(query, guidance, LEVELS, ModelConfig())[0]
    torch.manual_seed(0)
    conv = CenterPivotConv4d(level.shape[1], 3, kernel, stride)
    torch.testing.assert_close(conv(level), conv(level.dense()), rtol=1e-4, atol=1e-5)


def test_rows_are_those_of_the_tensor():
    query, guidance = episode(1, 2, 1)
    level = factored_relation(query, guidance, LEVELS, ModelConfig())[0]
    assert isinstance(level, FactoredLevel)
    for item in range(2):
        rows = level.dense()[item].flatten(1, 2).transpose(0, 1)
        assert torch.equal(level.rows(item, 3, 11), rows[3:11])
