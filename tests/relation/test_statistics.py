"""Row statistics, each against its definition computed row by row."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from obftnet.relation.statistics import row_statistics

CUES = "abnsolp"


def plan_of(similarity: np.ndarray, epsilon: float, iterations: int) -> np.ndarray:
    kernel = np.exp(similarity / epsilon)
    n = np.ones(kernel.shape[1])
    for _ in range(iterations):
        m = 1 / (kernel @ n)
        n = 1 / (kernel.T @ m)
    return m[:, None] * kernel * n


def naive(
    support, defect, background, usable, epsilon=0.05, iterations=20, clamp=True
) -> dict[str, np.ndarray]:
    """The seven cues of one item, from their definitions alone; float64."""
    rows = range(len(support))
    of_defect, of_rest, of_good = support[:, defect], support[:, ~defect], background[:, usable]
    b = np.array([max(of_good[i]) for i in rows])
    a = np.array([max(of_defect[i]) if defect.any() else 0 for i in rows])
    n = np.array([max(of_rest[i]) if not defect.all() else b[i] for i in rows])
    s = []
    for i in rows:
        weight = [np.exp(x[i] / epsilon).sum() for x in (of_defect, of_rest, of_good)]
        s.append(weight[0] / sum(weight))
    balanced = plan_of(np.concatenate([of_defect, of_rest, of_good], 1), epsilon, iterations)
    o = [balanced[i, : defect.sum()].sum() / balanced[i].sum() for i in rows]
    clamped = (lambda x: x.clip(0)) if clamp else (lambda x: x)
    masked = plan_of(clamped(support) * defect, epsilon, iterations)
    good = plan_of(clamped(of_good), epsilon, iterations)
    return {
        "a": a,
        "b": b,
        "n": n,
        "s": np.array(s),
        "o": np.array(o),
        "l": masked[:, defect].sum(1),
        "p": np.log([max(good[i]) * len(support) for i in rows]),
    }


def draw(batch: int, rows: int, seed: int = 0):
    generator = np.random.default_rng(seed)
    return generator.uniform(-1, 1, (batch, rows, 6)), generator.uniform(-1, 1, (batch, rows, 5))


def run(support, defect, background, usable, **options) -> np.ndarray:
    tensors = [torch.from_numpy(np.asarray(x)) for x in (support, defect, background, usable)]
    return row_statistics(*tensors, **options).numpy()


T, F = True, False


@settings(deadline=None, max_examples=40)
@given(
    defect=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=2, max_size=2),
    usable=st.lists(st.lists(st.booleans(), min_size=5, max_size=5).filter(any), min_size=2, max_size=2),
    epsilon=st.sampled_from([0.01, 0.05, 0.3]),
    clamp=st.booleans(),
    seed=st.integers(0, 999),
)
@example(defect=[[T] * 6, [F] * 6], usable=[[T] * 5, [T] * 5], epsilon=0.05, clamp=True, seed=0)
@example(defect=[[T] * 6, [F] * 6], usable=[[F, T, F, F, F], [T] * 5], epsilon=0.05, clamp=True, seed=0)
@example(defect=[[T, F, F, T, F, F]] * 2, usable=[[T] * 5] * 2, epsilon=0.05, clamp=True, seed=1)
def test_every_cue_is_what_its_definition_says(defect, usable, epsilon, clamp, seed):
    defect, usable = np.array(defect), np.array(usable)
    support, background = draw(2, 4, seed)
    found = run(support, defect, background, usable, epsilon=epsilon, iterations=5, clamp=clamp)
    assert found.shape == (2, 7, 4)
    for item in range(2):
        expected = naive(support[item], defect[item], background[item], usable[item], epsilon, 5, clamp)
        # The logarithm of p is floored at 1e-12.
        expected["p"] = np.maximum(expected["p"], math.log(1e-12))
        for position, cue in enumerate(CUES):
            np.testing.assert_allclose(found[item, position], expected[cue], 1e-6, 1e-9, err_msg=cue)


@pytest.mark.parametrize("cues", ["a", "abns", "snba", "plosnba"])
def test_cues_come_in_the_order_of_their_letters(cues):
    support, background = draw(1, 3)
    defect, usable = np.array([[T, F, T, F, F, F]]), np.ones((1, 5), bool)
    everything = run(support, defect, background, usable)
    chosen = run(support, defect, background, usable, cues=cues)
    assert chosen.shape == (1, len(cues), 3)
    for position, cue in enumerate(cues):
        np.testing.assert_array_equal(chosen[:, position], everything[:, CUES.index(cue)])


def test_the_defaults_are_the_papers_setting():
    support, background = draw(1, 5)
    defect, usable = np.array([[T, F, T, F, F, T]]), np.array([[T, T, F, T, T]])
    found = run(support, defect, background, usable)[0]
    expected = naive(support[0], defect[0], background[0], usable[0], 0.05, 20, True)
    for position, cue in enumerate(CUES):
        np.testing.assert_allclose(found[position], expected[cue], 1e-6, 1e-9, err_msg=cue)


@pytest.mark.parametrize("epsilon", [0.01, 0.05])
def test_extremes_are_numbers(epsilon):
    """Opposite features, and an unusable column that is the most alike of all."""
    support, background = -torch.ones(1, 3, 4), torch.tensor([[[-1.0, 1.0]]]).expand(1, 3, 2)
    usable = torch.tensor([[True, False]])
    for defect in ([T] * 4, [F] * 4, [T, F, F, F]):
        found = row_statistics(support, torch.tensor([defect]), background, usable, epsilon=epsilon)
        assert torch.isfinite(found).all()
        torch.testing.assert_close(found[0, CUES.index("s")], torch.full((3,), sum(defect) / 5))
        torch.testing.assert_close(found[0, CUES.index("o")], torch.full((3,), sum(defect) / 5))


def test_unusable_positions_count_for_nothing():
    support, background = draw(1, 4)
    defect, usable = np.array([[T, F, T, F, F, T]]), np.array([[T, T, F, T, T]])
    other = background.copy()
    other[:, :, 2] = 0.99
    found, changed = run(support, defect, background, usable), run(support, defect, other, usable)
    np.testing.assert_allclose(found, changed, 1e-9, 1e-12)


def test_the_cues_of_one_item_do_not_depend_on_the_others():
    support, background = draw(3, 4)
    defect = np.array([[T] * 6, [F] * 6, [T, F, F, F, F, F]])
    usable = np.array([[T] * 5, [T, F, F, F, F], [T] * 5])
    together = run(support, defect, background, usable)
    for item in range(3):
        chosen = slice(item, item + 1)
        alone = run(support[chosen], defect[chosen], background[chosen], usable[chosen])
        np.testing.assert_allclose(together[chosen], alone, 1e-9, 1e-12)
