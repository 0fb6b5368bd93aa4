"""What every training-free reference must do, whichever it is."""

import pytest
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.errors import InputError
from obftnet.methods.registry import REFERENCES, reference


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("compact", "random")


def scene(method, shots=1, backgrounds=1, batch=1, side=96):
    """A grey noisy material; every query and support shows one bright square. Score map and truth."""
    generator = torch.Generator().manual_seed(0)

    def material(count):
        return 0.4 + 0.05 * torch.rand(count, 3, side, side, generator=generator)

    masks = torch.zeros(shots, side, side)
    masks[:, 16:48, 16:48] = 1
    supports = torch.where(masks.unsqueeze(1) > 0, 0.95, material(shots))
    guidance = method.guide(method.extract(supports), masks, method.extract(material(backgrounds)))
    truth = torch.zeros(batch, side, side, dtype=torch.bool)
    truth[:, 48:80, 32:64] = True
    query = torch.where(truth[:, None], 0.95, material(batch))
    return method.score(method.extract(query), guidance), truth


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize(("shots", "backgrounds", "batch"), [(1, 1, 1), (3, 2, 1), (1, 2, 2)])
def test_the_defect_scores_higher_than_the_rest(name, backbone, shots, backgrounds, batch):
    score, truth = scene(reference(name, backbone, 96), shots, backgrounds, batch)
    assert score.shape == truth.shape
    assert score.min() >= 0
    assert score.max() <= 1
    for map_, where in zip(score, truth, strict=True):
        assert map_[where].mean() > map_[~where].mean()


@pytest.mark.parametrize("name", REFERENCES)
def test_a_query_does_not_depend_on_its_batch(name, backbone):
    method = reference(name, backbone, 96)
    seen = method.extract(torch.rand(4, 3, 96, 96))
    masks = torch.zeros(1, 96, 96)
    masks[..., :40, :40] = 1
    guidance = method.guide(seen[:1], masks, seen[1:2])
    both = method.score(seen[2:], guidance)
    assert not torch.allclose(both[0], both[1])
    for index in range(2):
        alone = method.score(seen[2 + index : 3 + index], guidance)
        torch.testing.assert_close(alone[0], both[index], atol=1e-4, rtol=1e-4)


def test_an_unknown_name_lists_those_there_are(backbone):
    with pytest.raises(InputError, match=r"obftnet, hsnet, .* and without weights nn_contrast"):
        reference("patchcore", backbone, 64)


def test_a_stride_the_backbone_does_not_have_is_named(backbone):
    with pytest.raises(InputError, match="no tap of stride 4, only 8, 16, 32"):
        backbone.spec.at_stride(4)
