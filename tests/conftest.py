"""What every test may ask for. What is not part of the checkout is skipped, with a reason, where absent."""

import sys
from pathlib import Path

import pytest
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.cli import main
from obftnet.config import CuesConfig
from obftnet.model import OBFTNet

ROOT = Path(__file__).resolve().parents[1]


def pytest_sessionstart() -> None:
    # More threads than cores make small tensors slower, and a shared machine slower for everyone.
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture
def obftnet(monkeypatch, capsys):
    """Runs a command line in this process: (exit status, standard output, standard error)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["obftnet", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and features beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not on this machine: it holds the real images and backbone weights")
    return folder


@pytest.fixture(scope="session")
def mobilenet_weights(shared) -> Path:
    """ImageNet weights of MobileNetV2, safetensors in torchvision's key names."""
    path = shared / "weights" / "mobilenet_v2.safetensors"
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine: it holds MobileNetV2's ImageNet weights")
    return path


@pytest.fixture(scope="session")
def tiny_model() -> OBFTNet:
    """An untrained model of the light readers, at 64 px. Shared: leave it as it is."""
    torch.manual_seed(0)
    config = CuesConfig(backbone="compact", size=64)
    return OBFTNet(config, load_backbone("compact", "random", seed=0)).eval()
