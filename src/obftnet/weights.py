"""Model files: one safetensors file holds the configuration, the backbone and what was trained.

So a trained model runs anywhere, offline, without the file its backbone came from.
"""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from obftnet.backbones.registry import backbone_spec
from obftnet.config import model_config
from obftnet.errors import InputError
from obftnet.files import file_hash
from obftnet.json_files import parse_json
from obftnet.methods.learned import Learned, LearnedConfig
from obftnet.methods.registry import MethodConfig, build
from obftnet.model import OBFTNet
from obftnet.safefile import compact, read_metadata, read_safetensors, write_safetensors

#: The weights `Segmenter.from_pretrained()` takes when none are named.
DEFAULT = "obftnet-compact"
_FORMAT = "obftnet-model-1"


def shipped() -> list[str]:
    """Names of the weights inside the package."""
    folder = resources.files("obftnet") / "pretrained"
    if not folder.is_dir():
        return []
    return sorted(
        f.name.removesuffix(".safetensors") for f in folder.iterdir() if f.name.endswith(".safetensors")
    )


def find_weights(name_or_path: str | Path | None = None) -> Path:
    """The file behind a name of shipped weights, a model file, or the folder of a training run.

    Raises:
        InputError: nothing of that name; the message lists the names there are.
    """
    name = DEFAULT if name_or_path is None else name_or_path
    if str(name) in shipped():
        return Path(str(resources.files("obftnet") / "pretrained" / f"{name}.safetensors"))
    path = Path(name)
    try:
        found, is_folder = path.exists(), path.is_dir()
    except (OSError, ValueError) as error:  # a name that no file can have: too long, or with a NUL in it
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot be read ({reason}); name a file or a run's folder") from error
    if is_folder:
        if not (path / "model.safetensors").exists():
            raise InputError(
                f"{path}: no model.safetensors in it; is this the folder of a finished training run?"
            )
        return path / "model.safetensors"
    if not found:
        raise InputError(
            f"{name}: no such weights; name a file, a run's folder, or one of: {', '.join(shipped())}"
        )
    return path


def weights_name(name_or_path: str | Path | None = None) -> str:
    """What weights are called without the place they lie in: a shipped name, a file's or a run's."""
    name = DEFAULT if name_or_path is None else name_or_path
    return str(name) if str(name) in shipped() else Path(name).resolve().name


def save_model(path: Path, model: OBFTNet | Learned, notes: dict[str, Any] | None = None) -> None:
    """Write a model file, whole or not at all. `notes` (JSON) says how the weights came to be."""
    metadata = {
        "format": _FORMAT,
        "config": model.config.model_dump_json(),
        "notes": json.dumps(notes or {}, sort_keys=True),
    }
    write_safetensors(path, compact(model.state_dict()), metadata)


def load_model(
    name_or_path: str | Path | None = None, device: str | torch.device = "cpu"
) -> tuple[OBFTNet, str]:
    """An OBFTNet in eval mode and the SHA-256 of its file.

    Raises:
        InputError: as `load_method`, or a file of another method.
    """
    model, digest = load_method(name_or_path, device)
    if not isinstance(model, OBFTNet):
        raise InputError(
            f"{find_weights(name_or_path)}: weights of {model.config.method}, which obftnet evaluate reads; "
            "weights of obftnet are wanted"
        )
    return model, digest


def load_method(
    name_or_path: str | Path | None = None, device: str | torch.device = "cpu"
) -> tuple[OBFTNet | Learned, str]:
    """A trained method in eval mode and the SHA-256 of its file.

    Raises:
        InputError: no such weights, a pickle, a damaged file, or weights of another architecture.
    """
    path = find_weights(name_or_path)
    tensors, metadata = read_safetensors(path)
    config = _config(path, metadata)
    try:
        model = build(config).float()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    _fill(model, tensors, path)
    return model.to(device).eval(), file_hash(path)


def input_size(name_or_path: str | Path | None = None) -> int:
    """Side in pixels of the square input of trained weights, without loading them.

    Raises:
        InputError: as `load_method`, as far as the file's header shows it.
    """
    path = find_weights(name_or_path)
    return _config(path, read_metadata(path)).size


def read_notes(path: Path) -> dict[str, Any]:
    """What `save_model` was told of how the weights came to be.

    Raises:
        InputError: as `read_safetensors`, or notes that are not such.
    """
    wanted = "a model file that save_model wrote is wanted"
    notes = parse_json(read_safetensors(path)[1].get("notes", "{}"), f"{path}: its notes", wanted)
    if not isinstance(notes, dict):
        raise InputError(f"{path}: its notes are no JSON object; {wanted}")
    return notes


def _config(path: Path, metadata: dict[str, str]) -> MethodConfig:
    if metadata.get("format") != _FORMAT:
        raise InputError(
            f"{path}: a safetensors file, but not an obftnet model (no {_FORMAT} header); "
            "a backbone's weights are named apart from a model's",
            "backbone_weights",
        )
    wanted = "a model file of ours is wanted"
    values = parse_json(metadata.get("config", ""), f"{path}: its configuration cannot be read", wanted)
    if not isinstance(values, dict):
        raise InputError(f"{path}: its configuration cannot be read (not an object)")
    try:
        # A compared network's has a key `method`, which an OBFTNet's has not.
        config = LearnedConfig.model_validate(values) if "method" in values else model_config(values)
    except InputError as error:
        raise InputError(f"{path}: its configuration cannot be read ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InputError(f"{path}: its configuration cannot be read ({where}: {first['msg']})") from error
    try:
        backbone_spec(config.backbone)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return config


def _fill(model: OBFTNet | Learned, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = model.state_dict()
    kind = f"the reader {model.config.reader}" if isinstance(model, OBFTNet) else model.config.method
    for key, tensor in wanted.items():
        found = tensors.get(key)
        if found is None or found.shape != tensor.shape:
            what = "missing" if found is None else f"of shape {tuple(found.shape)}"
            raise InputError(
                f"{path}: weights of another architecture: {key} is {what}, {tuple(tensor.shape)} is wanted "
                f"for {kind} on {model.config.backbone}"
            )
    model.load_state_dict({key: tensors[key].to(wanted[key].dtype) for key in wanted})
