from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from obftnet.data import Collection, read_layout

#: The size of each class's images (h, w) and the rows and columns of its defect.
CLASSES = {
    ("leather", "cut"): ((32, 64), (slice(0, 16), slice(0, 32))),
    ("leather", "fold"): ((32, 32), (slice(8, 16), slice(8, 24))),
    ("tile", "crack"): ((64, 64), (slice(32, 64), slice(0, 64))),
}
#: The defect's share of the image of each class.
SHARES = {"leather/cut": 1 / 4, "leather/fold": 1 / 8, "tile/crack": 1 / 2}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # So small a network is slower on several threads, many times so where others use the cores.
    torch.set_num_threads(1)


def save(path: Path, red: np.ndarray, seed: int) -> None:
    """An image whose red channel is as given, the others noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (*red.shape, 2))
    Image.fromarray(np.concatenate([red[..., None] * 255, noise], -1).astype(np.uint8)).save(path)


@pytest.fixture(scope="session")
def painted(tmp_path_factory) -> Path:
    """Two materials in the layout of MVTec AD whose red channel is the truth; some images are not square."""
    root = tmp_path_factory.mktemp("painted")
    for (material, kind), (size, defect) in CLASSES.items():
        mask = np.zeros(size, dtype=np.uint8)
        mask[defect] = 1
        for index in range(3):
            save(root / material / "test" / kind / f"{index}.png", mask, index)
            truth = root / material / "ground_truth" / kind / f"{index}_mask.png"
            truth.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask * 255).save(truth)
    for material in ("leather", "tile"):
        for index in range(4):
            save(
                root / material / "train" / "good" / f"{index}.png", np.zeros((32, 64), np.uint8), 10 + index
            )
    return root


@pytest.fixture(scope="session")
def collection(painted) -> Collection:
    return read_layout("mvtec", painted)


@pytest.fixture(scope="session")
def steel(tmp_path_factory) -> Path:
    """A NEU-Seg folder of six images; two of them hold two kinds."""
    root = tmp_path_factory.mktemp("steel")
    for part in ("images", "annotations"):
        (root / part / "test").mkdir(parents=True)
    for index in range(6):
        labels = np.zeros((80, 96), np.uint8)
        labels[70:78, 4:40] = 1 + index % 3
        if index < 2:
            labels[4:10, 80:90] = 1 + (index + 1) % 3
        save(root / "images" / "test" / f"{index:06d}.png", (labels > 0).astype(np.uint8), index)
        Image.fromarray(labels).save(root / "annotations" / "test" / f"{index:06d}.png")
    return root
