"""How unusual a position is within its own picture."""

import pytest
import torch

from obftnet.relation.correlation import unit_features
from obftnet.relation.own import near, own_similarity

CPU = torch.device("cpu")


def test_a_lone_position_resembles_nothing_and_the_rest_each_other():
    maps = torch.zeros(1, 3, 12, 10)
    maps[:, 0] = 1
    maps[:, :, 4, 7] = torch.tensor([0.0, 1.0, 0.0])
    value = own_similarity(maps).amax(-1)
    odd = 4 * 10 + 7
    assert value[0, odd] == 0
    assert (value[0, torch.arange(120) != odd] == 1).all()


@pytest.mark.parametrize("grid", [(12, 10), (30, 30), (2, 2), (1, 3), (1, 1), (3, 40)])
def test_every_position_has_a_counterpart(grid):
    maps = unit_features(torch.randn(2, 5, *grid, generator=torch.Generator().manual_seed(0)))
    value = own_similarity(maps).amax(-1)
    assert value.shape == (2, grid[0] * grid[1])
    assert (value >= -1).all()


def test_distant_similarities_are_the_cosines_and_near_ones_lie_below_all():
    maps = unit_features(torch.randn(1, 5, 12, 10, generator=torch.Generator().manual_seed(0)))
    rows = maps.flatten(2).mT
    close = near(12, 10, CPU).reshape(120, 120)
    found = own_similarity(maps)
    assert torch.allclose(found[0][~close], (rows @ rows.mT)[0][~close], atol=1e-6)
    assert (found[0][close] == -2).all()


def test_neighbours_do_not_count():
    close = near(40, 40, CPU)
    assert close[20, 20, 16:25, 16:25].all()
    assert not close[20, 20, 25, 20]
    assert not close[20, 20, 20, 15]
    assert int(close[20, 20].sum()) == 81
