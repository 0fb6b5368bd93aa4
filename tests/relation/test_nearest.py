"""The cues with a gradient through the nearest positions alone."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import prepare_guidance
from obftnet.relation.correlation import unit_features
from obftnet.relation.cue_maps import cue_maps


def features(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def parts(b: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Query, supports and backgrounds."""
    return features(b, 6, 9, 7, seed=3), features(b, 2, 6, 5, 4, seed=1), features(b, 1, 6, 5, 4, seed=2)


def maps_of(query: Tensor, support: Tensor, background: Tensor, defect: slice | None, cues: str) -> Tensor:
    fraction = torch.zeros(*support.shape[:2], 5, 4)
    if defect is not None:
        fraction[..., defect, :] = 1
    usable = torch.ones(*background.shape[:2], 5, 4)
    usable[..., 3:, :] = 0
    guidance = prepare_guidance((support,), fraction, (background,), usable, columns=True)
    return cue_maps(unit_features(query), guidance, 0, ModelConfig(reader="cues", cues=cues))


@pytest.mark.parametrize("b", [1, 2])
@pytest.mark.parametrize("defect", [slice(1, 2), slice(0, 5), None])
@pytest.mark.parametrize("cues", ["abns", "sn", "abnsolpu", "ubns", "abu", "a"])
def test_with_a_gradient_the_values_are_the_same(b, defect, cues):
    taught = maps_of(*parts(b), defect, cues)
    with torch.no_grad():
        plain = maps_of(*parts(b), defect, cues)
    assert taught.requires_grad
    assert torch.allclose(taught, plain, atol=1e-5)


def dense(query: Tensor, support: Tensor, background: Tensor, cue: str) -> Tensor:
    """a, b, n and u from whole similarity matrices, (1, 1, hq, wq)."""
    rows = unit_features(query).flatten(2).mT[0]
    chosen = torch.zeros(2, 5, 4, dtype=torch.bool)
    chosen[:, 1:3] = True
    if cue == "b":
        columns = unit_features(background)[0, :, :, :3].permute(0, 2, 3, 1).reshape(-1, 6)
    elif cue == "u":
        columns = rows
    else:
        columns = unit_features(support)[0].permute(0, 2, 3, 1)[chosen if cue == "a" else ~chosen]
    similarity = rows @ columns.T
    if cue == "u":
        y, x = torch.meshgrid(torch.arange(9), torch.arange(7), indexing="ij")
        y, x = y.flatten(), x.flatten()
        near = ((y[:, None] - y).abs() <= 1) & ((x[:, None] - x).abs() <= 1)
        similarity = similarity.masked_fill(near, -2)
    return similarity.amax(-1).reshape(1, 1, 9, 7)


def gradients(maps: Tensor, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    weights = torch.arange(63.0).reshape(9, 7)
    found = torch.autograd.grad((maps * weights).sum(), inputs, allow_unused=True)
    return [torch.zeros_like(x) if one is None else one for x, one in zip(inputs, found, strict=True)]


@pytest.mark.parametrize("cue", ["a", "b", "n", "u"])
def test_the_gradient_of_a_largest_similarity_is_that_of_the_dense_form(cue):
    inputs = parts()
    # Beside another, because u alone is no choice of cues.
    given = gradients(maps_of(*inputs, slice(1, 3), cue + "s")[:, :1], inputs)
    for one, other in zip(given, gradients(dense(*inputs, cue), inputs), strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    assert sum(float(x.abs().sum()) for x in given) > 0


def test_a_gradient_without_sorted_columns_is_refused():
    query, support, background = parts()
    guidance = prepare_guidance((support,), torch.ones(1, 2, 5, 4), (background,), columns=True)
    with pytest.raises(ValueError, match="columns"):
        cue_maps(unit_features(query), replace(guidance, columns=None), 0, ModelConfig(reader="cues"))
