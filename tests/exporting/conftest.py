import os
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig
from obftnet.exporting.export import export_pack
from obftnet.model import OBFTNet
from obftnet.segmenter import Segmenter
from obftnet.weights import save_model

#: All that a graph may have to hold.
FULL = {"cues": "abnsutm", "coreset": 40, "self_support": True, "query_skip": True}


def picture(seed: int, height: int = 90, width: int = 70) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_of(top: int = 20, height: int = 90, width: int = 70) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[top : top + 20, 10:30] = True
    return mask


def model_file(folder: Path, name: str = "model", spread: float = 40.0, **options: object) -> Path:
    """A model file with random weights, at 64 px. Its scores are spread over all of 0..1: a first look is
    certain of some positions."""
    torch.manual_seed(0)
    config = CuesConfig(backbone="compact", size=64, **options)
    model = OBFTNet(config, load_backbone("compact", "random", seed=0)).eval()
    with torch.no_grad():
        last = model.reader.unet.exit[-1]
        last.weight *= spread
        last.bias.fill_(-spread * 0.05)
    path = folder / f"{name}.safetensors"
    save_model(path, model)
    return path


def fitted(weights: Path, kinds: int = 1, **options: object) -> Segmenter:
    """Fitted with two supports of each kind and one background."""
    one = [(picture(0), mask_of(20)), (picture(1), mask_of(30))]
    supports = one if kinds == 1 else {"scratch": one, "dent": [(picture(0), mask_of(50))]}
    return Segmenter.from_pretrained(weights, "cpu", **options).fit(supports, [picture(2)])


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A pack, its weights and its export, made once by whichever of the tests' processes wants them first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "exporting"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "model").exists():
            weights = model_file(folder, **FULL)
            fitted(weights, kinds=2, tile=64).save(folder / "two.pack")
            export_pack(folder / "two.pack", folder / "model", weights=weights, engines=("onnx", "openvino"))
    return folder


@pytest.fixture(scope="session")
def packed(made) -> tuple[Path, Path]:
    """A pack and its weights: two kinds of defect, two looks, tiles."""
    return made / "two.pack", made / "model.safetensors"


@pytest.fixture(scope="session")
def exported(made) -> Path:
    """The same exported, for both engines. Shared: leave it as it is."""
    return made / "model"


@pytest.fixture
def same_graph(exported, monkeypatch):
    """Where a pack has the same guidance as that one, its graph is the same, and need not be made again."""
    graph = (exported / "model.onnx").read_bytes()
    monkeypatch.setattr("obftnet.exporting.export.onnx_graph", lambda segmenter: graph)
