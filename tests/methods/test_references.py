"""What every training-free reference must do, whichever it is."""

import pytest
import torch

from obftnet.errors import InputError
from obftnet.features.weights import load_backbone
from obftnet.methods.registry import REFERENCES, reference


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("compact", "random")


def scene(method, shots=1, backgrounds=1, batch=1, side=96):
    """A grey noisy material; the query and every support show one bright square. Score map and truth."""
    generator = torch.Generator().manual_seed(0)

    def material(count):
        return 0.4 + 0.05 * torch.rand(batch, count, 3, side, side, generator=generator)

    def features(images):
        return tuple(x.unflatten(0, images.shape[:2]) for x in method.extract(images.flatten(0, 1)))

    mask = torch.zeros(batch, shots, side, side)
    mask[..., 16:48, 16:48] = 1
    supports = torch.where(mask.unsqueeze(2) > 0, 0.95, material(shots))
    guidance = method.prepare(features(supports), mask, features(material(backgrounds)))
    truth = torch.zeros(batch, side, side, dtype=torch.bool)
    truth[:, 48:80, 32:64] = True
    query = torch.where(truth[:, None], 0.95, material(1)[:, 0])
    return method.score(method.extract(query), guidance, (side, side)), truth


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
def test_an_episode_does_not_depend_on_its_batch(name, backbone):
    method = reference(name, backbone, 96)
    maps = method.extract(torch.rand(2, 3, 96, 96))
    supports = tuple(x.unsqueeze(1) for x in maps)
    mask = torch.zeros(2, 1, 96, 96)
    mask[..., :40, :40] = 1
    both = method.score(maps, method.prepare(supports, mask, supports), (96, 96))
    for index in range(2):
        one = slice(index, index + 1)
        own = tuple(x[one] for x in supports)
        alone = method.score(tuple(x[one] for x in maps), method.prepare(own, mask[one], own), (96, 96))
        torch.testing.assert_close(alone[0], both[index], atol=1e-4, rtol=1e-4)


def test_an_unknown_name_lists_those_there_are(backbone):
    with pytest.raises(InputError, match=r"obftnet, hsnet, .* and without weights nn_contrast"):
        reference("patchcore", backbone, 64)


def test_a_stride_the_backbone_does_not_have_is_named(backbone):
    with pytest.raises(InputError, match="no tap of stride 4, only 8, 16, 32"):
        backbone.spec.at_stride(4)
