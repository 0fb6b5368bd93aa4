"""The cues, each against its definition computed row by row, and the records that name them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.backbones.features import unit_features
from obftnet.guidance.columns import Columns
from obftnet.relation.cues import CUES, cue_levels, evidence_of
from obftnet.relation.self_similarity import self_similarity
from obftnet.transport import Algorithm1

LETTERS = "".join(CUES)


def plan_of(similarity: np.ndarray, epsilon: float, iterations: int) -> np.ndarray:
    kernel = np.exp(similarity / epsilon)
    n = np.ones(kernel.shape[1])
    for _ in range(iterations):
        m = 1 / (kernel @ n)
        n = 1 / (kernel.T @ m)
    return m[:, None] * kernel * n


def naive(
    query: Tensor, columns: Columns, epsilon: float, iterations: int, clamp: bool
) -> dict[str, np.ndarray]:
    """The cues that look at the guidance, of one tap, from their definitions alone; float64."""
    similarity = (query.flatten(1).mT @ columns.matrix).double().numpy()
    defect, rest, good, views = (similarity[:, chosen] for chosen in columns.slices())
    rows = range(len(similarity))
    b = np.array([max(good[i]) for i in rows])
    masses = [[np.exp(x[i] / epsilon).sum() for x in (defect, rest, good, views)] for i in rows]
    balanced = plan_of(np.concatenate([defect, rest, good], 1), epsilon, iterations)
    clamped = (lambda x: x.clip(0)) if clamp else (lambda x: x)
    masked = plan_of(np.concatenate([clamped(defect), 0 * rest], 1), epsilon, iterations)
    background = plan_of(clamped(good), epsilon, iterations)
    d = defect.shape[1]
    return {
        "a": np.array([max(defect[i]) if d else 0 for i in rows]),
        "b": b,
        "n": np.array([max(rest[i]) for i in rows]) if rest.shape[1] else b,
        "s": np.array([x[0] / (x[0] + x[1] + x[2]) for x in masses]),
        "o": np.array([balanced[i, :d].sum() / balanced[i].sum() for i in rows]),
        "l": masked[:, :d].sum(1),
        # The logarithm is floored at 1e-12.
        "p": np.maximum([np.log(max(background[i]) * len(rows)) for i in rows], math.log(1e-12)),
        "t": np.array([max(views[i]) if views.shape[1] else 0 for i in rows]),
        "m": np.array([(x[0] + x[3]) / sum(x) for x in masses]),
    }


def random(counts: tuple[int, int, int, int], seed: int, grid=(4, 3)) -> tuple[Tensor, Columns]:
    generator = torch.Generator().manual_seed(seed)
    query = unit_features(torch.randn(6, *grid, generator=generator))
    matrix = unit_features(torch.randn(6, sum(counts), 1, generator=generator))[..., 0]
    return query, Columns(matrix, counts, torch.ones_like(matrix[0]), torch.arange(sum(counts)))


def maps_of(query: Tensor, columns: Columns, cues: str, algorithm: Algorithm1) -> Tensor:
    """(len(cues), h, w) of one tap."""
    evidence = evidence_of((query,), (columns,), cues, algorithm)
    return cue_levels(evidence, cues, [(query.shape[-2], query.shape[-1])], [1])[0][0]


@settings(deadline=None, max_examples=40)
@given(
    # A support has positions, and of the backgrounds one at least is good.
    counts=st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4), st.integers(0, 4)).filter(
        lambda x: x[0] + x[1]
    ),
    epsilon=st.sampled_from([0.01, 0.05, 0.3]),
    relu=st.sampled_from(["before", "after"]),
    seed=st.integers(0, 999),
)
@example(counts=(3, 0, 2, 0), epsilon=0.05, relu="before", seed=0)
@example(counts=(0, 3, 2, 2), epsilon=0.05, relu="after", seed=0)
def test_every_cue_is_what_its_definition_says(counts, epsilon, relu, seed):
    query, columns = random(counts, seed)
    found = maps_of(query, columns, LETTERS, Algorithm1(epsilon, 5, relu))
    assert found.shape == (len(CUES), 4, 3)
    expected = naive(query, columns, epsilon, 5, relu == "before")
    expected["u"] = self_similarity(query[None])[0].numpy()
    for position, letter in enumerate(LETTERS):
        values = found[position].flatten().numpy()
        np.testing.assert_allclose(values, expected[letter], 2e-3, 2e-5, err_msg=letter)


def test_the_defaults_are_the_papers_setting():
    query, columns = random((3, 4, 5, 0), 1)
    found = maps_of(query, columns, "solp", Algorithm1())
    expected = naive(query, columns, 0.05, 20, clamp=True)
    for position, letter in enumerate("solp"):
        np.testing.assert_allclose(found[position].flatten(), expected[letter], 1e-3, 1e-5, err_msg=letter)


def test_cues_come_in_the_order_of_their_letters_tap_by_tap():
    (one, columns), (other, others) = random((2, 2, 2, 2), 0), random((1, 3, 2, 0), 1, grid=(2, 2))
    evidence = evidence_of((one, one, other), (columns, columns, others), "snu", Algorithm1())
    fine, coarse = cue_levels(evidence, "snu", [(4, 3), (4, 3), (2, 2)], [2, 1])
    assert (fine.shape, coarse.shape) == ((1, 6, 4, 3), (1, 3, 2, 2))
    alone = maps_of(one, columns, "nus", Algorithm1())
    assert torch.equal(fine[0, :3], alone[[2, 0, 1]])
    assert torch.equal(fine[0, :3], fine[0, 3:])
    assert torch.equal(coarse[0], maps_of(other, others, "snu", Algorithm1()))


@pytest.mark.parametrize("epsilon", [0.01, 0.05])
def test_opposite_features_give_numbers(epsilon):
    query = torch.zeros(2, 3, 1)
    query[0] = 1
    for defect in (0, 1, 4):
        matrix = torch.tensor([[-1.0], [0.0]]).expand(2, 5).contiguous()
        columns = Columns(matrix, (defect, 4 - defect, 1, 0), torch.ones(5), torch.arange(5))
        found = maps_of(query, columns, "abnsolp", Algorithm1(epsilon))
        assert torch.isfinite(found).all()
        for letter in "so":
            share = found["abnsolp".index(letter)].flatten()
            torch.testing.assert_close(share, torch.full((3,), defect / 5))


def test_streamed_cues_see_columns_that_were_joined():
    query, columns = random((2, 3, 4, 2), 3)
    first, second = torch.arange(11)[[0, 2, 3, 5, 6, 9]], torch.arange(11)[[1, 4, 7, 8, 10]]

    def part(chosen: Tensor, counts: tuple[int, int, int, int]) -> Columns:
        return Columns(columns.matrix[:, chosen], counts, columns.weight[chosen], columns.place[chosen])

    cues = "".join(cue.letter for cue in CUES.values() if cue.streamed)
    one = evidence_of((query,), (part(first, (1, 2, 2, 1)),), cues, Algorithm1())[0]
    joined = one.joined(part(second, (1, 1, 2, 1)))
    found = cue_levels([joined], cues, [(4, 3)], [1])[0][0]
    torch.testing.assert_close(found, maps_of(query, columns, cues, Algorithm1()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("letter", list(CUES))
def test_the_records_say_which_cues_pass_a_gradient_on(letter):
    query, columns = random((2, 3, 4, 2), 3)
    query.requires_grad_()
    columns.matrix.requires_grad_()
    found = maps_of(query, columns, letter, Algorithm1())
    assert found.requires_grad == CUES[letter].gradient
    with torch.no_grad():
        torch.testing.assert_close(found.detach(), maps_of(query, columns, letter, Algorithm1()))


@pytest.mark.parametrize("letter", list(CUES))
def test_the_records_say_what_a_cue_looks_at(letter):
    cue, (query, columns) = CUES[letter], random((2, 3, 4, 2), 3)
    other = random((2, 3, 4, 2), 4)[1]
    found = maps_of(query, columns, letter, Algorithm1())
    assert torch.equal(found, maps_of(query, other, letter, Algorithm1())) != cue.guided
    plain = columns.plain
    without = Columns(columns.matrix[:, plain], (2, 3, 4, 0), columns.weight[plain], columns.place[plain])
    assert torch.equal(found, maps_of(query, without, letter, Algorithm1())) != cue.views
