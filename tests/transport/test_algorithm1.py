"""A masked support: the short form equals Algorithm 1 on the zeroed columns of equation 1."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.transport import Algorithm1, sinkhorn


def draw(rows: int, columns: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features (M, c) and (c, N) of length 1, float64."""
    generator = torch.Generator().manual_seed(seed)
    query, support = (torch.randn(n, 4, generator=generator).double() for n in (rows, columns))
    return query / query.norm(dim=1, keepdim=True), (support / support.norm(dim=1, keepdim=True)).T


masks = st.lists(st.booleans(), min_size=6, max_size=6)


@settings(deadline=None, max_examples=40)
@given(
    mask=masks,
    rows=st.integers(1, 7),
    epsilon=st.sampled_from([0.01, 0.05, 0.3]),
    relu=st.sampled_from(["before", "after"]),
    seed=st.integers(0, 999),
)
@example(mask=[True] * 6, rows=4, epsilon=0.05, relu="before", seed=0)
@example(mask=[False] * 6, rows=4, epsilon=0.05, relu="before", seed=0)
def test_the_foreground_is_the_dense_form_of_equation_1(mask, rows, epsilon, relu, seed):
    defect = torch.tensor(mask)
    query, support = draw(rows, 6, seed)
    similarity = query @ support
    dense = sinkhorn((similarity.clamp(min=0) if relu == "before" else similarity) * defect, epsilon, 9)
    plan = Algorithm1(epsilon, 9, relu).foreground(query, support[:, defect], int((~defect).sum())).plan()
    torch.testing.assert_close(plan[:, :-1], dense[:, defect], rtol=1e-8, atol=1e-12)
    for column in dense[:, ~defect].T:
        torch.testing.assert_close(plan[:, -1], column, rtol=1e-8, atol=1e-12)


def test_a_position_that_matches_nothing_sends_its_mass_to_the_dustbin():
    query = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    defect = torch.tensor([[0.9, 0.9], [0.0, 0.0]])

    def on_defect(**options) -> Tensor:
        return Algorithm1(**options).foreground(query, defect, 2).plan()[:, :-1].sum(1)

    assert (on_defect()[:2] > 0.95).all()
    assert (on_defect()[2:] < 0.05).all()
    # With nowhere else to go, balanced rows are all alike: the information is lost.
    torch.testing.assert_close(on_defect(zeroed_columns="drop"), torch.full((4,), 0.5), rtol=1e-3, atol=0)


@settings(deadline=None, max_examples=20)
@given(mask=masks.filter(any), epsilon=st.sampled_from([0.01, 0.05]), seed=st.integers(0, 999))
def test_dropped_columns_are_as_if_they_were_not_there(mask, epsilon, seed):
    query, support = draw(5, 6, seed)
    defect = support[:, torch.tensor(mask)]
    algorithm = Algorithm1(epsilon, relu="after", zeroed_columns="drop")
    plan = algorithm.foreground(query, defect, 6 - defect.shape[1]).plan()
    torch.testing.assert_close(plan[:, :-1], sinkhorn(query @ defect, epsilon), rtol=1e-8, atol=1e-12)
    assert (plan[:, -1] == 0).all()


def test_a_support_with_no_column_left_is_refused():
    query, support = draw(3, 4)
    with pytest.raises(ValueError, match="no column left"):
        Algorithm1(zeroed_columns="drop").foreground(query, support[:, :0], 4)


def test_a_column_of_weight_0_gets_nothing_and_one_of_weight_2_is_two():
    query, good = draw(5, 4)
    weight = torch.tensor([1.0, 0.0, 2.0, 1.0])
    plan = Algorithm1().background(query, good, weight).plan()
    alike = Algorithm1().background(query, good[:, [0, 2, 2, 3]]).plan()
    assert (plan[:, 1] == 0).all()
    torch.testing.assert_close(plan[:, [0, 2, 2, 3]], alike, rtol=1e-8, atol=1e-12)


def test_together_takes_cosines_as_they_are():
    query, columns = draw(5, 6)
    torch.testing.assert_close(Algorithm1().together(query, columns).plan(), sinkhorn(query @ columns))
