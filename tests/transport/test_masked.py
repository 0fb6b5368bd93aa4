"""A masked support: the short form equals Algorithm 1 on the zeroed columns of equation 1."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.transport import sinkhorn, sinkhorn_masked


def zeroed(similarity: Tensor, defect: Tensor) -> Tensor:
    """Equation 1: a zeroed feature has similarity 0 to everything."""
    return similarity * defect.unsqueeze(1)


def draw(batch: int, rows: int, columns: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, rows, columns, generator=generator, dtype=torch.float64) * 2 - 1


masks = st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60)
@given(
    mask=masks, rows=st.integers(1, 7), epsilon=st.sampled_from([0.01, 0.05, 0.3]), seed=st.integers(0, 999)
)
@example(mask=[[True] * 6], rows=4, epsilon=0.05, seed=0)
@example(mask=[[False] * 6], rows=4, epsilon=0.05, seed=0)
@example(mask=[[False] * 6, [True] * 6, [False] * 5 + [True]], rows=5, epsilon=0.01, seed=1)
def test_equals_the_dense_form(mask, rows, epsilon, seed):
    defect = torch.tensor(mask)
    similarity = draw(len(mask), rows, 6, seed)
    dense = sinkhorn(zeroed(similarity, defect), epsilon, 9)
    plan = sinkhorn_masked(similarity, defect, epsilon, 9)
    torch.testing.assert_close(plan.dense(6), dense, rtol=1e-8, atol=1e-12)
    on_defect = (dense * defect.unsqueeze(1)).sum(-1)
    torch.testing.assert_close(plan.defect.sum(-1), on_defect, rtol=1e-8, atol=1e-12)


def test_the_parts_of_a_plan_by_hand():
    # Every similarity is 0, so every entry of the plan is 1 / M.
    defect = torch.tensor([[False, True, False, True], [False, False, True, False]])
    plan = sinkhorn_masked(torch.zeros(2, 5, 4), defect)
    assert plan.defect.shape == (2, 5, 2)
    assert plan.index[0].tolist() == [1, 3]
    assert int(plan.index[1, 0]) == 2
    assert plan.valid.tolist() == [[True, True], [True, False]]
    torch.testing.assert_close(plan.rest, torch.full((2, 5), 0.2))
    torch.testing.assert_close(plan.defect[0], torch.full((5, 2), 0.2))
    assert (plan.defect[1, :, 1] == 0).all()


def test_a_position_that_matches_nothing_sends_its_mass_to_the_dustbin():
    defect = torch.tensor([[True, True, False, False]])
    similarity = torch.tensor([[[0.9, 0.9, 0, 0], [0.9, 0.9, 0, 0], [0.0, 0, 0, 0], [0.0, 0, 0, 0]]])
    mass = sinkhorn_masked(similarity, defect).defect.sum(-1)[0]
    assert (mass[:2] > 0.95).all()
    assert (mass[2:] < 0.05).all()
    without = sinkhorn_masked(similarity, defect, keep_rest=False).defect.sum(-1)[0]
    # With nowhere else to go, balanced rows are all alike: the information is lost.
    torch.testing.assert_close(without, torch.full((4,), 0.5), rtol=1e-3, atol=0)


@settings(deadline=None, max_examples=40)
@given(
    mask=masks.filter(lambda rows: all(any(row) for row in rows)),
    epsilon=st.sampled_from([0.01, 0.05]),
    seed=st.integers(0, 999),
)
def test_without_the_rest_its_columns_are_dropped(mask, epsilon, seed):
    defect = torch.tensor(mask)
    similarity = draw(len(mask), 5, 6, seed)
    dense = sinkhorn_masked(similarity, defect, epsilon, keep_rest=False).dense(6)
    for item, chosen in enumerate(defect):
        expected = sinkhorn(similarity[item][:, chosen], epsilon)
        torch.testing.assert_close(dense[item][:, chosen], expected, rtol=1e-8, atol=1e-12)
        assert (dense[item][:, ~chosen] == 0).all()


def test_half_precision_is_computed_in_single():
    similarity = draw(1, 5, 6).half()
    plan = sinkhorn_masked(similarity, torch.tensor([[True, False] * 3]))
    assert plan.defect.dtype == torch.float32
    assert torch.isfinite(plan.dense(6)).all()


def test_gradients_are_right():
    defect = torch.tensor([[True, False, True, False], [False, False, True, False]])
    similarity = draw(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: sinkhorn_masked(s, defect, 0.5, 4).dense(4), similarity)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"got \(3, 4\) and \(3, 4\)"):
        sinkhorn_masked(torch.zeros(3, 4), torch.ones(3, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"got \(1, 3, 4\) and \(1, 3\)"):
        sinkhorn_masked(torch.zeros(1, 3, 4), torch.ones(1, 3, dtype=torch.bool))
    empty = torch.zeros(1, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match="no column left"):
        sinkhorn_masked(torch.zeros(1, 3, 4), empty, keep_rest=False)
