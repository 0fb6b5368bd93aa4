"""Similarities taken in parts: the cues of all columns are those of any two halves of them, joined."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from obftnet.config import ModelConfig
from obftnet.features.columns import Columns
from obftnet.features.guidance import prepare_guidance
from obftnet.relation.correlation import unit_features
from obftnet.relation.cue_maps import cue_maps, seen_by
from obftnet.relation.own import own_similarity
from obftnet.relation.streaming import scan, stream_statistics

CUES = "abnstm"


@settings(deadline=None, max_examples=40)
@given(
    kinds=st.tuples(*(st.integers(0, 5) for _ in range(4))),
    more=st.tuples(st.integers(0, 5), st.integers(1, 5)),
    weighed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_what_was_seen_before_counts_with_the_rest(kinds, more, weighed, seed):
    d, r, g, t = kinds
    extra_d, extra_g = more
    generator = torch.Generator().manual_seed(seed)

    def unit(count: int) -> torch.Tensor:
        return unit_features(torch.randn(6, count, 1, generator=generator))[..., 0]

    query, before, new = unit(9), unit(d + r + g + 1), unit(extra_d + extra_g)
    weight = torch.rand(before.shape[1], generator=generator) + 0.5 if weighed else None
    first = Columns(before, d, r, g + 1, weight, unit(t))
    whole = Columns(
        torch.cat([before[:, :d], new[:, :extra_d], before[:, d:], new[:, extra_d:]], 1),
        d + extra_d,
        r,
        g + 1 + extra_g,
        None
        if weight is None
        else torch.cat([weight[:d], torch.ones(extra_d), weight[d:], torch.ones(extra_g)]),
        first.turned,
    )
    seen = first.seen_by(scan(query, first, CUES, 0.05))
    joined = replace(seen, matrix=new, defect=extra_d, good=extra_g)
    expected = stream_statistics(query, whole, CUES, 0.05)
    torch.testing.assert_close(stream_statistics(query, joined, CUES, 0.05), expected, rtol=1e-4, atol=1e-5)


def test_guidance_that_was_seen_gives_the_same_maps():
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 3, 6, side, side, generator=generator) for side in (8, 4)]
    fraction = (torch.rand(2, 2, 16, 16, generator=generator) < 0.3).float()
    guidance = prepare_guidance(
        [x[:, :2] for x in maps],
        fraction,
        [x[:, 2:] for x in maps],
        columns=True,
        turned=[[torch.randn(6, 3, generator=generator) for _ in maps] for _ in range(2)],
    )
    query = [torch.randn(2, 6, side, side, generator=generator) for side in (8, 4)]
    config = ModelConfig(reader="cues", cues="abnsutm")
    seen = seen_by(query, guidance, config)
    for tap, features in enumerate(query):
        unit = unit_features(features)
        expected = cue_maps(unit, guidance, tap, config)
        torch.testing.assert_close(cue_maps(unit, seen, tap, config), expected, rtol=1e-4, atol=1e-5)
        assert all(columns.matrix.shape[1] == 0 for columns in seen.columns[tap])


@pytest.mark.parametrize(("cues", "times"), [("abu", 1), ("ab", 0)])
def test_what_a_query_is_to_itself_is_taken_once(cues, times, monkeypatch):
    taken = []

    def spy(unit):
        taken.append(unit.shape)
        return own_similarity(unit)

    monkeypatch.setattr("obftnet.relation.cue_maps.own_similarity", spy)
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(1, 2, 6, 8, 8, generator=generator)
    guidance = prepare_guidance([maps[:, :1]], torch.ones(1, 1, 16, 16), [maps[:, 1:]], columns=True)
    config, query = ModelConfig(reader="cues", cues=cues), torch.randn(1, 6, 8, 8, generator=generator)
    seen = seen_by([query], guidance, config)
    for _ in range(2):
        cue_maps(unit_features(query), seen, 0, config)
    assert len(taken) == times


def test_another_cue_is_refused():
    generator = torch.Generator().manual_seed(0)
    unit = unit_features(torch.randn(6, 5, 1, generator=generator))[..., 0]
    with pytest.raises(ValueError, match="cue 'o'"):
        scan(unit, Columns(unit, 1, 1, 3), "ab", 0.05).cue("o")
