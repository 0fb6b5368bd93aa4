import math

import pytest
import torch
from torch.nn.functional import normalize

from obftnet.methods.asgnet import ASGNet, allocate, prototypes, seeds
from obftnet.methods.parts import masked_average


def test_parameters_are_pfenets():
    assert sum(p.numel() for p in ASGNet((512, 1024, 2048)).parameters()) == 10_817_034


def test_seeds_by_hand():
    """A strip of seven cells in a row of nine: the middle, then halfway to each border."""
    mask = torch.zeros(1, 9, dtype=torch.bool)
    mask[0, 1:8] = True
    assert seeds(mask, 1) == [(0, 4)]
    # Then the distances are 1 2 1 . 1 2 1.
    assert seeds(mask, 3) == [(0, 4), (0, 2), (0, 6)]


def test_seeds_of_any_mask_lie_in_it_and_differ():
    torch.manual_seed(0)
    mask = torch.rand(12, 15) > 0.4
    chosen = seeds(mask, 5)
    assert len(set(chosen)) == 5
    assert all(mask[cell] for cell in chosen)
    assert len(set(seeds(torch.ones(4, 4, dtype=torch.bool), 5))) == 5
    assert seeds(torch.zeros(4, 4, dtype=torch.bool), 5) == []


@pytest.mark.parametrize(("cells", "count"), [(1, 1), (149, 1), (170, 2), (600, 5)])
def test_there_are_as_many_prototypes_as_the_defect_is_large(cells, count):
    mask = torch.zeros(30 * 30)
    mask[:cells] = 1
    assert len(prototypes(torch.randn(6, 30, 30), mask.reshape(30, 30), 5)) == count


def test_below_two_seeds_it_is_the_masked_average():
    features, mask = torch.randn(4, 10, 10), torch.zeros(10, 10)
    mask[2:5, 3] = 1
    torch.testing.assert_close(
        prototypes(features, mask, 5), masked_average(features[None, None], mask[None, None])[0]
    )
    # Thinner than half a cell: no cell is in the mask, but its share counts.
    thin = torch.zeros(100, 100)
    thin[50, 20:80] = 1
    torch.testing.assert_close(
        prototypes(features, thin, 5), masked_average(features[None, None], thin[None, None])[0]
    )


def test_one_round_by_hand():
    """Two columns of a map with their own feature each; a centre is the mean by exp(-distance^2)."""
    features = torch.zeros(2, 20, 10)
    features[0, :, :5], features[1, :, 5:] = 2, 3
    mask = torch.ones(20, 10)
    starts = seeds(mask.bool(), 2)
    found = prototypes(features, mask, 1)
    for (row, column), centre in zip(starts, found, strict=True):
        total, weights = torch.zeros(2), 0.0
        for y in range(20):
            for x in range(10):
                unit = normalize(features[:, y, x], dim=0) - normalize(features[:, row, column], dim=0)
                apart = float(unit.square().sum()) + ((y - row) / 20) ** 2 + ((x - column) / 10) ** 2
                total += math.exp(-apart) * features[:, y, x]
                weights += math.exp(-apart)
        torch.testing.assert_close(centre, total / weights)


def test_each_position_takes_its_best_prototype():
    centres = torch.tensor([[4.0, 0], [0, 1]])
    query = torch.tensor([[1.0, 1, 3], [0, 2, 4]]).reshape(2, 1, 3)
    guide, prior = allocate(query, centres)
    assert guide[:, 0].T.tolist() == [[4, 0], [0, 1], [0, 1]]
    assert prior[0, 0].tolist() == pytest.approx([0.5, 3 / math.sqrt(5) / 2, 0.7])
