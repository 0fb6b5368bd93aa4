"""The training loop: one for CPU, one GPU, and several by torchrun.

torchrun --nproc-per-node 4 -m obftnet train --data DIR ...
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from obftnet.config import ModelConfig
from obftnet.data.collection import Collection
from obftnet.errors import InputError
from obftnet.features.backbone import Backbone
from obftnet.imaging.resize import mask_fraction
from obftnet.loading.features import EpisodeReader
from obftnet.loading.relations import Relations
from obftnet.loading.store import FeatureStore
from obftnet.model import OBFTNet
from obftnet.relation.relate import Relation
from obftnet.safefile import tensors_hash
from obftnet.training.augment import flip
from obftnet.training.checkpoint import load_state, save_state
from obftnet.training.config import TrainConfig
from obftnet.training.images import load_episode, relations_of
from obftnet.training.log import RunLog
from obftnet.training.loss import segmentation_loss
from obftnet.training.run_file import check_run
from obftnet.training.steps import episode_of, learning_rate, side_of
from obftnet.weights import save_model

#: Steps between two saved states. A killed run repeats at most this many.
SAVE_EVERY = 50
#: Largest gradient norm in end-to-end training: a maximum over similarities passes rare large ones.
_CLIP = 2.0

Progress = Callable[[int, int, float], None]
Validate = Callable[[OBFTNet], float]


def train(
    model_config: ModelConfig,
    config: TrainConfig,
    backbone: Backbone,
    collection: Collection,
    folds: Mapping[str, Sequence[str]],
    out: Path,
    *,
    device: torch.device,
    cache: Path | None = None,
    validate: Validate | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a model's reader on episodes of `folds` and write OUT/model.safetensors.

    Interrupted or killed at any moment, the same call goes on from the last saved state and ends with the
    same weights, bit for bit on the same machine.

    Args:
        model_config: the network; `backbone` is its backbone with weights in.
        config: the run.
        backbone: frozen.
        collection: where the episodes come from.
        folds: materials to train on, by fold.
        out: the run's folder.
        device: where to compute.
        cache: folder in which relations are kept between steps and between runs.
        validate: score of the model where `config.select` asks for one; larger is better.
        progress: told (steps done, steps in all, loss) after every step.

    Returns:
        The model file.

    Raises:
        InputError: `out` holds a run with other settings, or an image or mask cannot be used.
    """
    rank, world = _join_processes(device)
    if config.batch % world:
        raise InputError(
            f"--batch {config.batch} cannot be shared equally by {world} processes; "
            f"take a multiple of {world}"
        )
    if config.precision == "bfloat16" and model_config.reader == "encoder4d" and device.type == "cpu":
        # PyTorch's 3D convolution in bfloat16 on a CPU ends the process (double free, torch 2.15).
        raise InputError("--precision bfloat16: not with --reader encoder4d on a CPU; take float32, or a GPU")
    if config.backbone_lr > 0:
        _check_end_to_end(model_config, cache, world)
    backbone_hash = tensors_hash(backbone.state_dict())
    asked = {
        "model": model_config.model_dump(),
        "training": config.model_dump(),
        "backbone_sha256": backbone_hash,
        "folds": {fold: sorted(materials) for fold, materials in folds.items()},
    }
    check_run(out, asked, write=rank == 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = OBFTNet(model_config, backbone).to(device)
    reader = _distributed(model.reader, device, world)
    end_to_end = config.backbone_lr > 0
    learned = model if end_to_end else model.reader
    groups: list[dict[str, object]] = [{"params": list(model.reader.parameters())}]
    peaks = [config.lr]
    if end_to_end:
        model.backbone.requires_grad_(True)
        groups.append({"params": list(model.backbone.parameters())})
        peaks.append(config.backbone_lr)
    # foreach=False: the plain loop is the same on every device, and bit-exact on resuming.
    maker = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    optimizer = maker(groups, lr=config.lr, foreach=False)
    found = load_state(out, learned, optimizer) or {"step": 0, "best": None}
    step, best = int(found["step"]), found["best"]
    episodes = EpisodeReader(model, FeatureStore())
    relations = Relations(model, episodes, backbone_hash, cache)
    log = RunLog(out, step) if rank == 0 else None
    slots = range(rank, config.batch, world)
    started = time.monotonic()
    size = (model.size, model.size)

    while step < config.steps:
        model.train()
        rate = learning_rate(config, step)
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = learning_rate(config, step, peak)
        drawn = [episode_of(collection, folds, config, step, slot) for slot in slots]
        randoms = [np.random.default_rng([config.seed, step, slot, 2]) for slot in slots]
        batch_relations, targets = [], []
        if end_to_end:
            side = side_of(config, model.size, step)
            seen = [load_episode(e, side, rng) for e, rng in zip(drawn, randoms, strict=True)]
            batch_relations = relations_of(model, seen, getattr(torch, config.precision))
            targets = [one.target.unsqueeze(0).to(device) for one in seen]
        for episode, rng in zip(drawn, randoms, strict=True) if not end_to_end else ():
            relation = relations.get(episode)
            target = mask_fraction(episode.query.load_mask(), size).round().unsqueeze(0).to(device)
            if config.augment == "flip":
                relation, target = flip(relation, target, rng)
            batch_relations.append(relation)
            targets.append(target)
        with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            logit = _read(reader, batch_relations, (targets[0].shape[-2], targets[0].shape[-1]))
        loss = segmentation_loss(logit.float(), torch.cat(targets), config.loss)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if end_to_end:
            nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        step += 1

        validation: dict[str, float] = {}
        due = step % config.validate_every == 0 or step == config.steps
        if validate is not None and due:
            value = validate(model.eval())
            validation = {"validation_miou": value}
            if rank == 0 and (best is None or value > best):
                best = value
                save_model(out / "best.safetensors", model, _notes(config, folds, step, best))
        if log is not None:
            log.add(step, loss=loss.item(), lr=rate, seconds=time.monotonic() - started, **validation)
            if step % SAVE_EVERY == 0 or step == config.steps or (validate is not None and due):
                save_state(out, step, learned, optimizer, {"best": best})
        if progress is not None:
            progress(step, config.steps, loss.item())

    path = out / "model.safetensors"
    if rank == 0:
        assert log is not None
        log.close()
        if validate is None:
            save_model(path, model.eval(), _notes(config, folds, step, None))
        elif (out / "best.safetensors").exists():  # not so where a finished run is called again
            (out / "best.safetensors").replace(path)
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()
    return path


def _check_end_to_end(model_config: ModelConfig, cache: Path | None, world: int) -> None:
    if model_config.reader != "cues":
        raise InputError("--backbone-lr: trains the backbone through the cues; take --reader cues, or 0")
    if cache is not None:
        raise InputError("--cache keeps what a frozen backbone computed; leave it out, or --backbone-lr")
    if world > 1:
        raise InputError(f"--backbone-lr: one process trains the backbone, {world} were started; start one")


def _read(reader: nn.Module, relations: Sequence[Relation], size: tuple[int, int]) -> Tensor:
    """Logits (b, H, W) of a batch's relations; those of equally many shots are read together, because a kind
    with few groups gives fewer than were asked for."""
    shots = [relation[0].shape[0] for relation in relations]
    logits: dict[int, Tensor] = {}
    for count in sorted(set(shots)):
        members = [index for index, own in enumerate(shots) if own == count]
        joined = tuple(torch.cat(level) for level in zip(*(relations[i] for i in members), strict=True))
        logits |= zip(members, reader(joined, size, count), strict=True)
    return torch.stack([logits[index] for index in range(len(relations))])


def _notes(
    config: TrainConfig, folds: Mapping[str, Sequence[str]], step: int, best: float | None
) -> dict[str, object]:
    """What a model file says of its training."""
    judged_on = {"last": "last step", "held_out": "held-out training classes", "test_leak": "TESTED classes"}
    return {
        "trained_on": {fold: sorted(materials) for fold, materials in folds.items()},
        "training": config.model_dump(),
        "step": step,
        "selected_by": judged_on[config.select],
        "validation_miou": best,
    }


def _join_processes(device: torch.device) -> tuple[int, int]:
    """Rank and number of processes; 0 and 1 outside torchrun."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return 0, 1
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return dist.get_rank(), world


def _distributed(reader: nn.Module, device: torch.device, world: int) -> nn.Module:
    """Gradients averaged over processes; every process holds the same reader."""
    if world == 1:
        return reader
    ids = [device.index] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(reader, device_ids=ids)
