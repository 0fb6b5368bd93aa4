"""One pass over the similarities, against the whole matrix; passes join; the gradient is the dense form's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.backbones.features import unit_features
from obftnet.guidance.columns import KINDS, Columns
from obftnet.relation import scan as module
from obftnet.relation.scan import Scan, scan


def unit(count: int, seed: int) -> Tensor:
    """(6, count) unit features."""
    generator = torch.Generator().manual_seed(seed)
    return unit_features(torch.randn(6, count, 1, generator=generator))[..., 0]


def columns_of(counts: tuple[int, ...], seed: int = 1, weighed: bool = True) -> Columns:
    matrix = unit(sum(counts), seed)
    weight = torch.rand(sum(counts), generator=torch.Generator().manual_seed(seed)) + 0.5
    d, r, g, v = counts
    place = torch.arange(sum(counts))
    return Columns(matrix, (d, r, g, v), weight if weighed else torch.ones_like(weight), place)


def dense(query: Tensor, columns: Columns, epsilon: float) -> tuple[Tensor, Tensor]:
    """Largest similarity and sum of exponentials a kind, float64: (4, M) each."""
    similarity = (query.mT @ columns.matrix).double()
    largest, mass = [], []
    for chosen in columns.slices():
        part = similarity[:, chosen]
        largest.append(part.amax(1) if part.shape[1] else torch.full((len(part),), -torch.inf).double())
        mass.append((part / epsilon).exp() @ columns.weight[chosen].double())
    return torch.stack(largest), torch.stack(mass)


def shares(found: Scan) -> Tensor:
    """Each kind's share of all mass."""
    return torch.stack([found.share([kind], range(len(KINDS))) for kind in range(len(KINDS))])


counts = st.tuples(*(st.integers(0, 5) for _ in KINDS)).filter(any)


@settings(deadline=None, max_examples=40)
@given(
    counts=counts,
    epsilon=st.sampled_from([0.002, 0.01, 0.05, 0.3]),
    block=st.sampled_from([1, 100, 1 << 20]),
    seed=st.integers(0, 99),
)
def test_it_is_what_the_whole_matrix_says_at_any_epsilon(counts, epsilon, block, seed):
    query, columns = unit(77, seed), columns_of(counts, seed + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        found = scan(query, columns, epsilon, nearest=True)
    largest, mass = dense(query, columns, epsilon)
    torch.testing.assert_close(found.largest, largest.float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(shares(found), (mass / mass.sum(0)).float(), rtol=2e-3, atol=1e-5)
    for kind, chosen in enumerate(columns.slices()):
        if chosen.stop == chosen.start:
            assert (found.nearest[kind] == -1).all()
        else:
            at = columns.matrix[:, found.nearest[kind]]
            torch.testing.assert_close((query * at).sum(0), found.largest[kind], rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(first=counts, second=counts, epsilon=st.sampled_from([0.01, 0.05]), seed=st.integers(0, 99))
def test_passes_over_two_sets_join_into_one_over_both(first, second, epsilon, seed):
    query, one, other = unit(9, seed), columns_of(first, seed + 1), columns_of(second, seed + 2)
    found = scan(query, one, epsilon).joined(scan(query, other, epsilon))
    parts = [dense(query, columns, epsilon) for columns in (one, other)]
    mass = parts[0][1] + parts[1][1]
    torch.testing.assert_close(found.largest, torch.maximum(parts[0][0], parts[1][0]).float())
    torch.testing.assert_close(shares(found), (mass / mass.sum(0)).float(), rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("joined", [False, True])
def test_the_gradient_of_the_largest_is_that_of_the_dense_form(joined):
    counts = ((2, 3, 4, 2), (1, 0, 3, 0)) if joined else ((2, 3, 4, 0),)
    gradients = []
    for make in (lambda *x: scan(*x, 0.05).largest, lambda *x: dense(*x, 0.05)[0].float()):
        query = unit(9, 0).requires_grad_()
        sets = [columns_of(each, seed) for seed, each in enumerate(counts)]
        for columns in sets:
            columns.matrix.requires_grad_()
        parts = [make(query, columns) for columns in sets]
        largest = torch.maximum(*parts) if joined else parts[0]
        value = (largest.masked_fill(largest.isneginf(), 0) * torch.arange(9.0)).sum()
        gradients.append(torch.autograd.grad(value, [query, *(columns.matrix for columns in sets)]))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        assert not scan(query, sets[0], 0.05).largest.requires_grad
