"""Write the backbone of a trained model as a file of backbone weights, to begin another training from.

python tools/backbone_of.py src/obftnet/pretrained/obftnet-compact.safetensors runs/backbone.safetensors
"""

import argparse
from pathlib import Path

from obftnet.safefile import write_safetensors
from obftnet.weights import load_method


def main() -> None:
    """Read SOURCE, write TARGET."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    model, digest = load_method(arguments.source)
    arguments.target.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(arguments.target, model.backbone.network.state_dict(), {"backbone_of": digest})
    print(arguments.target)


if __name__ == "__main__":
    main()
