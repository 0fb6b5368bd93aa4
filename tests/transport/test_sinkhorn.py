"""Algorithm 1: against its literal transcription, against POT, and for what the mathematics says of it."""

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.transport import sinkhorn, sinkhorn_scaling
from obftnet.transport import sinkhorn as public
from obftnet.transport.sinkhorn import _row_sum, _sweep_kernel, _sweep_logarithms


def literal(similarity: np.ndarray, epsilon: float = 0.05, iterations: int = 20) -> np.ndarray:
    """The paper's algorithm, line by line, for one (M, N) matrix in float64."""
    cost = -similarity.astype(np.float64)
    kernel = np.exp(-cost / epsilon)
    n = np.ones(kernel.shape[1])
    for _ in range(iterations):
        m = 1 / (kernel @ n)
        n = 1 / (kernel.T @ m)
    return np.diag(m) @ kernel @ np.diag(n)


def similarities(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Uniform in -1..1."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 - 1


def close(actual: Tensor, expected: Tensor | np.ndarray, rtol: float, atol: float = 0.0) -> None:
    torch.testing.assert_close(actual.double(), torch.as_tensor(expected).double(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (5, 9), (12, 3), (1, 6), (6, 1)])
@pytest.mark.parametrize(("epsilon", "iterations"), [(0.05, 20), (0.05, 1), (0.1, 3), (0.5, 40)])
def test_is_the_printed_algorithm(shape, epsilon, iterations):
    similarity = similarities(*shape)
    close(sinkhorn(similarity, epsilon, iterations), literal(similarity.numpy(), epsilon, iterations), 1e-9)


def test_the_defaults_are_the_papers():
    similarity = similarities(6, 8)
    close(public(similarity), literal(similarity.numpy(), 0.05, 20), 1e-9)


def test_leading_axes_are_problems_of_their_own():
    similarity = similarities(2, 3, 5, 4)
    plan = sinkhorn(similarity)
    assert plan.shape == similarity.shape
    for i in range(2):
        for j in range(3):
            close(plan[i, j], literal(similarity[i, j].numpy()), 1e-9)


def test_one_item_that_needs_logarithms_leaves_the_others_as_they_are():
    mild, wild = similarities(4, 5) * 0.1, similarities(4, 5, seed=1) * 3
    plan = sinkhorn(torch.stack([mild, wild]), 0.02)
    close(plan[0], literal(mild.numpy(), 0.02), 1e-9)
    close(plan[1], literal(wild.numpy(), 0.02), 1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_columns_sum_to_one_after_any_number_of_sweeps(dtype):
    for iterations in (1, 2, 20):
        plan = sinkhorn(similarities(9, 14, dtype=dtype), 0.05, iterations)
        close(plan.sum(-2), torch.ones(14), 1e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (6, 10), (10, 6)])
def test_rows_approach_columns_over_rows(rows, columns):
    plan = sinkhorn(similarities(rows, columns), 0.1, 3000)
    close(plan.sum(-1), torch.full((rows,), columns / rows), 1e-6)


def test_the_literal_form_has_mean_one_over_rows():
    for rows, columns in [(25, 25), (9, 16)]:
        close(sinkhorn(similarities(rows, columns)).mean(), np.array(1 / rows), 1e-12)


def test_constant_similarity_spreads_evenly_whatever_its_value():
    for value in (-1.0, 0.0, 1.0):
        close(sinkhorn(torch.full((4, 6), value), 0.01), torch.full((4, 6), 1 / 4), 1e-6)


def test_adding_to_a_row_changes_nothing_and_to_a_column_nothing_in_the_limit():
    similarity = similarities(5, 5)
    shifted = similarity + torch.tensor([[0.3], [-0.2], [0.0], [1.0], [-1.0]])
    close(sinkhorn(shifted), sinkhorn(similarity), 1e-9)
    close(sinkhorn(similarity + shifted[:1], 0.2, 2000), sinkhorn(similarity, 0.2, 2000), 1e-8)


@pytest.mark.parametrize("epsilon", [0.05, 0.1])
@pytest.mark.parametrize("shape", [(12, 12), (10, 15), (15, 10)])
def test_agrees_with_pot_at_convergence(shape, epsilon):
    """POT's marginals are 1 / M and 1 / N, its plan sums to 1; ours sums to N: POT's plan is ours over N."""
    rows, columns = shape
    similarity = similarities(rows, columns) * 0.5
    a, b = np.full(rows, 1 / rows), np.full(columns, 1 / columns)
    theirs = ot.sinkhorn(a, b, -similarity.numpy(), epsilon, numItermax=100_000, stopThr=1e-13)
    ours = sinkhorn(similarity, epsilon, 5000) / columns
    close(ours, theirs, 1e-6)
    close(ours.sum(-1), theirs.sum(1), 1e-8)
    close(ours.sum(-2), theirs.sum(0), 1e-8)
    # float32 at the paper's setting: one part in a thousand of the largest entry.
    single = sinkhorn(similarity.float(), epsilon, 2000) / columns
    close(single, theirs, 1e-3, 1e-3 * float(theirs.max()))


@pytest.mark.parametrize("epsilon", [0.01, 0.02, 0.05, 0.1, 0.3, 1.0])
def test_float32_agrees_with_float64(epsilon):
    """To 1e-3 of each entry that holds at least a millionth of its column."""
    similarity = similarities(40, 30)
    exact = literal(similarity.float().numpy(), epsilon)
    plan = sinkhorn(similarity.float(), epsilon)
    assert plan.dtype == torch.float32
    close(plan, exact, 1e-3, 1e-6)


def _constant(m: int, n: int) -> Tensor:
    return torch.ones(m, n)


def _one_hot(m: int, n: int) -> Tensor:
    return torch.eye(max(m, n))[:m, :n] * 2 - 1


def _one_hub(m: int, n: int) -> Tensor:
    similarity = -torch.ones(m, n)
    similarity[:, 0] = 1
    return similarity


def _one_row(m: int, n: int) -> Tensor:
    return _one_hub(n, m).T.contiguous()


@pytest.mark.parametrize("make", [_constant, _one_hot, _one_hub, _one_row])
@pytest.mark.parametrize("shape", [(20, 20), (8, 30), (30, 8)])
@pytest.mark.parametrize("epsilon", [0.01, 0.03, 0.034, 0.05])
def test_hard_cases_stay_finite_and_right(make, shape, epsilon):
    # 0.034 is just inside the kernel's range for similarities in -1..1, 0.03 just outside.
    similarity = make(*shape)
    plan = sinkhorn(similarity, epsilon)
    assert torch.isfinite(plan).all()
    assert (plan >= 0).all()
    close(plan.sum(-2), torch.ones(shape[1]), 1e-4)
    close(plan, literal(similarity.numpy(), epsilon), 1e-3, 1e-6)


@pytest.mark.parametrize("shape", [(12, 12), (9, 16)])
@pytest.mark.parametrize("with_multiplicity", [False, True])
def test_both_inner_ways_agree_where_both_apply(shape, with_multiplicity):
    exponent = (similarities(2, *shape, dtype=torch.float32) * 0.9 - 1) / 0.05
    weight = None
    if with_multiplicity:
        weight = torch.arange(shape[1]).float().expand(2, -1).unsqueeze(-1)
    row_sum = _row_sum(exponent, weight)
    kernel = _sweep_kernel(exponent.exp(), weight, row_sum, 20)
    logarithms = _sweep_logarithms(exponent, weight, row_sum, 20)
    close(kernel.plan(), logarithms.plan(), 2e-4, 1e-7)
    columns = torch.ones(2, shape[1])
    close(kernel.row_mass(columns), logarithms.row_mass(columns), 2e-4)
    close(kernel.row_maximum(), logarithms.row_maximum(), 2e-4)


@pytest.mark.parametrize("epsilon", [0.01, 0.05])
def test_the_factors_know_the_sums_and_maxima_of_rows(epsilon):
    similarity = similarities(2, 7, 9)
    multiplicity = torch.tensor([[1, 0, 3, 1, 1, 0, 2, 1, 1.0]] * 2)
    for weight in (None, multiplicity):
        scaling = sinkhorn_scaling(similarity, epsilon, multiplicity=weight)
        plan = sinkhorn(similarity, epsilon, multiplicity=weight)
        chosen = torch.tensor([[1, 0, 1, 0, 0, 1, 0, 0, 1]] * 2).double()
        close(scaling.plan(), plan, 1e-12)
        close(scaling.row_mass(chosen), (plan * chosen.unsqueeze(1)).sum(-1), 1e-9)
        close(scaling.row_maximum(), plan.amax(-1), 1e-9)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 6),
    counts=st.lists(st.integers(0, 4), min_size=1, max_size=6).filter(any),
    epsilon=st.sampled_from([0.01, 0.05, 0.5]),
    seed=st.integers(0, 1000),
)
def test_a_multiplicity_is_that_many_columns(rows, counts, epsilon, seed):
    similarity = similarities(rows, len(counts), seed=seed)
    repeats = torch.tensor(counts)
    plan = sinkhorn(similarity, epsilon, 7, multiplicity=repeats)
    dense = torch.from_numpy(literal(similarity.repeat_interleave(repeats, -1).numpy(), epsilon, 7))
    close(plan.repeat_interleave(repeats, -1), dense, 1e-7, 1e-12)
    assert (plan[:, repeats == 0] == 0).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.sampled_from([0.01, 0.035, 0.05]))
def test_a_removed_column_may_hold_the_largest_similarities(seed, epsilon):
    similarity = similarities(6, 8, seed=seed, dtype=torch.float32)
    similarity[:, :4] = 1
    weight = (torch.arange(8) >= 4).float()
    plan = sinkhorn(similarity, epsilon, multiplicity=weight)
    assert (plan[:, :4] == 0).all()
    close(plan[:, 4:], literal(similarity[:, 4:].numpy(), epsilon), 1e-3, 1e-6)


def test_half_precision_is_computed_in_single():
    similarity = similarities(6, 6).half()
    plan = sinkhorn(similarity)
    assert plan.dtype == torch.float32
    assert torch.isfinite(plan).all()
    assert torch.equal(plan, sinkhorn(similarity.float()))


def test_the_input_is_left_as_it_was():
    similarity = similarities(5, 5)
    before = similarity.clone()
    sinkhorn(similarity)
    sinkhorn(similarity, 0.001)
    assert torch.equal(similarity, before)


@pytest.mark.parametrize("epsilon", [0.5, 0.01])
@pytest.mark.parametrize("with_multiplicity", [False, True])
def test_gradients_are_right(epsilon, with_multiplicity):
    similarity = similarities(2, 3, 4).requires_grad_()
    multiplicity = torch.tensor([[1, 2, 0, 5.0]] * 2).double() if with_multiplicity else None
    assert torch.autograd.gradcheck(lambda s: sinkhorn(s, epsilon, 4, multiplicity=multiplicity), similarity)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarity": torch.zeros(3)}, r"\(\.\.\., M, N\).*\(3,\)"),
        ({"similarity": torch.zeros(2, 0, 3)}, r"\(2, 0, 3\)"),
        ({"similarity": torch.zeros(3, 0)}, r"\(3, 0\)"),
        ({"similarity": torch.zeros(3, 3), "epsilon": 0.0}, "epsilon must be > 0, got 0"),
        ({"similarity": torch.zeros(3, 3), "epsilon": float("nan")}, "epsilon must be > 0, got nan"),
        ({"similarity": torch.zeros(3, 3), "iterations": 0}, "iterations must be >= 1, got 0"),
        ({"similarity": torch.zeros(2, 3, 4), "multiplicity": torch.ones(2, 3)}, r"\(2, 4\), got \(2, 3\)"),
        ({"similarity": torch.zeros(3, 4), "multiplicity": torch.zeros(4)}, "at least one column"),
        ({"similarity": torch.zeros(3, 2), "multiplicity": torch.tensor([2.0, -1.0])}, ">= 0"),
    ],
)
def test_what_cannot_be_solved_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sinkhorn(**arguments)


@pytest.mark.parametrize("epsilon", [0.02, 0.05])
@pytest.mark.parametrize("shape", [(2, 60), (60, 2)])
def test_sides_that_differ_widely_do_not_overflow(shape, epsilon):
    """Printed as it is, n grows by N / M a sweep: 30 ** 40 is 1e59, and float32 ends at 3e38."""
    similarity = similarities(*shape, dtype=torch.float32)
    plan = sinkhorn(similarity, epsilon, 40)
    close(plan, literal(similarity.numpy(), epsilon, 40), 1e-3, 1e-6)
    weight = torch.full((shape[1],), 50.0)
    assert torch.isfinite(sinkhorn(similarity, epsilon, 40, multiplicity=weight)).all()
