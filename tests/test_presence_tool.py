"""The tool that fits a presence to trained weights."""

import subprocess
import sys
from pathlib import Path

import torch

from obftnet.config import CuesConfig
from obftnet.model import OBFTNet
from obftnet.weights import load_model, read_notes, save_model

TOOL = Path(__file__).resolve().parents[1] / "tools" / "presence.py"


def fit(*arguments: object) -> str:
    told = subprocess.run(
        [sys.executable, TOOL, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_weights_get_a_presence_and_stay_what_they_were(obftnet, tmp_path):
    made = ("--materials", 3, "--kinds", 1, "--defective", 5, "--good", 5, "--size", 64)
    assert obftnet("synthesize", "--out", tmp_path / "data", *made)[0] == 0
    torch.manual_seed(0)
    model = OBFTNet(CuesConfig(backbone="compact", size=64, cues="abns", self_support=True))
    weights, target = tmp_path / "weights.safetensors", tmp_path / "with.safetensors"
    save_model(weights, model, {"learnt": "nothing"})
    first = fit(weights, tmp_path / "data", target, "--materials", 2)
    assert "2 of 2: " in first
    again = fit(weights, tmp_path / "data", target)
    assert again.count(" of 3: ") == 1, "what was looked at before is kept"
    assert "image AUROC" in again
    found, _ = load_model(target)
    assert found.config == model.config.model_copy(update={"presence": True})
    state = found.state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(state[name], tensor), name
    assert state["reader.presence.linear.weight"].abs().sum() > 0
    assert read_notes(target) == {"learnt": "nothing", "presence_fitted_on": "3 materials of data"}

    # What was kept is of those weights.
    torch.manual_seed(1)
    save_model(weights, OBFTNet(model.config), {})
    before = target.read_bytes()
    told = subprocess.run(
        [sys.executable, TOOL, weights, tmp_path / "data", target],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "of other weights or other images; name another TARGET" in told.stderr
    assert target.read_bytes() == before
