import pytest
import torch

from obftnet.readers.presence import Presence
from obftnet.training.presence import fit_presence, left_out


def presence_of(columns):
    presence = Presence(0)
    presence.linear = torch.nn.Linear(columns, 1)
    return presence


def drawn(weight, bias, count=4000):
    torch.manual_seed(0)
    columns = torch.randn(count, len(weight)) * torch.tensor([1.0, 50.0, 0.01]) + torch.tensor(
        [0.0, 100.0, 3.0]
    )
    chance = (columns @ torch.tensor(weight) + bias).sigmoid()
    return columns, torch.rand(count) < chance


def test_it_finds_by_what_queries_were_drawn():
    weight, bias = [2.0, -0.03, 0.0], 3.0
    presence = presence_of(3)
    fit_presence(presence, *drawn(weight, bias), penalty=1e-3)
    found = presence.linear.weight[0] * torch.tensor([1.0, 50.0, 0.01])
    assert found.tolist() == pytest.approx([2.0, -1.5, 0.0], abs=0.15)


def test_it_is_where_the_penalised_cross_entropy_is_least():
    columns, present = drawn([1.0, 0.02, 0.0], -2.0, count=200)
    presence = presence_of(3)
    fit_presence(presence, columns, present, penalty=10)
    spread = columns.std(0)

    def cost(weight, bias):
        logit = columns @ weight + bias
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(
            logit, present.float(), reduction="sum"
        )
        return float(entropy + 5 * ((weight * spread) ** 2).sum())

    weight, bias = presence.linear.weight[0].detach(), presence.linear.bias.detach()
    least = cost(weight, bias)
    for column in range(3):
        for step in (-0.02, 0.02):
            moved = weight.clone()
            moved[column] += step / spread[column]
            # So that the mean logit stays, and the move is not undone by the bias.
            assert cost(moved, bias - columns.mean(0)[column] * step / spread[column]) > least


def test_a_look_is_told_without_its_own_material():
    """What each material is known by says nothing of another."""
    torch.manual_seed(1)
    groups = [f"{index:02}" for index in range(20) for _ in range(10)]
    present = torch.rand(200) < 0.5
    columns = torch.zeros(200, 20)
    columns[torch.arange(200), torch.arange(200) // 10] = present.float() * 2 - 1
    presence = presence_of(20)
    fit_presence(presence, columns, present, penalty=0.1)
    own = presence.linear(columns)[:, 0] > 0
    assert (own == present).all()
    told = left_out(columns, present, groups, parts=20)
    right = ((told > 0.5) == present).float().mean()
    assert right < 0.75


def test_queries_of_both_sorts_are_wanted():
    with pytest.raises(ValueError, match="with and without"):
        fit_presence(presence_of(2), torch.randn(5, 2), torch.ones(5, dtype=torch.bool))
