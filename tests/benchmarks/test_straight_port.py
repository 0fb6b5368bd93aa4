"""The yardstick does the same work: its scores are the model's."""

import importlib.util
import sys
from pathlib import Path

import torch

from obftnet.config import EncoderConfig
from obftnet.model import OBFTNet

ROOT = Path(__file__).resolve().parents[2]


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@torch.no_grad()
def test_the_port_gives_the_models_scores():
    port = load("straight_port")
    torch.manual_seed(0)
    model = OBFTNet(EncoderConfig(backbone="compact", size=96)).eval()
    seen = model.extract(torch.rand(3, 3, 96, 96))
    masks = torch.zeros(1, 96, 96)
    masks[:, 20:50, 30:70] = 1
    guidance = model.guide(seen[:1], masks, seen[1:2])
    found = port.port_score(model, seen[2:], port.port_guidance(guidance))
    torch.testing.assert_close(found, model.score(seen[2:], guidance), rtol=0, atol=1e-4)
