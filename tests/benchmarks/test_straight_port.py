"""The yardstick does the same work: its scores are the model's."""

import importlib.util
import sys
from pathlib import Path

import torch

from obftnet.config import ModelConfig
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
    model = OBFTNet(ModelConfig(backbone="compact", size=96)).eval()
    support, background, query = torch.rand(3, 1, 3, 96, 96).unbind(0)
    mask = torch.zeros(1, 1, 96, 96)
    mask[..., 20:50, 30:70] = 1
    supports = tuple(x.unsqueeze(1) for x in model.extract(support))
    guidance = model.prepare(supports, mask, tuple(x.unsqueeze(1) for x in model.extract(background)))
    features = model.extract(query)
    found = port.port_score(model, list(features), port.port_guidance(guidance), (96, 96))
    torch.testing.assert_close(found, model.score(features, guidance, (96, 96)), rtol=0, atol=1e-4)
