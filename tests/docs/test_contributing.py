"""The worked examples of CONTRIBUTING.md do what they say, in no more files than they say."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from obftnet.backbones.features import unit_features
from obftnet.backbones.registry import BACKBONES
from obftnet.backbones.weights import load_backbone
from obftnet.data.layouts import LAYOUTS, read_layout
from obftnet.errors import InputError
from obftnet.guidance.columns import Columns
from obftnet.imaging import write_png
from obftnet.methods.registry import REFERENCES, reference
from obftnet.relation.cues import CUES, cue_levels, evidence_of
from obftnet.transport import Algorithm1

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"^## (Add .*?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = dict(SECTION.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


@pytest.fixture
def example(monkeypatch):
    """Runs the blocks of a section; what they register is taken back after the test."""
    for registry in (BACKBONES, CUES, LAYOUTS, REFERENCES):
        for name in ("c", "nearest_mean", "efficientnet_b0", "beside"):
            assert name not in registry, f"{name} is there already: choose another example"
            # Set and taken away by hand: monkeypatch then knows that there was none.
            monkeypatch.setitem(registry, name, None)
            del registry[name]

    def run(section: str) -> dict[str, object]:
        names: dict[str, object] = {"__name__": "example"}
        for block in re.findall(r"^```python\n(.*?)^```", SECTIONS[section], re.MULTILINE | re.DOTALL):
            exec(compile(block, f"CONTRIBUTING.md, {section}", "exec"), names)
        return names

    return run


def test_every_example_is_run_here():
    assert set(SECTIONS) == {"Add a cue", "Add a method", "Add a backbone", "Add a data layout"}


@pytest.mark.parametrize("section", SECTIONS)
def test_an_example_touches_at_most_three_files_which_exist(section):
    sentence = re.search(r"Files?: (.*?)\.(?=\s|$)", SECTIONS[section], re.DOTALL)
    assert sentence is not None
    files = re.findall(r"`([^`]+)`", sentence[1])
    assert 1 <= len(files) <= 3
    for file in files:
        assert (ROOT / file).exists(), file


def test_a_cue(example):
    names = example("Add a cue")
    assert names["score"].shape == (1, 64, 64)
    query = unit_features(torch.randn(5, 3, 4))
    matrix = unit_features(torch.randn(5, 9, 1))[..., 0]
    columns = Columns(matrix, (2, 3, 4, 0), torch.ones(9), torch.arange(9))
    found = cue_levels(evidence_of((query,), (columns,), "c", Algorithm1()), "c", [(3, 4)], [1])[0][0, 0]
    cosine = query.flatten(1).mT @ matrix
    expected = cosine[:, :2].amax(1) - cosine[:, 5:].amax(1)
    torch.testing.assert_close(found.flatten(), expected)


def test_a_method(example):
    example("Add a method")
    method = reference("nearest_mean", load_backbone("compact", "random"), 96)
    material = 0.4 + 0.05 * torch.rand(3, 3, 96, 96)
    mask = torch.zeros(1, 96, 96)
    mask[:, 16:48, 16:48] = 1
    where = torch.zeros(96, 96, dtype=torch.bool)
    where[48:80, 32:64] = True
    support = torch.where(mask[:, None] > 0, 0.95, material[:1])
    guidance = method.guide(method.extract(support), mask, method.extract(material[1:2]))
    score = method.score(method.extract(torch.where(where, 0.95, material[2:])), guidance)[0]
    assert score.min() >= 0
    assert score.max() <= 1
    assert score[where].mean() > score[~where].mean()


def test_a_backbone(example):
    names = example("Add a backbone")
    spec, features = BACKBONES["efficientnet_b0"], names["features"]
    assert len(spec.taps) == len(features.taps) == 5
    for tap, found in zip(spec.taps, features.taps, strict=True):
        assert found.shape == (1, tap.channels, 96 // tap.stride, 64 // tap.stride)


def test_a_layout(example, tmp_path):
    example("Add a data layout")
    with pytest.raises(InputError, match="no image in it"):
        read_layout("beside", tmp_path)
    for name in ("good/1", "scratch/2", "scratch/2_mask"):
        write_png(tmp_path / "steel" / f"{name}.png", np.full((8, 8), 255, np.uint8))
    samples = read_layout("beside", tmp_path).samples
    assert [(s.material, s.kind, s.image.name, s.mask and s.mask.name) for s in samples] == [
        ("steel", "good", "1.png", None),
        ("steel", "scratch", "2.png", "2_mask.png"),
    ]
    (tmp_path / "steel/scratch/2_mask.png").unlink()
    with pytest.raises(InputError, match=r"2\.png: no mask"):
        read_layout("beside", tmp_path)
