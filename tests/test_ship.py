"""The tool that turns a run's model into weights of the package."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from obftnet.config import CuesConfig
from obftnet.model import OBFTNet
from obftnet.weights import load_model, save_model

TOOL = Path(__file__).resolve().parents[1] / "tools" / "ship.py"


def saved(path: Path, seed: int, cues: str = "abns") -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    model = OBFTNet(CuesConfig(backbone="compact", size=64, cues=cues))
    save_model(path, model, {})
    return model.state_dict()


def ship(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source.safetensors"


def test_an_average_lies_halfway_rounded_to_half_precision(source, tmp_path):
    first, second = saved(source, 0), saved(tmp_path / "start.safetensors", 1)
    target = tmp_path / "shipped.safetensors"
    told = ship(source, target, "--average", tmp_path / "start.safetensors")
    assert told.returncode == 0, told.stderr
    for name, found in load_model(target)[0].state_dict().items():
        wanted = first[name]
        if wanted.is_floating_point():
            wanted = ((first[name] + second[name]) / 2).half().float()
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_an_average_of_other_parts_is_refused_and_nothing_written(source, tmp_path):
    saved(source, 0)
    saved(tmp_path / "other.safetensors", 1, cues="abn")
    told = ship(source, tmp_path / "shipped.safetensors", "--average", tmp_path / "other.safetensors")
    assert told.returncode != 0
    assert "other.safetensors: other parts" in told.stderr
    assert not (tmp_path / "shipped.safetensors").exists()
