from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.weights import save_model


@dataclass(frozen=True)
class Case:
    """Folders of a small job: 2 supports, 1 background, 3 queries of 60 x 48 pixels."""

    guidance: Path
    queries: Path
    weights: Path
    out: Path


@pytest.fixture(scope="session")
def model_file(tmp_path_factory, tiny_model) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(path, tiny_model)
    return path


@pytest.fixture
def case(tmp_path, model_file) -> Case:
    rng = np.random.default_rng(0)
    guidance, queries = tmp_path / "guidance", tmp_path / "queries"
    names = [guidance / "support" / f"s{i}.png" for i in range(2)]
    names += [guidance / "background" / "b.png"]
    names += [queries / f"q{i}.png" for i in range(3)]
    for path in names:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)).save(path)
    mask = np.zeros((48, 60), np.uint8)
    mask[10:30, 20:40] = 255
    for i in range(2):
        Image.fromarray(mask).save(guidance / "support" / f"s{i}_mask.png")
    return Case(guidance, queries, model_file, tmp_path / "out")
