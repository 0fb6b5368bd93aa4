"""Round a trained model to float16 and write it as weights of the package.

    python tools/ship.py runs/shipped/model.safetensors src/obftnet/pretrained/obftnet-compact.safetensors

Rounding halves the file; what is shipped, and measured, are the rounded weights. `--size` sets the side of
the input at which they are used, where that is not the side they were trained at; `--coreset` how many of the
guidance's sound positions a query is compared with, 0 for all (`guidance.coreset`). `--average` takes the
mean of the source's weights and those of the model it was started from: what either learned on its own
materials alone weighs half (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from obftnet.config import model_config
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
    parser.add_argument("--average", type=Path)
    arguments = parser.parse_args()
    trained, _ = load_model(arguments.source)
    asked = {"size": arguments.size, "coreset": arguments.coreset}
    chosen = {key: value for key, value in asked.items() if value is not None}
    config = model_config(trained.config.model_dump() | chosen)
    model = OBFTNet(config, trained.backbone)
    model.load_state_dict(_mean(trained, arguments.average) if arguments.average else trained.state_dict())
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())
    notes = read_notes(arguments.source) | {"trained_at_size": trained.config.size}
    if arguments.average:
        notes["averaged_with"] = arguments.average.name
    save_model(arguments.target, model, notes)
    print(arguments.target, arguments.target.stat().st_size, "bytes")


def _mean(trained: OBFTNet, other: Path) -> dict[str, Tensor]:
    """The state halfway between a model and another of the same parts; counters are the model's own."""
    first, second = trained.state_dict(), load_model(other)[0].state_dict()
    if {key: x.shape for key, x in first.items()} != {key: x.shape for key, x in second.items()}:
        raise SystemExit(f"--average {other}: other parts; name what SOURCE was started from")
    return {key: (x + second[key]) / 2 if x.is_floating_point() else x for key, x in first.items()}


if __name__ == "__main__":
    main()
