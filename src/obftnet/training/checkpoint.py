"""The state of a run, whole on disk at every moment, so that a killed run goes on as if it had not been."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from obftnet.errors import InputError
from obftnet.safefile import read_safetensors, write_safetensors

FILE = "training.safetensors"


def save_state(
    folder: Path, step: int, reader: nn.Module, optimizer: torch.optim.Optimizer, extra: dict[str, Any]
) -> None:
    """Write reader, optimiser moments and step count as one safetensors file, atomically.

    Everything else a step depends on is a pure function of (seed, step), so no random state is kept.
    """
    tensors = {f"reader.{key}": value for key, value in reader.state_dict().items()}
    state = optimizer.state_dict()["state"]
    for index, moments in state.items():
        for key, value in moments.items():
            tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
    write_safetensors(folder / FILE, tensors, {"state": json.dumps({"step": step, **extra})})


def load_state(folder: Path, reader: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Fill reader and optimiser from a run's folder; None where there is no state yet.

    Returns:
        {"step": steps done, ...what save_state was given as extra}.

    Raises:
        InputError: the file is damaged or belongs to another model.
    """
    path = folder / FILE
    if not path.exists():
        return None
    tensors, metadata = read_safetensors(path)
    try:
        weights = {k.removeprefix("reader."): v for k, v in tensors.items() if k.startswith("reader.")}
        reader.load_state_dict(weights)
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".", 2)
                moments.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
        found: dict[str, Any] = json.loads(metadata["state"])
    except (RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: the state of another kind of run ({reason}); use another --out") from error
    return found
