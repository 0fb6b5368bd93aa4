"""What `obftnet train` is asked for, brought together: a method's configuration, new or that of a start."""

import os
from typing import Any

import torch

from obftnet.cli.settings import settings
from obftnet.config import model_config
from obftnet.errors import InputError
from obftnet.methods.learned import Learned, LearnedConfig
from obftnet.methods.registry import MethodConfig, method_config
from obftnet.model import OBFTNet
from obftnet.training.widen import widened
from obftnet.weights import load_method

#: A coreset is for the use of a model: to choose one for every episode of training costs more than it saves.
#: A presence is fitted to a trained reader, and would no longer fit.
_NOT_TRAINED = {"coreset": 0, "presence": False}


def started_from(
    start: str, settled: dict[str, Any], size: int | None, anew: dict[str, Any]
) -> tuple[OBFTNet | Learned, MethodConfig]:
    """The method of a model file, and its configuration with the size and what is asked for anew."""
    settles = f"the model of --start {start} settles it; leave one of the two out"
    _refuse(settled, settles)
    model = load_method(start)[0]
    values = model.config.model_dump() | given({"size": size})
    if not isinstance(model, OBFTNet):
        _refuse(anew, settles)
        return model, settings(LearnedConfig, values)
    config = settings(lambda **fields: model_config(fields), values | _NOT_TRAINED | given(anew))
    return widened(model, config), config


def _refuse(options: dict[str, Any], why: str) -> None:
    """Raise InputError on the first option that was given."""
    for option in given(options):
        raise InputError(f"--{option.replace('_', '-')}: {why}")


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Those that are not None."""
    return {key: value for key, value in options.items() if value is not None}


def new_config(method: str, shared: dict[str, Any], own: dict[str, Any]) -> MethodConfig:
    """A method's settings; `own` are obftnet's, which the others do not have."""
    if method == "obftnet":
        shared |= own | {"reader": own["reader"] or "cues"}
    else:
        _refuse(own, f"--method {method} does not have it; leave it out")
    return settings(lambda **values: method_config(method, values), shared)


def several_gpus(device: str) -> bool:
    """Whether this is one of the processes that torchrun started, each on a GPU of its own."""
    return device in ("auto", "cuda") and "LOCAL_RANK" in os.environ and torch.cuda.is_available()
