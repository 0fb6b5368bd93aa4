"""Reading and writing safetensors files: the only form in which weights enter or leave."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from obftnet.errors import InputError
from obftnet.files import atomic
from obftnet.safeheader import check_no_pickle, in_order


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a file.

    Raises:
        InputError: missing, a folder, empty, truncated, of another kind (a pickle is named as such and never
            opened), or with a value that is NaN, infinite or complex.
    """
    metadata = read_metadata(path)
    with _whole(path):
        tensors = load_file(path)
    _check_finite(path, tensors)
    return tensors, metadata


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file alone. Raises InputError as `read_safetensors`, but for values."""
    check_no_pickle(path, "a safetensors file is wanted")
    with _whole(path), safetensors.safe_open(path, framework="pt") as opened:
        return opened.metadata() or {}


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a whole safetensors file ({reason})") from error


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: it cannot be written, with the reason; or a value is NaN or infinite.
    """
    _check_finite(path, tensors)
    clean = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    # Not the library's own writing to a file, which gives it permissions for its owner alone.
    with atomic(path) as temporary:
        temporary.write_bytes(in_order(save(clean, dict(metadata))))


def _check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    for key, value in tensors.items():
        # Not every form of floats of 8 bits can be asked.
        asked = value.float() if value.is_floating_point() and value.element_size() == 1 else value
        if value.is_complex() or not bool(asked.isfinite().all()):
            raise InputError(
                f"{path}: {key} has values that are NaN, infinite or complex; take other weights"
            )


def compact(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same values in half the bytes where that loses nothing: float32 tensors whose every value is a
    float16 number are stored as float16."""
    small = {}
    for key, value in tensors.items():
        half = value.half() if value.dtype == torch.float32 else value
        small[key] = half if torch.equal(half.to(value.dtype), value) else value
    return small


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values: equal for equal tensors, whatever file they came from."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        value = tensors[key].detach().cpu().contiguous()
        digest.update(json.dumps([key, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
