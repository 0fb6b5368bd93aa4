from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.data import read_layout
from obftnet.evaluation import evaluate as evaluation
from obftnet.imaging import write_png
from obftnet.protocols import DataProtocol, ProtocolData, read_data
from obftnet.reproduction import Setting, run
from obftnet.reproduction.setting import Budget
from obftnet.synthetic import write_dataset

MATERIALS = ("cork", "leather", "tile")

Stop = Callable[[str, int, int], None]


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
    budget = Budget(size=64, epochs=0, steps=1, batch=1, recipe="fast", seeds=1)
    backbone = load_backbone("compact", "random")
    data = ProtocolData("made", protocol, read_layout("mvtec", images))
    return Setting(data, backbone, budget, tmp_path, torch.device("cpu"))


@pytest.fixture(scope="session")
def steel(tmp_path_factory) -> Path:
    """A NEU-Seg folder of two images a class."""
    root = tmp_path_factory.mktemp("steel")
    rng = np.random.default_rng(0)
    for index in range(6):
        labels = np.zeros((64, 64), np.uint8)
        labels[16:40, 8:48] = 1 + index // 2
        write_png(root / f"annotations/test/{index}.png", labels)
        write_png(root / f"images/test/{index}.png", rng.integers(0, 256, (64, 64), dtype=np.uint8))
    return root


@pytest.fixture
def transfer(setting, steel) -> Setting:
    """The same models, tested on steel."""
    return replace(setting, transfer=read_data("neu_seg_transfer", steel))


@pytest.fixture
def trained(monkeypatch) -> list[str]:
    """Names of the runs that steps of training were made in."""
    called, real = [], run.train

    def watched(*arguments, **options):
        out = arguments[5]
        if not (out / "model.safetensors").exists():
            called.append(out.name)
        return real(*arguments, **options)

    monkeypatch.setattr(run, "train", watched)
    return called


@pytest.fixture
def killed() -> Callable[..., None]:
    """Make what takes a progress, and kill it when so many of its units are done."""

    class KilledError(Exception):
        pass

    def killed(made: Callable[[Stop], object], *, done: int) -> None:
        def stop(label: str, units: int, total: int) -> None:
            if units == done:
                raise KilledError

        with pytest.raises(KilledError):
            made(stop)

    return killed
