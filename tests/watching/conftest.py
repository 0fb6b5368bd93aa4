from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.decision import Decision
from obftnet.segmenter import Segmenter
from obftnet.weights import save_model


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 60, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def fitted(tmp_path_factory, tiny_model) -> tuple[Path, Path]:
    """A pack that calls some images good and others not, and its weights."""
    folder = tmp_path_factory.mktemp("fitted")
    save_model(folder / "model.safetensors", tiny_model)
    mask = np.zeros((48, 60), bool)
    mask[10:30, 20:40] = True
    segmenter = Segmenter.from_pretrained(folder / "model.safetensors", "cpu")
    segmenter.fit([(picture(1000), mask)], [picture(1001)])
    scores = [float(segmenter.predict(picture(seed)).score.max()) for seed in range(6)]
    segmenter.decision = Decision(sorted(scores)[3] - 1e-4)
    segmenter.save(folder / "p.pack")
    return folder / "p.pack", folder / "model.safetensors"


@pytest.fixture
def line(tmp_path) -> Path:
    """The folder that images come into."""
    (tmp_path / "line").mkdir()
    return tmp_path / "line"


@pytest.fixture
def arrive(line):
    """Puts an image there, whole."""

    def put(name: str, seed: int) -> Path:
        path = line / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(seed)).save(path)
        return path

    return put
