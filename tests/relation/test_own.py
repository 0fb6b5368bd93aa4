"""How unusual a position is within its own picture."""

import pytest
import torch

from obftnet.relation.correlation import unit_features
from obftnet.relation.own import far_apart, own_similarity


def test_a_lone_position_resembles_nothing_and_the_rest_each_other():
    maps = torch.zeros(1, 3, 12, 10)
    maps[:, 0] = 1
    maps[:, :, 4, 7] = torch.tensor([0.0, 1.0, 0.0])
    value, _ = own_similarity(maps)
    odd = 4 * 10 + 7
    assert value[0, odd] == 0
    assert (value[0, torch.arange(120) != odd] == 1).all()


@pytest.mark.parametrize("grid", [(12, 10), (30, 30), (2, 2), (1, 3), (1, 1)])
def test_it_is_the_largest_of_the_distant_similarities(grid):
    maps = unit_features(torch.randn(2, 5, *grid, generator=torch.Generator().manual_seed(0)))
    value, index = own_similarity(maps)
    rows = maps.flatten(2).mT
    picked = rows.gather(1, index.unsqueeze(-1).expand(-1, -1, 5))
    assert torch.allclose((rows * picked).sum(-1), value, atol=1e-6)
    far = far_apart(*grid, torch.device("cpu"))
    if far.any(-1).all():
        assert far.gather(1, index.mT).all()
        assert torch.allclose((rows @ rows.mT).masked_fill(~far, -2).amax(-1), value)


def test_neighbours_do_not_count():
    """A stripe three wide on a map 40 wide resembles itself along its length alone."""
    far = far_apart(40, 40, torch.device("cpu")).reshape(40, 40, 40, 40)
    assert not far[20, 20, 16:25, 16:25].any()
    assert far[20, 20, 25, 20]
    assert far[20, 20, 20, 15]
