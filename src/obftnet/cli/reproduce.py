"""`obftnet reproduce`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from obftnet.cli.options import BackboneWeights, Data, Device, one_fold
from obftnet.cli.progress import progress_bar
from obftnet.data.layouts import read_layout
from obftnet.features.weights import load_backbone
from obftnet.imaging.write import output_folder
from obftnet.protocols import read_protocol
from obftnet.reproduction import BUDGETS, Setting, read_table, reproduce, table_names, write_report
from obftnet.reproduction.report import cells
from obftnet.segmenter import resolve_device

_Opt = typer.Option


def reproduce_command(
    table: Annotated[str, typer.Argument(metavar="TABLE", help=", ".join(table_names()) + ".")],
    data: Data,
    out: Annotated[Path, _Opt("--out", help="Folder of runs, results and the table; run again to go on.")],
    protocol: Annotated[str, _Opt(help="Which data and folds.")] = "mvtec_unseen",
    rows: Annotated[list[str] | None, _Opt(help="Row of the table; may be repeated; default: all.")] = None,
    fold: Annotated[
        list[str] | None, _Opt("--fold", help="Tested fold; may be repeated; default: all.")
    ] = None,
    shots: Annotated[
        list[int] | None, _Opt(min=1, help="Supports; may be repeated; default: 1 and 5.")
    ] = None,
    seeds: Annotated[int, _Opt(min=1, help="Trainings of each unit.")] = 1,
    backbone: Annotated[str, _Opt(help="vgg16, resnet50, resnet101, mobilenet_v2, compact.")] = "resnet50",
    backbone_weights: BackboneWeights = None,
    budget: Annotated[
        Literal["paper", "short"], _Opt(help="paper: section IV.B's; short: minutes a unit, on two cores.")
    ] = "short",
    device: Device = "auto",
) -> None:
    """Make a table of the paper: train, evaluate, and put the paper's value beside each number."""
    wanted = read_table(table)
    chosen = wanted.chosen(rows)
    where = resolve_device(device)
    found = read_protocol(protocol)
    collection = read_layout(found.layout, data)
    all_folds = found.folds_in(collection)
    for name in fold or []:
        one_fold(all_folds, name, "--fold")
    folds = [name for name in all_folds if not fold or name in fold]
    network = load_backbone(backbone, backbone_weights).to(where)
    setting = Setting(collection, found, network, BUDGETS[budget], output_folder(out), where)
    with progress_bar("reproduce") as update:
        results = reproduce(
            setting,
            chosen,
            shots=shots or [1, 5],
            seeds=range(seeds),
            folds=folds,
            progress=lambda label, done, total: update(done, total, label),
        )
    numbers = cells(wanted, backbone, results, folds)
    spent = BUDGETS[budget]
    note = (
        f"Protocol {protocol}, budget {budget} ({spent.size} pixels), {seeds} training seed(s), "
        f"{spent.seeds} of evaluation."
    )
    for path in write_report(out, f"{table}_{backbone}", wanted, backbone, numbers, note):
        print(path)
