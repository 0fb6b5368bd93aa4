"""Guidance positions sorted by what they are, all of them or a few that stand for all."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from obftnet.backbones.features import unit_features
from obftnet.guidance.columns import DEFECT, GOOD, REST, VIEWS, Columns, every, sorted_columns
from obftnet.relation.cues import evidence_of
from obftnet.relation.scan import scan
from obftnet.transport import Algorithm1

T, F = True, False


def layer(most: int = 0, views: Sequence[Tensor] = ()) -> Columns:
    """Two supports of 25 positions, four of each defect, and three backgrounds."""
    generator = torch.Generator().manual_seed(1)
    supports = unit_features(torch.randn(2, 6, 5, 5, generator=generator))
    backgrounds = unit_features(torch.randn(3, 6, 5, 5, generator=generator))
    defect = torch.zeros(2, 5, 5, dtype=torch.bool)
    defect[:, 1:3, 1:3] = True
    return sorted_columns(supports, defect, backgrounds, torch.ones(3, 5, 5, dtype=torch.bool), most, views)


def test_columns_are_sorted_by_what_they_are_and_know_their_places():
    support = torch.arange(8.0).reshape(2, 1, 2, 2)
    background = torch.arange(10.0, 16).reshape(1, 1, 2, 3)
    defect = torch.tensor([[[T, F], [F, F]], [[F, T], [F, T]]])
    usable = torch.tensor([[[T, T, F], [T, F, T]]])
    columns = sorted_columns(
        support, defect, background, usable, views=[torch.tensor([[20.0]]), torch.tensor([[21.0]])]
    )
    assert columns.matrix.tolist() == [[0, 5, 7, 1, 2, 3, 4, 6, 10, 11, 13, 15, 20, 21]]
    assert columns.counts == (3, 5, 4, 2)
    assert columns.place.tolist() == [0, 5, 7, 1, 2, 3, 4, 6, 0, 1, 3, 5, -1, -1]
    assert columns.weight.tolist() == [1] * 14
    parts = [columns.matrix[0, chosen].tolist() for chosen in columns.slices()]
    assert [parts[kind] for kind in (DEFECT, REST, GOOD, VIEWS)] == [
        [0, 5, 7],
        [1, 2, 3, 4, 6],
        [10, 11, 13, 15],
        [20, 21],
    ]


def test_a_coreset_keeps_every_defect_position_and_bounds_the_others():
    whole, few = layer(), layer(10)
    assert few.counts == (8, 10, 10, 0)
    assert float(few.weight.sum()) == 8 + 42 + 75
    assert (few.weight[:8] == 1).all()
    for kind in (REST, GOOD):
        kept, every_one = few.slices()[kind], whole.slices()[kind]
        where = [whole.place[every_one].tolist().index(place) for place in few.place[kept].tolist()]
        assert torch.equal(few.matrix[:, kept], whole.matrix[:, every_one][:, where])


@pytest.mark.parametrize("most", [75, 1000])
def test_a_coreset_of_all_is_none(most):
    columns, whole = layer(most), layer()
    assert torch.equal(columns.matrix, whole.matrix)
    assert torch.equal(columns.weight, whole.weight)


def test_views_that_are_left_out_count_with_those_that_stand_for_them():
    # Every view twenty-one times over: some of each lose nothing.
    generator = torch.Generator().manual_seed(3)
    distinct = unit_features(torch.randn(6, 4, 1, generator=generator))[..., 0]
    repeated = distinct.repeat_interleave(21, 1)
    query = (unit_features(torch.randn(6, 8, 8, generator=generator)),)
    found = []
    for most in (0, 80):
        columns = layer(most, [repeated[:, :40], repeated[:, 40:]])
        evidence = evidence_of(query, (columns,), "m", Algorithm1())[0].scan
        found.append((evidence.largest[VIEWS], evidence.mass[VIEWS]))
    assert columns.counts[VIEWS] == 80
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_every_is_spread_over_the_columns():
    chosen = every(torch.arange(1000.0)[None], 128)[0]
    assert chosen[0] == 0
    assert chosen[-1] >= 990
    assert (chosen.diff() > 0).all()
    assert every(torch.arange(5.0)[None], 128).shape == (1, 5)


def test_repeated_positions_cost_nothing_of_the_cues():
    """Guidance whose positions are copies of a few: a coreset of those few gives the same sums."""
    generator = torch.Generator().manual_seed(2)
    few = unit_features(torch.randn(6, 4, 1, generator=generator))[..., 0]
    support = few[:, torch.arange(36) % 4].reshape(1, 6, 6, 6)
    background = few[:, torch.arange(64) % 3].reshape(1, 6, 8, 8)
    defect, usable = torch.zeros(1, 6, 6, dtype=torch.bool), torch.ones(1, 8, 8, dtype=torch.bool)
    defect[..., 0, 0] = True
    query = (unit_features(torch.randn(6, 5, 7, generator=generator)),)
    found = []
    for most in (16, 0):
        columns = sorted_columns(support, defect, background, usable, most)
        scan = evidence_of(query, (columns,), "s", Algorithm1())[0].scan
        found.append((scan.largest, scan.mass))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_several_kinds_of_defect_share_what_is_good():
    """Supports 0 and 2 show one kind, 1 another; one position more is neither's defect nor good."""
    support = torch.arange(12.0).reshape(3, 1, 2, 2)
    defect = torch.tensor([[[T, F], [F, F]], [[F, T], [F, T]], [[F, F], [F, T]]])
    ignored = torch.tensor([[[T, T], [F, F]], [[F, F], [F, F]], [[F, F], [F, F]]])
    background, usable = torch.full((1, 1, 1, 1), 20.0), torch.ones(1, 1, 1, dtype=torch.bool)
    views = [torch.tensor([[30.0]]), torch.tensor([[31.0, 32]]), torch.tensor([[33.0]])]
    columns = sorted_columns(
        support, defect, background, usable, views=views, ignored=ignored, kinds=[0, 1, 0]
    )
    rest = [2, 3, 4, 6, 8, 9, 10]
    assert columns.matrix.tolist() == [[0, 11, 5, 7, *rest, 20, 30, 33, 31, 32]]
    assert (columns.counts, columns.defects) == ((4, 7, 1, 4), ((2, 2), (2, 2)))
    for kind, (own, turned) in enumerate((([0, 11], [30, 33]), ([5, 7], [31, 32]))):
        assert [columns.matrix[0, part].tolist() for part in columns.slices(kind)] == [
            own,
            rest,
            [20],
            turned,
        ]
        alone = columns.of(kind)
        assert alone.matrix.tolist() == [[*own, *rest, 20, *turned]]
        assert (alone.counts, alone.defects) == ((2, 7, 1, 2), ((2, 2),))
        assert alone.place.tolist() == [*own, *rest, 0, -1, -1]


def test_a_scan_of_several_kinds_is_that_of_each_alone():
    generator = torch.Generator().manual_seed(4)
    support, background = (unit_features(torch.randn(3, 6, 5, 5, generator=generator)) for _ in range(2))
    defect = torch.rand(3, 5, 5, generator=generator) < 0.2
    views = [unit_features(torch.randn(6, n, 1, generator=generator))[..., 0] for n in (4, 0, 7)]
    usable = torch.ones(3, 5, 5, dtype=torch.bool)
    columns = sorted_columns(support, defect, background, usable, 20, views, kinds=[2, 0, 1])
    query = unit_features(torch.randn(6, 9, 1, generator=generator))[..., 0]
    own = sorted_columns(support[:, :, :2], defect[:, :2], background, usable, kinds=[0, 1, 2])
    together, joined = scan(query, columns, 0.05, nearest=True), scan(query, own, 0.05)
    for kind in range(3):
        alone = scan(query, columns.of(kind), 0.05)
        for first, second in (
            (together, alone),
            (together.joined(joined), alone.joined(scan(query, own.of(kind), 0.05))),
        ):
            torch.testing.assert_close(first.of(kind).largest, second.largest)
            torch.testing.assert_close(first.of(kind).mass, second.mass)
        nearest = together.of(kind).nearest
        for row, part in enumerate(columns.slices(kind)):
            inside = (nearest[row] >= part.start) & (nearest[row] < part.stop)
            assert bool((inside | (nearest[row] < 0)).all())
