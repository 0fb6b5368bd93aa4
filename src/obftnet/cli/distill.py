"""`obftnet distill`."""

from pathlib import Path
from typing import Annotated

import typer

from obftnet.cli.options import BackboneWeights, Data, Device, Layout, Threads
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say
from obftnet.cli.threads import use_threads

_Opt = typer.Option


def distill_command(
    data: Data,
    out: Annotated[Path, _Opt("--out", help="The run's folder; backbone.safetensors is the result.")],
    layout: Layout = "mvtec",
    student: Annotated[str, _Opt(help="Backbone to train from random weights.")] = "compact",
    teacher: Annotated[str, _Opt(help="Backbone whose similarities are taught.")] = "mobilenet_v2",
    teacher_weights: BackboneWeights = None,
    steps: Annotated[int, _Opt(min=1, max=10**8)] = 6000,
    batch: Annotated[int, _Opt(min=2, max=4096, help="Images a step, in pairs.")] = 8,
    size: Annotated[int, _Opt(min=64, max=4096, help="Side of the input, pixels.")] = 256,
    seed: Annotated[int, _Opt(min=0, max=2**32 - 1)] = 0,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Train a backbone from scratch to find the same positions alike as a teacher does."""
    with signals.loading():
        from obftnet.backbones.weights import load_backbone
        from obftnet.data.layouts import read_layout
        from obftnet.segmenter import resolve_device
        from obftnet.training.distill import distill

        use_threads(threads)

    where = resolve_device(device)
    collection = read_layout(layout, data)
    network = load_backbone(teacher, teacher_weights)
    with progress_bar("distill") as update:
        path = distill(
            student,
            network,
            collection,
            out,
            steps=steps,
            batch=batch,
            size=size,
            seed=seed,
            device=where,
            progress=lambda done, total, loss: update(done, total, f"loss {loss:.3f}"),
        )
    say(path)
