"""The cues with a gradient through the nearest positions alone."""

import pytest
import torch
from torch import Tensor

from obftnet.config import ModelConfig
from obftnet.features.guidance import GuidanceFeatures, prepare_guidance
from obftnet.relation.correlation import unit_features
from obftnet.relation.cue_maps import cue_maps
from obftnet.relation.nearest import nearest_cue_maps


def features(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def guidance_of(support: Tensor, background: Tensor, defect: slice | None, usable: Tensor | None = None):
    fraction = torch.zeros(1, support.shape[1], 5, 4)
    if defect is not None:
        fraction[..., defect, :] = 1
    return prepare_guidance((support,), fraction, (background,), usable)


@pytest.mark.parametrize("defect", [slice(1, 2), slice(0, 5), None])
@pytest.mark.parametrize("cues", ["abns", "sn", "abnsolp", "ubns", "abu"])
def test_its_values_are_the_cue_maps(defect, cues):
    config = ModelConfig(reader="cues", cues=cues)
    usable = torch.ones(1, 1, 5, 4)
    usable[..., 2:, :] = 0
    guidance = guidance_of(features(1, 2, 6, 5, 4, seed=1), features(1, 1, 6, 5, 4, seed=2), defect, usable)
    query = unit_features(features(1, 6, 3, 7, seed=3))
    expected = cue_maps(query, guidance, 0, config)
    assert torch.allclose(nearest_cue_maps(query, guidance, 0, config), expected, atol=1e-5)


def gradients(maker, cue: str) -> list[Tensor]:
    query, support = features(1, 6, 3, 7, seed=3), features(1, 2, 6, 5, 4, seed=1)
    background = features(1, 1, 6, 5, 4, seed=2)
    guidance: GuidanceFeatures = guidance_of(support, background, slice(1, 3))
    maps = maker(unit_features(query), guidance, 0, ModelConfig(reader="cues", cues=cue))
    maps.mul(torch.arange(21.0).reshape(3, 7)).sum().backward()
    return [x.grad if x.grad is not None else torch.zeros_like(x) for x in (query, support, background)]


@pytest.mark.parametrize("cue", ["a", "b", "n"])
def test_the_gradient_of_a_largest_similarity_is_that_of_the_dense_form(cue):
    for given, dense in zip(gradients(nearest_cue_maps, cue), gradients(cue_maps, cue), strict=True):
        assert torch.allclose(given, dense, atol=1e-6)
    assert sum(float(x.abs().sum()) for x in gradients(nearest_cue_maps, cue)) > 0
