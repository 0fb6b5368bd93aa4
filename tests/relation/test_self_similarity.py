"""How unusual a position is within its own picture."""

import pytest
import torch

from obftnet.backbones.features import unit_features
from obftnet.relation import self_similarity as module
from obftnet.relation.self_similarity import self_similarity

CPU = torch.device("cpu")


def random(*grid: int, b: int = 1) -> torch.Tensor:
    return torch.randn(b, 5, *grid, generator=torch.Generator().manual_seed(0))


def dense(maps: torch.Tensor) -> torch.Tensor:
    """From the whole matrix: (b, h * w)."""
    h, w = maps.shape[-2:]
    rows = unit_features(maps).flatten(2).mT
    close = module._near(h, w, CPU).reshape(h * w, h * w)
    return (rows @ rows.mT).masked_fill(close, -2).amax(-1)


def test_a_lone_position_resembles_nothing_and_the_rest_each_other():
    maps = torch.zeros(1, 3, 12, 10)
    maps[:, 0] = 1
    maps[:, :, 4, 7] = torch.tensor([0.0, 1.0, 0.0])
    value = self_similarity(maps)
    odd = 4 * 10 + 7
    assert value[0, odd] == 0
    assert (value[0, torch.arange(120) != odd] == 1).all()


@pytest.mark.parametrize("grid", [(12, 10), (30, 30), (2, 2), (1, 3), (1, 1), (3, 40)])
def test_every_position_has_a_counterpart(grid):
    value = self_similarity(unit_features(random(*grid, b=2)))
    assert value.shape == (2, grid[0] * grid[1])
    assert (value >= -1).all()


def test_it_is_the_largest_of_the_distant_cosines():
    torch.testing.assert_close(self_similarity(unit_features(random(12, 10))), dense(random(12, 10)))


def test_its_gradient_is_that_of_the_dense_form():
    found = []
    for make in (lambda x: self_similarity(unit_features(x)), dense):
        maps = random(9, 7).requires_grad_()
        value = make(maps)
        found.append(torch.autograd.grad((value * torch.arange(63.0)).sum(), maps)[0])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        assert not self_similarity(unit_features(random(9, 7).requires_grad_())).requires_grad


def test_neighbours_do_not_count():
    close = module._near(40, 40, CPU)
    assert close[20, 20, 16:25, 16:25].all()
    assert not close[20, 20, 25, 20]
    assert not close[20, 20, 20, 15]
    assert int(close[20, 20].sum()) == 81
