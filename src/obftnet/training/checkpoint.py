"""The state of a run, whole on disk at every moment, so that a killed run goes on as if it had not been."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from obftnet.errors import InputError
from obftnet.json_files import parse_json
from obftnet.safefile import read_safetensors, tensors_hash, write_safetensors

FILE = "training.safetensors"
_OTHERWISE = "begin anew in another folder"


class State(NamedTuple):
    """What a run was left at.

    step: steps done. notes, best, average: what `save_state` was given as such.
    """

    step: int
    notes: dict[str, Any]
    best: dict[str, Tensor]
    average: dict[str, Tensor]


def save_state(
    folder: Path,
    run: str,
    step: int,
    reader: nn.Module,
    optimizer: torch.optim.Optimizer,
    notes: Mapping[str, Any] | None = None,
    best: Mapping[str, Tensor] | None = None,
    average: Mapping[str, Tensor] | None = None,
) -> None:
    """Write reader, optimiser moments and step count as one safetensors file, atomically.

    Everything else a step depends on is a pure function of (seed, step), so no random state is kept.

    Args:
        folder: the run's.
        run: what tells this run from others, as `check_run` gives it.
        step: steps done.
        reader: what learns.
        optimizer: of its parameters.
        notes: more of the run, as JSON values.
        best: weights of an earlier step that are to be kept.
        average: the state of a running average of the weights.

    Raises:
        InputError: it cannot be written, or holds NaN or infinity.
    """
    tensors = {f"reader.{key}": value for key, value in reader.state_dict().items()}
    tensors |= {f"best.{key}": value for key, value in (best or {}).items()}
    tensors |= {f"average.{key}": value for key, value in (average or {}).items()}
    state = optimizer.state_dict()["state"]
    for index, moments in state.items():
        for key, value in moments.items():
            tensors[f"optimizer.{index}.{key}"] = torch.as_tensor(value)
    said = {"step": step, "run": run, "tensors": tensors_hash(tensors), "notes": notes or {}}
    write_safetensors(folder / FILE, tensors, {"state": json.dumps(said)})


def load_state(
    folder: Path, run: str, reader: nn.Module, optimizer: torch.optim.Optimizer, steps: int
) -> State | None:
    """Fill reader and optimiser from a run's folder; None where there is no state yet.

    Args:
        folder: the run's.
        run: as `save_state`.
        reader: as `save_state`.
        optimizer: as `save_state`.
        steps: of the whole run.

    Raises:
        InputError: the file is damaged, or belongs to another run or another model.
    """
    path = folder / FILE
    if not path.exists() and not path.is_symlink():
        return None
    tensors, metadata = read_safetensors(path)
    said = parse_json(metadata.get("state", "null"), f"{path}: its state", _OTHERWISE)
    if not isinstance(said, dict) or set(said) != {"step", "run", "tensors", "notes"}:
        raise InputError(f"{path}: not the state of a run; {_OTHERWISE}")
    if said["run"] != run:
        raise InputError(f"{path}: the state of another run; {_OTHERWISE}")
    step, notes = said["step"], said["notes"]
    whole = type(step) is int and 0 <= step <= steps and isinstance(notes, dict)
    if not whole or said["tensors"] != tensors_hash(tensors):
        raise InputError(f"{path}: damaged, not what was written; {_OTHERWISE}")
    groups: dict[str, dict[str, Tensor]] = {"reader": {}, "best": {}, "average": {}, "optimizer": {}}
    try:
        for key, value in tensors.items():
            group, _, name = key.partition(".")
            groups[group][name] = value
        reader.load_state_dict(groups["reader"])
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in groups["optimizer"].items():
            index, _, name = key.partition(".")
            moments.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    except (RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: the state of another kind of run ({reason}); {_OTHERWISE}") from error
    return State(step, notes, groups["best"], groups["average"])
