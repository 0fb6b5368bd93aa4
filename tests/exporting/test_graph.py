"""The graph of fixed shapes scores as the model, whatever it reads and however many the queries are."""

import pytest
import torch
import torch.nn.functional as F

from obftnet.config import EncoderConfig
from obftnet.errors import InputError
from obftnet.exporting import graph as graphs
from obftnet.exporting.graph import ScoreGraph, check_exportable
from obftnet.guidance import self_support

from .conftest import FULL, fitted, model_file


def queries(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 3, 8, 8, generator=generator)
    return 0.8 * F.interpolate(coarse, (64, 64)) + 0.2 * torch.rand(count, 3, 64, 64, generator=generator)


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({"cues": "abns"}, 1),
        ({"cues": "tm", "self_support": True}, 1),
        (FULL, 1),
        (FULL, 2),
        ({**FULL, "change": True}, 1),
        ({**FULL, "change": True, "presence": True}, 2),
    ],
    ids=["one look", "views", "shipped", "two kinds", "change", "presence"],
)
def test_the_graph_scores_as_the_model(options, kinds, tmp_path):
    segmenter = fitted(model_file(tmp_path, **options), kinds)
    images = queries()
    with torch.inference_mode():
        wanted = segmenter.model.kind_scores(segmenter.model.extract(images), segmenter.guidance)
        found = ScoreGraph(segmenter.model, segmenter.guidance)(images)
    assert found.shape == (3, kinds, 64, 64)
    torch.testing.assert_close(found, wanted, atol=2e-4, rtol=0)


def test_the_second_look_takes_part(tmp_path, monkeypatch):
    """With no position that is certain nothing would differ between the looks: the test above proves less."""
    segmenter = fitted(model_file(tmp_path, **FULL))
    graph, images = ScoreGraph(segmenter.model, segmenter.guidance), queries()
    with torch.inference_mode():
        twice = graph(images)
        monkeypatch.setattr(type(segmenter.model), "looks_twice", property(lambda self: False))
        once = graph(images)
    assert (once > self_support.CERTAIN_DEFECT).any()
    assert (once < self_support.CERTAIN_SOUND).any()
    assert (twice - once).abs().max() > 0.01


def test_strips_change_nothing(tmp_path, monkeypatch):
    segmenter = fitted(model_file(tmp_path, **FULL))
    with torch.inference_mode():
        whole = ScoreGraph(segmenter.model, segmenter.guidance)(queries())
        monkeypatch.setattr(graphs, "_BLOCK", 1)
        strips = ScoreGraph(segmenter.model, segmenter.guidance)
        assert len(strips.taps[0].strips) == 8
        torch.testing.assert_close(strips(queries()), whole, atol=2e-4, rtol=0)


@pytest.mark.parametrize("size", [(8, 8), (5, 7), (3, 64), (1, 1), (13, 12)])
def test_pooling_of_any_size_is_adaptive_pooling(size):
    maps = torch.rand(2, 3, 64, 50, generator=torch.Generator().manual_seed(0))
    if size[1] > 50:
        size = (size[0], 50)
    torch.testing.assert_close(graphs._pooled(maps, size), F.adaptive_avg_pool2d(maps, size))
    assert torch.equal(graphs._largest(maps, size), F.adaptive_max_pool2d(maps, size))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (EncoderConfig(backbone="compact", size=64), "encoder4d"),
        ({"cues": "abo"}, "o solve a transport"),
        ({"cues": "ab", "shots_rule": "vote"}, "vote"),
        ({"cues": "abns", "epsilon": 0.01}, "epsilon"),
    ],
)
def test_what_has_no_fixed_shape_is_refused(config, said, tmp_path):
    from obftnet.config import CuesConfig
    from obftnet.model import OBFTNet

    values = (
        config if isinstance(config, EncoderConfig) else CuesConfig(backbone="compact", size=64, **config)
    )
    with pytest.raises(InputError, match=said):
        check_exportable(OBFTNet(values))
