"""The bilateral tensors: each map against Algorithm 1 written out, and the factors against the tensor."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from obftnet.backbones.features import Features, unit_features
from obftnet.guidance.guidance import Guidance, masked_guidance
from obftnet.readers.encoder4d import conv4d
from obftnet.readers.encoder4d.conv4d import CenterPivotConv4d
from obftnet.relation.bilateral import Bilateral
from obftnet.transport import Algorithm1, sinkhorn

LEVELS = (2, 1)
QUERY = ((4, 7), (4, 7), (2, 3))
GUIDED = ((5, 3), (5, 3), (1, 2))


def bilateral(**options) -> Bilateral:
    own = {
        key: options.pop(key) for key in ("epsilon", "iterations", "relu", "zeroed_columns") if key in options
    }
    return Bilateral(Algorithm1(**own), **options)


def episode(
    b: int = 1, k: int = 1, j: int = 1, share: float = 0.4, dirty: bool = False, seed: int = 0
) -> tuple[tuple[Tensor, ...], Guidance]:
    generator = torch.Generator().manual_seed(seed)

    def draw(n: int, grids) -> tuple[Tensor, ...]:
        return tuple(unit_features(torch.randn(n, 6, *grid, generator=generator)) for grid in grids)

    masks = (torch.rand(k, 10, 6, generator=generator) < share).float()
    usable = (torch.rand(j, 10, 6, generator=generator) < 0.9).float() if dirty else None
    supports, backgrounds = (Features(draw(n, GUIDED), (10, 6)) for n in (k, j))
    return draw(b, QUERY), masked_guidance(supports, masks, backgrounds, usable)


def written_out(query: Tensor, guidance: Guidance, tap: int, made: Bilateral) -> Tensor:
    """The maps of one query and tap by equations 1 to 4 on whole matrices: (k, channels, M, N)."""
    algorithm = made.algorithm
    rows = query.flatten(1).mT
    support, good = (x[tap].transpose(0, 1).flatten(1) for x in (guidance.supports, guidance.backgrounds))
    defect, usable = guidance.defect[tap].flatten(), guidance.usable[tap].flatten().float()
    k, j = len(guidance.supports[tap]), len(guidance.backgrounds[tap])
    fore, back = rows @ support, rows @ good

    def plan(similarity: Tensor, weight: Tensor) -> Tensor:
        kept = similarity.clamp(min=0) if algorithm.relu == "before" else similarity
        found = sinkhorn(kept, algorithm.epsilon, algorithm.iterations, multiplicity=weight)
        scaled = found if made.scale == "none" else found * len(rows)
        return (1 + scaled).log() if made.scale == "log" else scaled

    def read(similarity: Tensor) -> Tensor:
        if made.cosine_temperature:
            return ((similarity - 1) / made.cosine_temperature).exp()
        return similarity.clamp(min=0)

    cosines = [read(fore) * defect, read(back) * usable]
    maps = list(cosines)
    if made.transport != "none":
        weight = defect.float() if algorithm.zeroed_columns == "drop" else torch.ones(len(defect))
        maps[0] = plan(fore * defect, weight)
    if made.transport == "bilateral":
        maps[1] = plan(back, usable)
    behind = [made.background]
    if made.cosine_channels:
        maps += cosines
        behind.append(made.background and made.transport == "bilateral")
    shots = []
    for shot in range(k):
        own = [
            one.chunk(k, 1)[shot] if index % 2 == 0 else one.chunk(j, 1)[shot % j]
            for index, one in enumerate(maps)
        ]
        kept = [one for index, one in enumerate(own) if index % 2 == 0 or behind[index // 2]]
        shots.append(torch.stack(kept))
    return torch.stack(shots)


@settings(deadline=None, max_examples=40)
@given(
    b=st.integers(1, 2),
    k=st.integers(1, 3),
    j=st.integers(1, 3),
    share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    dirty=st.booleans(),
    kind=st.sampled_from(
        [("none", True), ("none", False), ("foreground", True), ("foreground", False), ("bilateral", True)]
    ),
    cosines=st.booleans(),
    read=st.sampled_from([0, 0.02, 0.5]),
    relu=st.sampled_from(["before", "after"]),
    scale=st.sampled_from(["none", "positions", "log"]),
    epsilon=st.sampled_from([0.01, 0.05]),
    seed=st.integers(0, 99),
)
def test_every_map_is_its_equation_written_out(
    b, k, j, share, dirty, kind, cosines, read, relu, scale, epsilon, seed
):
    query, guidance = episode(b, k, j, share, dirty, seed)
    made = bilateral(
        transport=kind[0], background=kind[1], cosine_channels=cosines, cosine_temperature=read, relu=relu,
        scale=scale, epsilon=epsilon, iterations=6,
    )  # fmt: skip
    levels = made.levels(query, guidance, LEVELS)
    start = 0
    for level, count in zip(levels, LEVELS, strict=True):
        assert level.shape == (b * k, made.channels * count, *QUERY[start], *GUIDED[start])
        tensor = level.dense()
        for item in range(b):
            for tap in range(start, start + count):
                expected = written_out(query[tap][item], guidance, tap, made)
                channels = slice((tap - start) * made.channels, (tap - start + 1) * made.channels)
                found = tensor[item * k : (item + 1) * k, channels].flatten(4).flatten(2, 3)
                torch.testing.assert_close(found, expected, rtol=5e-4, atol=2e-5)
        start += count


def test_the_scale_is_the_number_of_query_positions():
    query, guidance = episode()
    literal = bilateral(scale="none").levels(query, guidance, LEVELS)[0].dense()
    scaled = bilateral().levels(query, guidance, LEVELS)[0].dense()
    torch.testing.assert_close(scaled, literal * 28)
    torch.testing.assert_close(scaled.mean((2, 3, 4, 5)), torch.ones(1, 4))


def test_dropped_columns_and_unusable_background_get_nothing():
    query, guidance = episode(dirty=True, seed=3)
    drop = bilateral(zeroed_columns="drop").levels(query, guidance, LEVELS)[0].dense()[0]
    clean, unusable = ~guidance.defect[0][0], ~guidance.usable[0][0]
    assert unusable.any()
    assert (drop[0][..., clean] == 0).all()
    assert (drop[1][..., unusable] == 0).all()


def test_a_support_that_has_no_column_left_is_refused():
    query, guidance = episode(share=0.0)
    with pytest.raises(ValueError, match="column"):
        bilateral(zeroed_columns="drop").levels(query, guidance, LEVELS)


@pytest.mark.parametrize("axis", [2, 3])
def test_flipping_the_query_flips_its_tensors(axis):
    """Query rows are axis 2 and columns axis 3: augmentation relies on it."""
    query, guidance = episode(2, 2, 1)
    plain = bilateral().levels(query, guidance, LEVELS)
    flipped = bilateral().levels(tuple(x.flip(axis) for x in query), guidance, LEVELS)
    for one, other in zip(plain, flipped, strict=True):
        torch.testing.assert_close(one.dense().flip(axis), other.dense(), rtol=1e-3, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("block", [1, 200, 1 << 20])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 4), (3, 2), ((3, 1, 5, 3), (2, 3))])
def test_the_convolution_reads_factors_as_it_reads_the_tensor(kernel, stride, block, monkeypatch):
    monkeypatch.setattr(conv4d, "_BLOCK", block)
    query, guidance = episode(2, 2, 1)
    level = bilateral().levels(query, guidance, LEVELS)[0]
    torch.manual_seed(0)
    conv = CenterPivotConv4d(level.shape[1], 3, kernel, stride)
    torch.testing.assert_close(conv(level), conv(level.dense()), rtol=1e-4, atol=1e-5)


def test_rows_are_those_of_the_tensor():
    query, guidance = episode(1, 2, 1)
    level = bilateral().levels(query, guidance, LEVELS)[0]
    for item in range(2):
        rows = level.dense()[item].flatten(1, 2).transpose(0, 1)
        assert torch.equal(level.rows(item, 3, 11), rows[3:11])
