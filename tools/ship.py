"""Round a trained model to float16 and write it as weights of the package.

    python tools/ship.py runs/shipped/model.safetensors src/obftnet/pretrained/obftnet-compact.safetensors

Rounding halves the file; what is shipped, and measured, are the rounded weights.
"""

import sys
from pathlib import Path

import torch

from obftnet.weights import load_model, read_notes, save_model


def main() -> None:
    source, target = (Path(argument) for argument in sys.argv[1:])
    model, _ = load_model(source)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().float())
    save_model(target, model, read_notes(source))
    print(target, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
