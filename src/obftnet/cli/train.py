"""`obftnet train`."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from obftnet.cli.options import AnyLayout, BackboneWeights, Data, Device, FoldsFile, ProtocolName, Threads
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say
from obftnet.cli.threads import use_threads
from obftnet.errors import InputError

_Opt = typer.Option


def train_command(
    data: Data,
    out: Annotated[Path, _Opt("--out", help="The run's folder; the same command goes on where it stopped.")],
    protocol: ProtocolName = None,
    layout: AnyLayout = None,
    test_fold: Annotated[str | None, _Opt("--test-fold", help="Fold left out of training.")] = None,
    folds: FoldsFile = None,
    start: Annotated[
        str | None,
        _Opt(
            help="Go on from a model file, a run's folder or shipped weights; all but size, cues and "
            "self-support are its."
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        _Opt(
            help="vgg16, resnet50, resnet101, mobilenet_v2, the default, compact or compact_fine; "
            "with timm convnext_tiny, dinov2_small, dinov3_small."
        ),
    ] = None,
    backbone_weights: BackboneWeights = None,
    size: Annotated[
        int | None, _Opt(help="Side of the network's input, pixels; 256, or that of --start.")
    ] = None,
    method: Annotated[
        str | None,
        _Opt(help="obftnet (default), hsnet, sg_one, panet, canet, pmms, rpmms, pfenet, asgnet, vat."),
    ] = None,
    reader: Annotated[
        Literal["encoder4d", "cues"] | None,
        _Opt(help="Of obftnet; encoder4d is the paper's, cues the default."),
    ] = None,
    query_skip: Annotated[
        bool | None, _Opt(help="Read the query's own early features along (cues, compact).")
    ] = None,
    cues: Annotated[
        str | None, _Opt(help="Which cues the reader gets; abnsolp, or, with --start, its own or more.")
    ] = None,
    self_support: Annotated[
        bool | None, _Opt(help="Look again, with the query's own confident positions as guidance (cues).")
    ] = None,
    change: Annotated[
        bool | None, _Opt(help="Read the query's residuals from aligned good features, too (cues).")
    ] = None,
    transport: Annotated[Literal["none", "foreground", "bilateral"] | None, _Opt(help="Ablation.")] = None,
    background: Annotated[bool | None, _Opt(help="Background branch (encoder4d).")] = None,
    cosine_channels: Annotated[
        bool | None, _Opt(help="Plain cosines beside the transport plans (encoder4d); off.")
    ] = None,
    cosine_temperature: Annotated[
        float | None, _Opt(help="T > 0: exp((cosine - 1) / T) in place of cosines (encoder4d); 0.")
    ] = None,
    fusion: Annotated[Literal["top_down", "bidirectional"] | None, _Opt(help="Ablation (encoder4d).")] = None,
    width: Annotated[int | None, _Opt(help="Channels of a squeezed level (encoder4d); 128.")] = None,
    epsilon: Annotated[float | None, _Opt(help="Regularisation of the transport; 0.05.")] = None,
    iterations: Annotated[int | None, _Opt(help="Sinkhorn sweeps, the paper's t_max; 20.")] = None,
    transport_scale: Annotated[
        Literal["none", "positions", "log"] | None, _Opt(help="none: the literal plan.")
    ] = None,
    relu: Annotated[Literal["before", "after"] | None, _Opt(help="after: the literal no-op.")] = None,
    zeroed_columns: Annotated[Literal["keep", "drop"] | None, _Opt(help="Of the masked support.")] = None,
    mask_resize: Annotated[Literal["any", "bilinear"] | None, _Opt(help="bilinear: HSNet's.")] = None,
    shots_rule: Annotated[Literal["vote", "joint"] | None, _Opt(help="How K shots are used.")] = None,
    preset: Annotated[
        Literal["fast", "short", "paper"], _Opt("--recipe", help="Loss, optimiser, schedule.")
    ] = "fast",
    steps: Annotated[int, _Opt(help="Steps in all.")] = 1000,
    batch: Annotated[int | None, _Opt(help="Episodes a step; 8.")] = None,
    seed: Annotated[int, _Opt(help="Of weights, episodes and augmentation.")] = 0,
    shots: Annotated[int | None, _Opt(help="Supports an episode; 1.")] = None,
    backgrounds: Annotated[int | None, _Opt(help="Backgrounds an episode; 1.")] = None,
    varied_shots: Annotated[
        bool | None, _Opt(help="1 to --shots supports and 1 to --backgrounds backgrounds an episode.")
    ] = None,
    background_source: Annotated[Literal["good", "window", "complement"] | None, _Opt(help="good.")] = None,
    good_fraction: Annotated[float | None, _Opt(help="Share of good queries, 0..1; 0.")] = None,
    episodes: Annotated[
        int | None, _Opt(help="Distinct episodes a fold; 0, the default: always new ones.")
    ] = None,
    loss: Annotated[
        Literal["ce", "weighted_ce", "ce_dice", "ce10_dice"] | None, _Opt(help="ce: the paper's.")
    ] = None,
    augment: Annotated[Literal["none", "flip"] | None, _Opt()] = None,
    lr: Annotated[float | None, _Opt(help="Learning rate.")] = None,
    backbone_lr: Annotated[
        float | None, _Opt(help="Above 0 the backbone is trained along, at this rate (cues); 0: frozen.")
    ] = None,
    smallest: Annotated[
        int | None, _Opt(help="With --backbone-lr: smallest side of a step's images; 0: always --size.")
    ] = None,
    queries: Annotated[
        int | None,
        _Opt(help="With --backbone-lr: episodes that share one guidance, of --batch guidances; 1."),
    ] = None,
    average: Annotated[
        float | None, _Opt(help="Decay a step of the average of the weights that is kept; 0: the last ones.")
    ] = None,
    keep_every: Annotated[
        int | None, _Opt(help="Steps between two model files that stay, OUT/step_N.safetensors; 0: none.")
    ] = None,
    image_loss: Annotated[
        float | None, _Opt(help="Weight of the loss of a query holding any defect at all; 0.")
    ] = None,
    precision: Annotated[Literal["float32", "bfloat16"] | None, _Opt(help="Of the reader.")] = None,
    select: Annotated[
        Literal["last", "held_out", "test_leak"] | None,
        _Opt(help="Which step's weights; last is the default."),
    ] = None,
    validate_every: Annotated[int | None, _Opt(help="Steps between two validations.")] = None,
    cache: Annotated[
        Path | None, _Opt(help="Folder that keeps what frozen parts computed, between runs.")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Train a model on the materials of a data set, one fold left out."""
    with signals.loading():
        from obftnet.backbones.weights import load_backbone
        from obftnet.cli.settings import data_set, settings
        from obftnet.cli.train_settings import given, new_config, several_gpus, started_from
        from obftnet.data.folds import one_fold
        from obftnet.segmenter import resolve_device
        from obftnet.training.config import TrainConfig, recipe
        from obftnet.training.loop import train
        from obftnet.training.selection import selection

        use_threads(threads)

    own = {
        "reader": reader,
        "cues": cues,
        "query_skip": query_skip,
        "self_support": self_support,
        "change": change,
        "transport": transport,
        "background": background,
        "cosine_channels": cosine_channels,
        "cosine_temperature": cosine_temperature,
        "fusion": fusion,
        "width": width,
        "epsilon": epsilon,
        "iterations": iterations,
        "transport_scale": transport_scale,
        "relu": relu,
        "zeroed_columns": zeroed_columns,
        "mask_resize": mask_resize,
        "shots_rule": shots_rule,
    }
    shared = {"method": method, "backbone": backbone, "backbone_weights": backbone_weights}
    if start is None:
        common = {"backbone": backbone or "mobilenet_v2", "size": 256 if size is None else size}
        started, model_config = None, new_config(method or "obftnet", common, own)
    else:
        anew = {"cues": cues, "self_support": self_support, "change": change}
        started, model_config = started_from(start, shared | own | dict.fromkeys(anew), size, anew)
    found = data_set(data, protocol, layout, folds, background_source)
    asked = {
        "steps": steps,
        "batch": batch,
        "seed": seed,
        "shots": shots,
        "backgrounds": backgrounds,
        "varied_shots": varied_shots,
        "background_source": found.background_source,
        "good_fraction": good_fraction,
        "episodes": episodes,
        "loss": loss,
        "augment": augment,
        "lr": lr,
        "backbone_lr": backbone_lr,
        "smallest": smallest,
        "queries": queries,
        "average": average,
        "keep_every": keep_every,
        "image_loss": image_loss,
        "precision": precision,
        "select": select,
        "validate_every": validate_every,
    }
    config = settings(TrainConfig, recipe(preset, model_config) | given(asked))
    where = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}" if several_gpus(device) else device)
    tested = () if test_fold is None else one_fold(found.folds, test_fold, "test_fold")
    training = {name: materials for name, materials in found.folds.items() if name != test_fold}
    if not training:
        raise InputError(
            f"{data}: nothing is left to train on without fold {test_fold!r}; at least two folds are wanted"
        )
    chosen, validate = selection(config, found.collection, training, tested)
    network = (
        load_backbone(model_config.backbone, backbone_weights, seed=seed)
        if started is None
        else started.backbone
    )
    with progress_bar("train") as update:
        path = train(
            model_config,
            config,
            network,
            chosen,
            training,
            out,
            device=where,
            start=started,
            cache=cache,
            validate=validate,
            progress=lambda done, total, value: update(done, total, f"loss {value:.3f}"),
        )
    # Under torchrun one process speaks for all.
    if os.environ.get("RANK", "0") == "0":
        say(path)
