"""What of a query joins its guidance: its confident cells, each where it belongs."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from obftnet.features.guidance import GuidanceFeatures, prepare_guidance
from obftnet.features.self_support import self_supported
from obftnet.relation.correlation import unit_features


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def guidance(items: int = 1, coreset: int = 0) -> GuidanceFeatures:
    """Of one tap: a support of 16 x 16 cells, the first row defect, and a background."""
    fraction = torch.zeros(items, 1, 64, 64)
    fraction[..., :4, :] = 1
    maps = random(items, 2, 8, 16, 16)
    return prepare_guidance((maps[:, :1],), fraction, (maps[:, 1:],), columns=True, coreset=coreset)


def columns_of(found: GuidanceFeatures, item: int = 0):
    assert found.columns is not None
    return found.columns[0][item]


QUERY = random(1, 8, 16, 16, seed=1)


def score(value: float = 0.3) -> Tensor:
    """As uncertain everywhere as `value`, 4 x 4 pixels a cell."""
    return torch.full((1, 64, 64), value)


def test_uncertain_queries_add_nothing():
    before = columns_of(guidance())
    after = columns_of(self_supported(guidance(), (QUERY,), score()))
    assert torch.equal(after.matrix, before.matrix)
    assert (after.defect, after.rest, after.good) == (before.defect, before.rest, before.good)


def test_confident_cells_join_the_defect_and_the_good_ones():
    first = score()
    first[0, :8, 4:12] = 0.95  # cells (0..1, 1..2)
    first[0, 32:] = 0.001  # rows 8 to 15, of which the ninth is beside an uncertain one
    unit = unit_features(QUERY)[0]
    defect = unit[:, :2, 1:3].flatten(1)
    sound = unit[:, 9:].flatten(1)
    before, after = columns_of(guidance()), columns_of(self_supported(guidance(), (QUERY,), first))
    d, r, g = before.defect, before.rest, before.good
    assert (after.defect, after.rest, after.good) == (d + 4, r, g + 7 * 16)
    expected = [before.matrix[:, :d], defect, before.matrix[:, d:], sound]
    assert torch.equal(after.matrix, torch.cat(expected, 1))


def test_a_cell_is_an_example_of_the_defect_by_its_mean_and_sound_by_its_largest_score():
    first = score()
    first[0, :4, :4] = 1.0
    first[0, 0, :3] = 0.3  # 13 of 16 pixels are certain: a mean of 0.87
    assert columns_of(self_supported(guidance(), (QUERY,), first)).defect == columns_of(guidance()).defect
    sound = score(0.0)
    sound[0, 33, 33] = 0.5  # one pixel: its cell and the eight around it are left out
    added = columns_of(self_supported(guidance(), (QUERY,), sound)).good - columns_of(guidance()).good
    assert added == 16 * 16 - 9


def test_a_position_of_the_query_counts_once_beside_a_coreset():
    first = score(0.001)
    first[0, :8, :8] = 0.95
    before = columns_of(guidance(coreset=32))
    after = columns_of(self_supported(guidance(coreset=32), (QUERY,), first))
    assert before.weight is not None
    assert after.weight is not None
    assert len(after.weight) == after.matrix.shape[1] == after.defect + after.rest + after.good
    added = after.matrix.shape[1] - before.matrix.shape[1]
    assert added > 0
    assert float(after.weight.sum()) == pytest.approx(float(before.weight.sum()) + added)
    d, more = before.defect, after.defect - before.defect
    assert torch.equal(after.weight[d : d + more], torch.ones(more))


def test_every_query_of_a_batch_gets_its_own_positions():
    query = torch.cat([QUERY, random(1, 8, 16, 16, seed=2)])
    first = torch.cat([score(), score(0.95)])
    found = self_supported(guidance(2), (query,), first)
    assert columns_of(found, 0).matrix.shape == columns_of(guidance(2), 0).matrix.shape
    assert columns_of(found, 1).defect == columns_of(guidance(2), 1).defect + 256


def test_guidance_without_columns_is_refused():
    with pytest.raises(ValueError, match="prepared with columns"):
        self_supported(replace(guidance(), columns=None), (QUERY,), score())
