"""A sound world, which each case spoils."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.segmenter import Segmenter
from obftnet.weights import save_model

from .cases import B, M, Q, S


@pytest.fixture(scope="session")
def sound(tmp_path_factory, tiny_model) -> Path:
    """A folder with everything that the commands need, made once."""
    root = tmp_path_factory.mktemp("hostile")
    save_model(root / "model.safetensors", tiny_model)
    rng = np.random.default_rng(0)
    marked = np.zeros((48, 60), np.uint8)
    marked[10:30, 20:40] = 255
    whole = root / "whole"
    pairs = [(S, M)]
    singles = [B, Q]
    for material in ("cork", "slate"):
        for index in range(2):
            pairs.append(
                (
                    f"data/{material}/test/crack/{index}.png",
                    f"data/{material}/ground_truth/crack/{index}_mask.png",
                )
            )
            singles.append(f"data/{material}/train/good/{index}.png")
    for path in (*singles, *(image for image, _ in pairs)):
        (whole / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)).save(whole / path)
    for _, path in pairs:
        (whole / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(marked).save(whole / path)
    segmenter = Segmenter.from_pretrained(root / "model.safetensors", "cpu")
    segmenter.fit([(whole / S, whole / M)], [whole / B]).save(whole / "p.pack")
    return root


@pytest.fixture
def world(sound, monkeypatch) -> Path:
    """A copy of it, to be spoilt; the commands run in it."""
    place = sound / "world"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(sound / "whole", place)
    monkeypatch.chdir(place)
    return place
