"""A coreset: near to all positions, standing for all of them, and of no effect where nothing is left out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.backbones.features import unit_features
from obftnet.guidance.columns import sorted_columns
from obftnet.guidance.coreset import content_order, coreset


def points_of(count: int, seed: int = 0, channels: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(channels, count, generator=generator), dim=0)


@settings(deadline=None, max_examples=60)
@given(total=st.integers(1, 90), share=st.floats(0.01, 1), seed=st.integers(0, 99))
def test_positions_are_distinct_and_stand_for_all(total, share, seed):
    count = max(1, round(share * total))
    points = points_of(total, seed)
    chosen, weight = coreset(points, count)
    assert len(set(chosen.tolist())) == count
    assert (chosen.diff() > 0).all()
    # A position stands for those that have no nearer one: the naive count over the matrix.
    similarity = points.mT @ points[:, chosen]
    similarity[chosen, torch.arange(count)] = 2
    assert weight.tolist() == torch.bincount(similarity.argmax(1), minlength=count).tolist()


def repeated(count: int, channels: int = 5) -> Tensor:
    """Features with exact ties: a few positions many times over, and a few once."""
    few = points_of(7, 5, channels)
    return torch.cat([few[:, torch.arange(count - 9) % 7], points_of(9, 6, channels)], 1)


@pytest.mark.parametrize("channels", [1, 5, 64, 512])
@pytest.mark.parametrize("made", [points_of, repeated])
@pytest.mark.parametrize("count", [1, 16, 33, 100])
def test_another_order_gives_the_same_positions(channels, made, count):
    points = made(300, channels=channels)
    generator = torch.Generator().manual_seed(count)
    kept = []
    for order in (torch.arange(300), torch.arange(300).flip(0), torch.randperm(300, generator=generator)):
        shuffled = points[:, order]
        assert torch.equal(shuffled[:, content_order(shuffled)], points[:, content_order(points)])
        chosen, weight = coreset(shuffled, count)
        columns = torch.cat([shuffled[:, chosen], weight[None]])
        kept.append(sorted(map(tuple, columns.T.tolist())))
    assert kept[0] == kept[1] == kept[2]


@pytest.mark.parametrize("most", [3, 20, 60])
def test_the_order_of_supports_and_backgrounds_decides_nothing(most):
    """Columns of an episode are the same set, in whatever order its supports and backgrounds come."""
    generator = torch.Generator().manual_seed(most)
    supports, backgrounds = (
        unit_features(torch.randn(count, 6, 5, 5, generator=generator)) for count in (4, 3)
    )
    defect = torch.rand(4, 5, 5, generator=generator) < 0.2
    usable = torch.rand(3, 5, 5, generator=generator) < 0.9
    turned = [points_of(count, count, 6) for count in (40, 7, 90, 11)]

    def columns(of_supports: list[int], of_backgrounds: list[int]) -> tuple[object, ...]:
        views = [turned[index] for index in of_supports]
        found = sorted_columns(
            supports[of_supports],
            defect[of_supports],
            backgrounds[of_backgrounds],
            usable[of_backgrounds],
            most,
            views,
        )
        weighed = torch.cat([found.matrix, found.weight[None]]).T.tolist()
        return tuple(sorted(map(tuple, weighed[chosen])) for chosen in found.slices())

    expected = columns([0, 1, 2, 3], [0, 1, 2])
    assert columns([3, 1, 0, 2], [2, 0, 1]) == expected
    assert columns([1, 0, 3, 2], [1, 2, 0]) == expected


def test_a_rare_position_is_kept():
    texture = torch.tensor([[1.0], [0.0]]).expand(-1, 400) + 1e-3 * points_of(400, channels=2)
    points = torch.nn.functional.normalize(texture, dim=0)
    points[:, 137] = torch.tensor([0.0, 1.0])
    chosen, weight = coreset(points, 32)
    assert 137 in chosen.tolist()
    assert weight[chosen.tolist().index(137)] == 1


def test_covers_better_than_even_steps():
    """The farthest position of a set with clusters of unequal size, against that of a regular subset."""
    centers = points_of(40, seed=3, channels=8)
    counts = [400 if index < 3 else 3 for index in range(40)]
    points = centers.repeat_interleave(torch.tensor(counts), 1)
    points = torch.nn.functional.normalize(points + 0.01 * points_of(sum(counts), 4, 8), dim=0)
    chosen, _ = coreset(points, 64)
    even = torch.arange(64) * points.shape[1] // 64

    def farthest(kept: Tensor) -> float:
        return float((points.mT @ points[:, kept]).amax(1).min())

    assert farthest(chosen) > 0.99
    assert farthest(even) < 0.95
