"""Features with their masks at every tap's size, and single shots of them."""

import pytest
import torch

from obftnet.backbones.features import Features
from obftnet.guidance.guidance import Guidance, masked_guidance


def guidance(k: int = 2, j: int = 3) -> Guidance:
    generator = torch.Generator().manual_seed(0)

    def features(n: int) -> Features:
        taps = tuple(torch.randn(n, c, *grid, generator=generator) for c, grid in ((5, (8, 6)), (7, (4, 3))))
        return Features(taps, (32, 24))

    masks = torch.zeros(k, 32, 24)
    masks[:, 0, 0] = 0.01
    return masked_guidance(features(k), masks, features(j))


def test_masks_come_to_the_maps_sizes():
    found = guidance()
    assert found.shots == 2
    assert [x.shape for x in found.defect] == [(2, 8, 6), (2, 4, 3)]
    assert [int(x.sum()) for x in found.defect] == [2, 2]
    assert all(x[:, 0, 0].all() for x in found.defect)
    assert [x.shape for x in found.usable] == [(3, 8, 6), (3, 4, 3)]
    assert all(x.all() for x in found.usable)


@pytest.mark.parametrize(("index", "back"), [(0, 0), (1, 1), (2, 0), (4, 0)])
def test_a_shot_takes_the_background_of_its_index(index, back):
    found = guidance(5, 2)
    shot = found.shot(index)
    assert shot.shots == 1
    for tap in range(2):
        assert torch.equal(shot.supports[tap][0], found.supports[tap][index])
        assert torch.equal(shot.defect[tap][0], found.defect[tap][index])
        assert torch.equal(shot.backgrounds[tap][0], found.backgrounds[tap][back])
        assert torch.equal(shot.usable[tap][0], found.usable[tap][back])
