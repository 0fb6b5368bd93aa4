"""Residuals from softly aligned good features."""

import pytest
import torch

from obftnet.config import CuesConfig
from obftnet.guidance.columns import Columns, sorted_columns
from obftnet.model import OBFTNet
from obftnet.relation import change
from obftnet.relation.change import aligned, residual_of
from obftnet.relation.relation import Relation, relation_of


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    maps = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(maps, dim=-2)


def columns_of(matrix: torch.Tensor, counts: tuple[int, int, int, int], weight=None) -> Columns:
    count = matrix.shape[1]
    return Columns(matrix, counts, torch.ones(count) if weight is None else weight, torch.arange(count))


def dense(query: torch.Tensor, good: torch.Tensor) -> torch.Tensor:
    return good @ ((query.mT @ good) / change.TEMPERATURE).softmax(1).mT


def test_the_alignment_is_the_softmax_over_all_but_the_defect_and_its_views():
    query, matrix = unit(8, 30), unit(8, 50, seed=1)
    found = aligned(query, columns_of(matrix, (7, 20, 19, 4)))
    torch.testing.assert_close(found, dense(query, matrix[:, 7:46]))


def test_a_column_that_stands_for_several_counts_as_often():
    query, matrix = unit(8, 30), unit(8, 10, seed=1)
    weight = torch.tensor([1.0, 1, 3, 1, 1, 2, 1, 1, 1, 4])
    repeated = matrix[:, 2:].repeat_interleave(weight[2:].long(), 1)
    found = aligned(query, columns_of(matrix, (2, 4, 4, 0), weight))
    torch.testing.assert_close(found, dense(query, repeated))


def test_what_is_among_the_good_has_no_residual_and_what_is_not_has():
    """One good feature in a hundred positions, and a query that shows it everywhere but in one."""
    good = torch.tensor([1.0, 0, 0, 0])[:, None].expand(4, 100).contiguous()
    query = good.clone()
    query[:, 35] = torch.tensor([0.0, 1, 0, 0])
    found = residual_of(query, columns_of(good, (0, 50, 50, 0)))
    assert found.shape == (4, 100)
    assert found[:, 35].tolist() == pytest.approx([1, 1, 0, 0], abs=1e-5)
    found[:, 35] = 0
    assert found.abs().max() < 1e-5


def test_each_level_is_read_at_its_last_tap_and_both_looks_read_the_same(monkeypatch):
    torch.manual_seed(0)
    model = OBFTNet(
        CuesConfig(backbone="compact", size=64, cues="abn", change=True, self_support=True)
    ).eval()
    image, mask = torch.rand(3, 3, 64, 64), torch.zeros(1, 64, 64)
    mask[:, 20:40, 20:40] = 1
    query = model.extract(image[:1])
    guidance = model.guide(model.extract(image[1:2], mask), mask, model.extract(image[2:]))
    once = model.relate(query, guidance)
    assert len(once.change) == 3
    for tap, maps in zip((1, 3, 5), once.change, strict=True):
        unit = query.taps[tap][0]
        expected = (unit.flatten(1) - aligned(unit.flatten(1), guidance.columns[tap])).abs()
        torch.testing.assert_close(maps[0], expected.reshape(unit.shape))
    # Sure of everything, the second look has all of the query among its guidance.
    monkeypatch.setattr(model, "read", lambda relation, size: torch.full((1, *size), 9.0))
    twice = model.relate(query, guidance, second_look=True)
    assert not torch.equal(twice.levels[0], once.levels[0])
    for maps, again in zip(once.change, twice.change, strict=True):
        assert torch.equal(maps, again)


def test_the_gradient_is_that_of_the_softmax_and_reaches_query_and_guidance():
    support = unit(1, 6, 16, seed=1).reshape(1, 6, 4, 4)
    defect, usable = torch.zeros(1, 4, 4, dtype=torch.bool), torch.ones(1, 4, 4, dtype=torch.bool)
    gradients = []
    for how in (aligned, lambda q, c: dense(q, c.matrix[:, c.counts[0] :])):
        query = unit(6, 12, seed=2).requires_grad_()
        background = unit(1, 6, 16, seed=3).reshape(1, 6, 4, 4).requires_grad_()
        how(query, sorted_columns(support, defect, background, usable)).square().sum().backward()
        gradients.append((query.grad, background.grad))
    for given, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(given, wanted, rtol=1e-3, atol=1e-3)
        assert wanted.abs().max() > 0.01


def test_a_query_that_takes_a_gradient_attends_to_some_of_very_many(monkeypatch):
    monkeypatch.setattr(change, "_MOST_TAUGHT", 5)
    query, matrix = unit(8, 30), unit(8, 20, seed=1)
    found = aligned(query.requires_grad_(), columns_of(matrix, (0, 10, 10, 0)))
    torch.testing.assert_close(found, dense(query, matrix[:, ::4]))


@pytest.mark.parametrize("early", [None, torch.randn(1, 3, 8, 8)])
def test_a_relation_is_the_same_after_it_was_taken_apart(early):
    relation = Relation((torch.randn(1, 2, 4, 4),), early, change=(torch.randn(1, 5, 4, 4),))
    again = relation_of(relation.tensors(), 1, changes=1)
    assert torch.equal(again.levels[0], relation.levels[0])
    assert torch.equal(again.change[0], relation.change[0])
    assert again.early is relation.early


@pytest.mark.parametrize("setting", [{"cues": "abo"}, {"shots_rule": "vote"}])
def test_a_setting_that_change_cannot_have_is_refused(setting):
    values = {"cues": "abn"} | setting
    CuesConfig(**values)
    with pytest.raises(ValueError, match="change goes with"):
        CuesConfig(**values, change=True)
