from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig, model_config
from obftnet.model import OBFTNet
from obftnet.segmenter import Segmenter
from obftnet.weights import save_model


def picture(seed: int, height: int = 90, width: int = 70) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_of(top: int = 20, height: int = 90, width: int = 70) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[top : top + 20, 10:30] = True
    return mask


def saved(folder: Path, name: str, seed: int = 0, **options: object) -> Path:
    """A model file with random weights, at 64 px."""
    torch.manual_seed(seed)
    values = {"backbone": "compact", "size": 64, **options}
    config = model_config(values) if "reader" in values else CuesConfig(**values)
    path = folder / f"{name}.safetensors"
    save_model(path, OBFTNet(config, load_backbone("compact", "random", seed=seed)).eval())
    return path


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """Files of models: plain cues, other weights of it, all that columns may be, a vote, the encoder."""
    folder = tmp_path_factory.mktemp("models")
    saved(folder, "cues")
    saved(folder, "other", seed=1)
    saved(folder, "coreset", cues="abnsutm", coreset=40, self_support=True)
    saved(folder, "vote", cues="ab", shots_rule="vote")
    saved(folder, "encoder", reader="encoder4d")
    saved(folder, "encoder_vote", reader="encoder4d", shots_rule="vote")
    return folder


@pytest.fixture
def guidance(tmp_path) -> Path:
    """A guidance folder of two supports and two backgrounds."""
    folder = tmp_path / "guidance"
    (folder / "support").mkdir(parents=True)
    (folder / "background").mkdir()
    for index in range(2):
        Image.fromarray(picture(index)).save(folder / f"support/s{index}.png")
        Image.fromarray(mask_of(20 + 9 * index)).save(folder / f"support/s{index}_mask.png")
        Image.fromarray(picture(10 + index, 64, 100)).save(folder / f"background/b{index}.jpg")
    return folder


def fit(folder: Path, weights: Path, **options: object) -> Segmenter:
    """A segmenter fitted with a guidance folder."""
    supports = [(folder / f"support/s{i}.png", folder / f"support/s{i}_mask.png") for i in range(2)]
    segmenter = Segmenter.from_pretrained(weights, "cpu", **options)
    return segmenter.fit(supports, [folder / f"background/b{i}.jpg" for i in range(2)])
