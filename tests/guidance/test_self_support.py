"""What of a query joins its guidance: its confident cells, each where it belongs."""

import torch

from obftnet.backbones.features import unit_features
from obftnet.guidance.self_support import own_columns

UNIT = unit_features(torch.randn(8, 16, 16, generator=torch.Generator().manual_seed(1)))


def score(value: float = 0.3) -> torch.Tensor:
    """As uncertain everywhere as `value`, 4 x 4 pixels a cell."""
    return torch.full((64, 64), value)


def test_an_uncertain_query_adds_nothing():
    assert own_columns(UNIT, score()[None]) is None


def test_confident_cells_are_of_the_defect_and_of_good_material():
    first = score()
    first[:8, 4:12] = 0.95  # cells (0..1, 1..2)
    first[32:] = 0.001  # rows 8 to 15, of which the ninth is beside an uncertain one
    found = own_columns(UNIT, first[None])
    assert found is not None
    assert found.counts == (4, 0, 7 * 16, 0)
    defect, sound = UNIT[:, :2, 1:3].flatten(1), UNIT[:, 9:].flatten(1)
    assert torch.equal(found.matrix, torch.cat([defect, sound], 1))
    assert found.place.tolist() == [1, 2, 17, 18, *range(9 * 16, 16 * 16)]
    assert (found.weight == 1).all()


def test_a_cell_is_an_example_of_the_defect_by_its_mean_and_sound_by_its_largest_score():
    first = score()
    first[:4, :4] = 1.0
    first[0, :3] = 0.3  # 13 of 16 pixels are certain: a mean of 0.87
    assert own_columns(UNIT, first[None]) is None
    sound = score(0.0)
    sound[33, 33] = 0.5  # one pixel: its cell and the eight around it are left out
    found = own_columns(UNIT, sound[None])
    assert found is not None
    assert found.counts == (0, 0, 16 * 16 - 9, 0)


def test_of_several_kinds_each_has_its_own_defect_and_all_find_the_same_sound():
    one, other = score(0.0), score(0.0)
    one[:8, :8] = 0.95  # cells (0..1, 0..1)
    other[40:48, 40:44] = 0.95  # cells (10..11, 10)
    found = own_columns(UNIT, torch.stack([one, other]))
    assert found is not None
    assert found.defects == ((4, 0), (2, 0))
    assert found.place[:6].tolist() == [0, 1, 16, 17, 170, 186]
    sound = set(found.place[6:].tolist())
    for alone in (one, other):
        own = own_columns(UNIT, alone[None])
        assert own is not None
        assert sound < set(own.place[own.slices()[2]].tolist())
