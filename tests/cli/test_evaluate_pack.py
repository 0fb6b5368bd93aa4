"""`obftnet evaluate --pack`: a pack measured on a labelled folder."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from obftnet.data.layouts import read_layout
from obftnet.decision import decide
from obftnet.evaluation.metrics import Counts
from obftnet.segmenter import Segmenter


@pytest.fixture
def packed(command, world, monkeypatch):
    """`world` with a.pack, which holds one of the folder's defective images and one of its good ones."""
    monkeypatch.chdir(world)
    for name, source in (
        ("support/x.png", "cork/test/crack/0.png"),
        ("support/x_mask.png", "cork/ground_truth/crack/0_mask.png"),
        ("background/y.png", "cork/train/good/0.png"),
    ):
        (world / "guidance" / name).write_bytes((world / "data" / source).read_bytes())
    # The same pixels in another file.
    Image.open(world / "guidance/background/y.png").save(world / "guidance/background/z.bmp")
    (world / "guidance/background/y.png").unlink()
    fit = "fit --guidance guidance --out a.pack --weights model.safetensors --threshold 0.1"
    assert command(*fit.split())[0] == 0
    return world


BY = ("--pack", "a.pack", "--weights", "model.safetensors", "--out", "r.json", "--data", "data")


def test_the_pack_s_guidance_and_decision_are_measured(command, packed):
    status, out, err = command("evaluate", *BY, "--fold", "cork")
    assert (status, err) == (0, []), err
    assert "left out     2 images that the pack holds" in out
    assert "images       4," in out
    segmenter = Segmenter.load("a.pack", "cpu", weights="model.safetensors")
    total = Counts()
    for sample in read_layout("mvtec", packed / "data").defects("cork", "crack")[1:]:
        score = segmenter.predict(sample.image).score
        total = total + Counts.of(decide(score, segmenter.decision), sample.load_mask())
    results = json.loads((packed / "r.json").read_text())
    assert results["mean_miou"] == pytest.approx(total.iou)
    assert results["folds"]["cork"]["good_images"]["cork"]["false_positive_area"] is not None
    with (packed / "r_queries.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4
    assert np.isfinite(results["seconds_an_image"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--shots 5", "--shots: the pack settles"),
        ("--method prototype", "--method: the pack settles"),
        ("--worst", "--worst: the pack settles"),
        ("--pack gone.pack", "gone.pack: no such file"),
        ("--pack guidance/support/s.png", "a pack that obftnet wrote is wanted"),
        ("--fold marble", "marble"),
        ("--out data/cork/test/crack/0.png", "0.png"),
    ],
)
def test_what_cannot_be_is_one_line(command, packed, words, says):
    before = {path: path.read_bytes() for path in packed.rglob("*") if path.is_file()}
    status, out, err = command("evaluate", *BY, *words.split())
    assert (status, out, len(err)) == (2, "", 1), (out, err)
    assert says in err[0]
    assert {path: path.read_bytes() for path in packed.rglob("*") if path.is_file()} == before
