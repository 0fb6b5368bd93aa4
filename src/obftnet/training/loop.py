"""The training loop: one for CPU, one GPU, and several by torchrun.

torchrun --nproc-per-node 4 -m obftnet train --data DIR ...
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from obftnet.backbones.backbone import Backbone
from obftnet.contract import LossTerm, TrainingInput
from obftnet.data.collection import Collection
from obftnet.errors import InputError
from obftnet.files import alone_in
from obftnet.methods.learned import Learned
from obftnet.methods.registry import MethodConfig, build
from obftnet.model import OBFTNet
from obftnet.safefile import tensors_hash
from obftnet.tensors import by_itself
from obftnet.training.batches import frozen_batches, taught_batches
from obftnet.training.checkpoint import FILE, load_state, save_state
from obftnet.training.config import TrainConfig
from obftnet.training.log import RunLog
from obftnet.training.loss import check_loss, image_loss, segmentation_loss
from obftnet.training.processes import processes
from obftnet.training.run_file import check_run
from obftnet.training.selection import Judge
from obftnet.training.steps import episodes_of, learning_rate, sides_of
from obftnet.training.streams import stream
from obftnet.weights import save_model

#: Steps between two saved states. A killed run repeats at most this many.
SAVE_EVERY = 50
#: Largest gradient norm in end-to-end training: a maximum over similarities passes rare large ones.
_CLIP = 2.0

Progress = Callable[[int, int, float], None]
Validate = Callable[[Any], float]


@alone_in("out", together=True)
@by_itself
def train(
    model_config: MethodConfig,
    config: TrainConfig,
    backbone: Backbone,
    collection: Collection,
    folds: Mapping[str, Sequence[str]],
    out: Path,
    *,
    device: torch.device,
    start: OBFTNet | Learned | None = None,
    cache: Path | None = None,
    validate: Validate | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train what learns of a method on episodes of `folds` and write OUT/model.safetensors.

    Interrupted or killed at any moment, the same call goes on from the last saved state and ends with the
    same weights, bit for bit on the same machine.

    Args:
        model_config: the method; `backbone` is its backbone with weights in.
        config: the run.
        backbone: frozen.
        collection: where the episodes come from.
        folds: materials to train on, by fold.
        out: the run's folder.
        device: where to compute.
        start: the same method, trained before: training goes on from its weights instead of random ones.
        cache: folder in which an OBFTNet's relations are kept between steps and between runs.
        validate: score of the model where `config.select` asks for one; larger is better.
        progress: told (steps done, steps in all, loss) after every step.

    Returns:
        The model file.

    Raises:
        InputError: `out` holds a run with other settings or on other data, or is another process's; an image
            or mask, or the size with the backbone, cannot be used, or changes meanwhile; the loss or the
            weights are no numbers any more.
    """
    rank, world = _join_processes(device)
    if config.batch % world:
        raise InputError(
            f"a batch of {config.batch} cannot be shared equally by {world} processes; "
            f"take a multiple of {world}",
            "batch",
        )
    if getattr(model_config, "presence", False):
        raise InputError("presence is fitted to what was trained, never trained; leave it out")
    half = config.precision == "bfloat16"
    if half and device.type == "cpu" and not model_config.half_precision_on_cpu:
        raise InputError(
            "precision bfloat16: not with the reader encoder4d on a CPU; take float32, or a GPU", "precision"
        )
    if config.backbone_lr > 0:
        _check_end_to_end(model_config, cache, world)
    elif config.queries > 1:
        raise InputError(
            f"{config.queries} queries a guidance: only where the backbone learns; take 1, or give the "
            "backbone a learning rate",
            *("queries", "backbone_lr"),
        )
    for side in sides_of(config, model_config.size) if config.backbone_lr > 0 else (model_config.size,):
        backbone.spec.check_size(side, side)
    backbone_hash = tensors_hash(backbone.state_dict())
    trained_on = {material for materials in folds.values() for material in materials}
    asked: dict[str, object] = {
        "model": model_config.model_dump(),
        "training": config.model_dump(),
        "backbone_sha256": backbone_hash,
        "folds": {fold: sorted(materials) for fold, materials in folds.items()},
        "data_sha256": collection.content(s for s in collection.samples if s.material in trained_on),
    }
    if isinstance(validate, Judge):
        asked["validation_sha256"] = validate.content()
    if start is not None:
        asked["start_sha256"] = tensors_hash(start.state_dict())
    if cache is not None:
        asked["cached"] = True
    path = out / "model.safetensors"
    # Before anything is written: a method may not go with its backbone.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = build(model_config, backbone).to(device)
    run = check_run(out, asked, (path.name, FILE, "log.csv"), write=rank == 0)
    if start is not None:
        model.load_state_dict(start.state_dict())
    terms_of = _distributed(_LossTerms(model), device, world)
    learned = {model.trainable: config.lr}
    if config.backbone_lr > 0:
        model.backbone.requires_grad_(True)
        learned[model.backbone] = config.backbone_lr
    optimizer = _optimizer(config, list(learned))
    kept: nn.Module = model.trainable if len(learned) == 1 else nn.ModuleList(learned)
    found = load_state(out, run, kept, optimizer, config.steps)
    step = 0 if found is None else found.step
    average = _average(kept, config.average) if config.average else None
    if found is not None and average is not None:
        average.load_state_dict(found.average)
    best = None if found is None or not found.best else _Best(**found.notes, weights=found.best)
    look = (
        taught_batches(model, config, device)
        if isinstance(model, OBFTNet) and config.backbone_lr > 0
        else frozen_batches(model, config, backbone_hash, collection.hashes, cache, device)
    )
    log = RunLog(out, step) if rank == 0 else None
    slots = range(rank, config.batch, world)
    started = time.monotonic()

    while step < config.steps:
        model.train()
        rate = learning_rate(config, step)
        for group, peak in zip(optimizer.param_groups, learned.values(), strict=True):
            group["lr"] = learning_rate(config, step, peak)
        drawn = [episodes_of(collection, folds, config, step, slot) for slot in slots]
        randoms = [stream("augmentation", config.seed, step, slot) for slot in slots]
        inputs, target = look(drawn, randoms, step)
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16")
        with _drawn_by(config.seed, step, rank, device), autocast:
            terms = terms_of(inputs, target)
        losses = [weight * segmentation_loss(x.float(), truth, config.loss) for x, truth, weight in terms]
        if config.image_loss:
            losses += [config.image_loss * w * image_loss(x.float(), truth) for x, truth, w in terms]
        loss = torch.stack(losses).sum()
        check_loss(out, loss, step + 1, rate)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if len(learned) > 1:
            nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        if average is not None:
            average.update_parameters(kept)
        step += 1

        validation: dict[str, float] = {}
        due = step % config.validate_every == 0 or step == config.steps
        if validate is not None and due:
            with _averaged(kept, average):
                value = validate(model.eval())
                validation = {"validation_miou": value}
                if rank == 0 and (best is None or value > best.value):
                    weights = {key: x.detach().clone() for key, x in kept.state_dict().items()}
                    best = _Best(value, step, weights)
        if log is not None:
            log.add(step, loss=loss.item(), lr=rate, seconds=time.monotonic() - started, **validation)
            if config.keep_every and step % config.keep_every == 0:
                with _averaged(kept, average):
                    save_model(out / f"step_{step:06d}.safetensors", model, _notes(config, folds, step, None))
            if step % SAVE_EVERY == 0 or step == config.steps or (validate is not None and due):
                collection.hashes.check()
                notes = {} if best is None else {"value": best.value, "step": best.step}
                kept_best = None if best is None else best.weights
                averages = None if average is None else average.state_dict()
                save_state(out, run, step, kept, optimizer, notes, kept_best, averages)
        if progress is not None:
            progress(step, config.steps, loss.item())

    if log is not None:
        log.close()
        if best is not None:
            kept.load_state_dict(best.weights)
        # Of a finished run too: its state says all that is in the model's file, which may be gone.
        with _averaged(kept, average if best is None else None):
            save_model(path, model.eval(), _notes(config, folds, step, best))
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()
    return path


class _Best(NamedTuple):
    """The weights that were judged best so far: their score, their step, and what learned of them."""

    value: float
    step: int
    weights: dict[str, Tensor]


class _LossTerms(nn.Module):
    """A method's loss terms as a forward pass, which is what several processes share gradients of."""

    def __init__(self, method: Any) -> None:
        super().__init__()
        self.method = method

    def forward(self, inputs: Sequence[TrainingInput], target: Tensor) -> list[LossTerm]:
        return self.method.loss_terms(inputs, target)  # type: ignore[no-any-return]


def _check_end_to_end(model_config: MethodConfig, cache: Path | None, world: int) -> None:
    if not model_config.end_to_end:
        raise InputError(
            "a learning rate of the backbone: it is trained through the cues; take obftnet with the reader "
            "cues, or a rate of 0",
            *("backbone_lr", "method", "reader"),
        )
    if cache is not None:
        raise InputError(
            "a cache keeps what a frozen backbone computed, and this one is trained; leave out the cache, or "
            "the backbone's learning rate",
            *("cache", "backbone_lr"),
        )
    if world > 1:
        raise InputError(
            f"a learning rate of the backbone: one process trains it, {world} were started; start one",
            "backbone_lr",
        )


def _optimizer(config: TrainConfig, learned: Sequence[nn.Module]) -> torch.optim.Optimizer:
    """One group of parameters a module."""
    groups = [{"params": list(module.parameters())} for module in learned]
    # foreach=False: the plain loop is the same on every device, and bit-exact on resuming.
    rest: dict[str, Any] = {"lr": config.lr, "foreach": False}
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, **rest)
    rest["weight_decay"] = config.weight_decay
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, **rest)
    return torch.optim.SGD(groups, momentum=config.momentum, **rest)


def _average(kept: nn.Module, decay: float) -> AveragedModel:
    """A running average of weights and batch statistics, over few steps at first."""

    def mean(average: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
        share = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        return torch.lerp(average, now, share) if now.is_floating_point() else now

    return AveragedModel(kept, avg_fn=mean, use_buffers=True)


@contextmanager
def _averaged(kept: nn.Module, average: AveragedModel | None) -> Iterator[None]:
    """The average's values in the place of the weights for a while."""
    if average is None:
        yield
        return
    before = {key: value.clone() for key, value in kept.state_dict().items()}
    kept.load_state_dict(average.module.state_dict())
    try:
        yield
    finally:
        kept.load_state_dict(before)


@contextmanager
def _drawn_by(seed: int, step: int, rank: int, device: torch.device) -> Iterator[None]:
    """Dropout as a pure function of (seed, step, process), so that no random state need be kept."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(stream("dropout", seed, step, rank).integers(2**31)))
        yield


def _notes(
    config: TrainConfig, folds: Mapping[str, Sequence[str]], step: int, best: _Best | None
) -> dict[str, object]:
    """What a model file says of its training."""
    judged_on = {"last": "last step", "held_out": "held-out training classes", "test_leak": "TESTED classes"}
    return {
        "trained_on": {fold: sorted(materials) for fold, materials in folds.items()},
        "training": config.model_dump(),
        "step": step if best is None else best.step,
        "selected_by": judged_on[config.select],
        "validation_miou": None if best is None else best.value,
    }


def _join_processes(device: torch.device) -> tuple[int, int]:
    """Rank and number of processes; 0 and 1 outside torchrun. Raises InputError where they do not meet."""
    started = processes()
    if started.world == 1:
        return 0, 1
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"the {started.world} processes do not meet ({reason}); start with torchrun"
        ) from error
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return started.rank, started.world


def _distributed(module: nn.Module, device: torch.device, world: int) -> nn.Module:
    """Gradients averaged over processes; every process holds the same weights."""
    if world == 1:
        return module
    ids = [device.index] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(module, device_ids=ids)
