"""`obftnet reproduce`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from obftnet.cli.options import Data, Threads
from obftnet.cli.progress import progress_bar
from obftnet.cli.signals import signals
from obftnet.cli.terminal import say
from obftnet.cli.threads import use_threads

_Opt = typer.Option


def reproduce_command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="table1: images a class; table2: compared methods; table3: transfer to NEU-Seg; table4: "
            "what the parts add; table5: Sinkhorn sweeps; figure7: gain over HSNet in each class; figure8: "
            "segmentation beside HSNet's; figure9: the same on NEU-Seg; figure10: where the transport goes.",
        ),
    ],
    data: Data,
    out: Annotated[
        Path, _Opt("--out", help="Folder of runs, results and what is written; run again to go on.")
    ],
    protocol: Annotated[str | None, _Opt(help="Which data and folds; default: mvtec_unseen.")] = None,
    transfer_data: Annotated[
        Path | None, _Opt(help="table3, figure9: folder of NEU-Seg, which is tested and not trained on.")
    ] = None,
    rows: Annotated[
        list[str] | None,
        _Opt(
            help="Row of the table; may be repeated; default: all, in table3 those the paper prints, in a "
            "figure hsnet and obftnet."
        ),
    ] = None,
    fold: Annotated[
        list[str] | None, _Opt("--fold", help="Fold left out of training; may be repeated; default: all.")
    ] = None,
    shots: Annotated[
        list[int] | None, _Opt(min=1, max=100, help="Supports; may be repeated; default: 1 and 5.")
    ] = None,
    seeds: Annotated[int | None, _Opt(min=1, max=1000, help="Trainings of each unit; default: 1.")] = None,
    count: Annotated[int | None, _Opt(min=1, max=100, help="Queries a fold in a figure; default: 2.")] = None,
    draw_seed: Annotated[
        int | None, _Opt(min=0, max=2**32 - 1, help="Which queries a figure shows; default: 0.")
    ] = None,
    backbone: Annotated[
        list[str] | None,
        _Opt(
            "--backbone",
            help="vgg16, resnet50 (default), resnet101, mobilenet_v2, compact, or one of timm; may be "
            "repeated.",
        ),
    ] = None,
    backbone_weights: Annotated[
        list[str] | None,
        _Opt(
            "--backbone-weights",
            help="safetensors file with torchvision's key names, one for each --backbone in their order; "
            "default: torchvision's published weights; random: untrained, the control.",
        ),
    ] = None,
    budget: Annotated[
        Literal["paper", "standard", "medium", "short"] | None,
        _Opt(
            help="paper: section IV.B's; standard: 8,000 episodes at 128 pixels; medium: 2,400; short "
            "(default): 800 at 96."
        ),
    ] = None,
    device: Annotated[str | None, _Opt(help="auto (default), cpu, cuda, cuda:N.")] = None,
    threads: Threads = None,
) -> None:
    """Make a table or a figure of the paper: train, evaluate, put the paper's value beside ours."""
    with signals.loading():
        from obftnet.reproduction import Request, make_target

        use_threads(threads)

    request = Request(
        data=data,
        out=out,
        protocol=protocol,
        transfer_data=transfer_data,
        rows=rows or None,
        folds=fold or None,
        shots=shots or None,
        seeds=seeds,
        count=count,
        draw_seed=draw_seed,
        backbones=backbone or None,
        backbone_weights=backbone_weights or None,
        budget=budget,
        device=device,
    )
    with progress_bar("reproduce") as update:
        paths = make_target(target, request, lambda label, done, total: update(done, total, label))
    for path in paths:
        say(path)
