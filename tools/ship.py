"""Round a trained model to float16 and write it as weights of the package.

    python tools/ship.py runs/shipped/model.safetensors src/obftnet/pretrained/obftnet-compact.safetensors

Rounding halves the file; what is shipped, and measured, are the rounded weights. `--size` sets the side of
the input at which they are used, where that is not the side they were trained at; `--coreset` how many of the
guidance's sound positions a query is compared with, 0 for all (`features.coreset`).
"""

import argparse
from pathlib import Path

import torch

from obftnet.config import ModelConfig
from obftnet.model import OBFTNet
from obftnet.weights import load_model, read_notes, save_model


def main() -> None:
    """Read SOURCE, write TARGET."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--size", type=int)
    parser.add_argument("--coreset", type=int)
    arguments = parser.parse_args()
    trained, _ = load_model(arguments.source)
    asked = {"size": arguments.size, "coreset": arguments.coreset}
    chosen = {key: value for key, value in asked.items() if value is not None}
    config = ModelConfig.model_validate(trained.config.model_dump() | chosen)
    model = OBFTNet(config, trained.backbone)
    model.load_state_dict(trained.state_dict())
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())
    notes = read_notes(arguments.source) | {"trained_at_size": trained.config.size}
    save_model(arguments.target, model, notes)
    print(arguments.target, arguments.target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
