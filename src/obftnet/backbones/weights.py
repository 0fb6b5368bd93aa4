"""Filling a backbone: published weights of torchvision or timm, a local safetensors file, or none."""

import hashlib
import io
import logging
import os
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.extractors import Intermediates
from obftnet.backbones.records import BackboneSpec, HubFile
from obftnet.errors import InputError
from obftnet.imaging.decode import check_file
from obftnet.safefile import read_safetensors

#: The value of `weights` that leaves the backbone untrained: the control row of a table.
RANDOM = "random"


def load_backbone(name: str, weights: str | Path | None = None, *, seed: int = 0) -> Backbone:
    """A backbone with its weights in.

    Args:
        name: one of `backbones.registry.BACKBONES`.
        weights: a safetensors file in the key names of torchvision, or of timm for its networks (float16 or
            float32); None for the published weights, fetched once: torchvision's are checked against the hash
            in their name, timm's are safetensors; "random" for untrained weights drawn from `seed`.
        seed: only for "random".

    Raises:
        InputError: unknown backbone, or one of timm, which is not installed; a file that is missing,
            damaged, a pickle, or of another architecture; published weights that are neither on this machine
            nor to be fetched.
    """
    if weights == RANDOM:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Backbone(name)
    backbone = Backbone(name)
    state = _published(backbone) if weights is None else _from_file(Path(weights), backbone)
    backbone.trunk.load_state_dict(state)
    return backbone


def _published(backbone: Backbone) -> dict[str, Tensor]:
    spec = backbone.spec
    if spec.weights is None:
        raise InputError(
            f"backbone {spec.name}: there are no published weights of it; name a safetensors file of "
            f'them, or "{RANDOM}"',
            "backbone_weights",
        )
    if isinstance(spec.weights, HubFile):
        return _from_file(_from_hub(spec.name, spec.weights), backbone)
    path, url = published_file(spec), published_url(spec)
    folder, file = path.parent, path.name
    try:
        if not os.path.lexists(folder / file):
            folder.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(folder / file), _hash_in(file))
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"backbone {spec.name}: weights {file} are not in {folder} and could not be fetched "
            f"({' '.join(str(error).split())[:80]}): fetch {url} on a machine with a network and put "
            f"it there, or name a safetensors file of them",
            "backbone_weights",
        ) from error
    state: dict[str, Tensor] = torch.load(
        io.BytesIO(read_published(path)), map_location="cpu", weights_only=True
    )
    return _trunk(state, backbone)


def published_file(spec: BackboneSpec) -> Path:
    """Where torchvision's published weights of a backbone lie on this machine, or would. ValueError for one
    that has none."""
    return Path(torch.hub.get_dir()) / "checkpoints" / published_url(spec).rsplit("/", 1)[-1]


def published_url(spec: BackboneSpec) -> str:
    """Where torchvision's published weights of a backbone are fetched. ValueError for one that has none."""
    if not isinstance(spec.weights, str):
        raise ValueError(f"{spec.name}: torchvision publishes no weights of it")
    from torchvision.models import get_weight  # slow to load

    url: str = get_weight(spec.weights).url
    return url


def _from_hub(name: str, published: HubFile) -> Path:
    """The local copy of weights of timm, fetched where there is none.

    Raises:
        InputError: they are neither here nor to be fetched.
    """
    # It comes with timm, without which there is no such backbone.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    try:
        try:
            return Path(hf_hub_download(published.repository, published.file, local_files_only=True))
        except OSError:
            # It tells of every try: the one line that says what would do is ours.
            logger.setLevel(logging.CRITICAL)
            return Path(hf_hub_download(published.repository, published.file))
    except (HfHubHTTPError, OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"backbone {name}: {published.file} of {published.repository} on the Hugging Face hub is not on "
            f"this machine and could not be fetched ({' '.join(str(error).split())[:80]}): fetch it on a "
            f"machine with a network, and name that safetensors file",
            "backbone_weights",
        ) from error
    finally:
        logger.setLevel(level)


def read_published(path: Path) -> bytes:
    """The bytes of published weights that lie on this machine: of a pickle, and so given only where the hash
    in its name says that it is the one that was published; even then it is opened for tensors alone.

    Raises:
        InputError: the file is another, or cannot be read.
    """
    wanted = f"remove it to have it fetched again, or pass a local safetensors file: {path.name} is wanted"
    check_file(path, wanted)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {wanted}") from error
    digest = hashlib.sha256(data).hexdigest()
    begins = _hash_in(path.name)
    if not digest.startswith(begins):
        raise InputError(
            f"{path}: its SHA-256 begins with {digest[: len(begins)]}, not with {begins} as its name says; "
            f"{wanted}"
        )
    return data


def _hash_in(file: str) -> str:
    """The beginning of the SHA-256 that torchvision writes into a file's name, before .pth."""
    return Path(file).stem.rpartition("-")[2]


def _from_file(path: Path, backbone: Backbone) -> dict[str, Tensor]:
    state = _trunk(read_safetensors(path)[0], backbone)
    wanted = backbone.trunk.state_dict()
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    if missing:
        raise InputError(
            f"{path}: not weights of {backbone.spec.name}: {len(missing)} of its {len(wanted)} tensors are "
            f"missing, the first is {missing[0]}; the file must hold {_names(backbone)} key names"
        )
    for key, tensor in wanted.items():
        if key in state and state[key].shape != tensor.shape:
            raise InputError(
                f"{path}: not weights of {backbone.spec.name}: {key} is {tuple(state[key].shape)}, "
                f"it must be {tuple(tensor.shape)}"
            )
    counters = {key: wanted[key] for key in wanted if key not in state}
    return state | counters


def _names(backbone: Backbone) -> str:
    return "timm's" if isinstance(backbone.network, Intermediates) else "torchvision's"


def _trunk(state: dict[str, Tensor], backbone: Backbone) -> dict[str, Tensor]:
    """The tensors the tapped part needs; a classifier's are left out."""
    wanted = backbone.trunk.state_dict()
    return {key: value.to(wanted[key].dtype) for key, value in state.items() if key in wanted}
