from pathlib import Path

import pytest
import torch

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.weights import load_backbone
from obftnet.data import Collection, default_folds, read_layout
from obftnet.synthetic import write_dataset

MATERIALS = ("fabric_00", "fabric_01", "leather", "tile")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # So small a network is slower on several threads, many times so where others use the cores.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def textures(tmp_path_factory) -> Path:
    """Generated materials of 64 px in MVTec AD's layout: folds fabric, leather and tile, two kinds each."""
    root = tmp_path_factory.mktemp("textures")
    write_dataset(root, len(MATERIALS), 3, size=64, kinds=2, defective_per_kind=3, good=4)
    (root / "manifest.csv").unlink()
    for folder, name in zip(sorted(root.iterdir()), MATERIALS, strict=True):
        folder.rename(root / name)
    return root


@pytest.fixture(scope="session")
def collection(textures) -> Collection:
    return read_layout("mvtec", textures)


@pytest.fixture(scope="session")
def folds(collection) -> dict[str, tuple[str, ...]]:
    return default_folds(collection)


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return load_backbone("compact", "random", seed=0)
