from pathlib import Path

import pytest
import torch

from obftnet.data import read_layout
from obftnet.evaluation import evaluate as evaluation
from obftnet.features.weights import load_backbone
from obftnet.protocols import DataProtocol
from obftnet.reproduction import Setting, run
from obftnet.synthetic import write_dataset

MATERIALS = ("cork", "leather", "tile")


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    """Three generated materials of 64 px, one kind each."""
    root = tmp_path_factory.mktemp("images")
    write_dataset(root, len(MATERIALS), 3, size=64, kinds=1, defective_per_kind=2, good=3)
    (root / "manifest.csv").unlink()
    for folder, name in zip(sorted(root.iterdir()), MATERIALS, strict=True):
        folder.rename(root / name)
    return root


@pytest.fixture
def setting(images, tmp_path, monkeypatch) -> Setting:
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)
    monkeypatch.setattr(evaluation, "GOOD_LIMIT", 1)
    torch.set_num_threads(1)
    protocol = DataProtocol(
        about="a",
        source="s",
        layout="mvtec",
        background_source="good",
        folds={name: (name,) for name in MATERIALS},
        materials={name: {"kinds": {"good": 3}} for name in MATERIALS},
    )
    budget = run.Budget(size=64, epochs=0, steps=1, batch=1, recipe="fast", seeds=1)
    backbone = load_backbone("compact", "random")
    return Setting(read_layout("mvtec", images), protocol, backbone, budget, tmp_path, torch.device("cpu"))
