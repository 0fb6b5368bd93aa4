"""What `obftnet reproduce` can make, by name: the options each has a use for, and what is written."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from obftnet.data.folds import one_fold
from obftnet.errors import InputError
from obftnet.features.weights import load_backbone
from obftnet.imaging.write import output_folder
from obftnet.protocols import read_data
from obftnet.reproduction import gains
from obftnet.reproduction.correspondences import draw_correspondences
from obftnet.reproduction.counts import write_counts
from obftnet.reproduction.report import cells, write_report
from obftnet.reproduction.run import Progress, reproduce
from obftnet.reproduction.segmentations import draw_segmentations, segmentations
from obftnet.reproduction.setting import BUDGETS, Setting
from obftnet.reproduction.tables import read_table
from obftnet.segmenter import resolve_device

#: The data that Table III and figure 9 test on.
_TRANSFER = "neu_seg_transfer"


@dataclass(frozen=True)
class Request:
    """What a person asked for. None: nothing was said, and the default in parentheses holds.

    data: folder that is trained on. out: folder of runs, results and what is written.
    protocol: of `data` (mvtec_unseen). transfer_data: folder of NEU-Seg.
    rows: of the table (its usual ones; hsnet and obftnet in a figure). folds: left out of training (all).
    shots: supports an episode (1 and 5). seeds: trainings of each unit (1).
    count: queries a fold in a figure (2). draw_seed: of those queries (0).
    backbone (resnet50) and backbone_weights: as `load_backbone`. budget: of `BUDGETS` (short).
    device: as `resolve_device` (auto).
    """

    data: Path
    out: Path
    protocol: str | None = None
    transfer_data: Path | None = None
    rows: list[str] | None = None
    folds: list[str] | None = None
    shots: list[int] | None = None
    seeds: int | None = None
    count: int | None = None
    draw_seed: int | None = None
    backbone: str | None = None
    backbone_weights: str | None = None
    budget: str | None = None
    device: str | None = None

    @property
    def source(self) -> str:
        """Name of the protocol."""
        return self.protocol or "mvtec_unseen"

    @property
    def network(self) -> str:
        """Name of the backbone."""
        return self.backbone or "resnet50"


@dataclass(frozen=True)
class Target:
    """A table or a figure.

    about: a phrase. uses: fields of `Request` beside data and out.
    make: (name, request, progress) to the files that were written.
    """

    about: str
    uses: frozenset[str]
    make: Callable[[str, Request, Progress], list[Path]]


def make_target(name: str, request: Request, progress: Progress) -> list[Path]:
    """Make a table or a figure: train what is not trained yet, evaluate, and write it.

    Killed at any moment, the same call goes on; a finished run and a finished unit are taken as they are,
    whichever target they were made for.

    Args:
        name: of `TARGETS`.
        request: what is asked for.
        progress: told (what is at work, done, in all).

    Returns:
        The files, each written whole or not at all.

    Raises:
        InputError: no such target, an option that it has no use for or lacks, or what reading, training and
            evaluation refuse.
    """
    if name not in TARGETS:
        raise InputError(f"unknown table or figure {name!r}; there are: {', '.join(TARGETS)}")
    target = TARGETS[name]
    for field in fields(request):
        given = getattr(request, field.name) is not None
        if given and field.name not in target.uses | {"data", "out"}:
            raise InputError(f"{_option(field.name)}: {name} has no use for it; leave it out")
    if "transfer_data" in target.uses and request.transfer_data is None:
        raise InputError(
            f"--transfer-data: {name} trains on --data and tests on NEU-Seg; give the folder of NEU-Seg"
        )
    return target.make(name, request, progress)


def _counts(name: str, request: Request, progress: Progress) -> list[Path]:
    data = read_data(request.source, request.data)
    return write_counts(output_folder(request.out), data)


def _table(name: str, request: Request, progress: Progress) -> list[Path]:
    table = read_table(name)
    rows = table.chosen(request.rows)
    setting, folds = _setting(request)
    seeds = request.seeds or 1
    results = reproduce(
        setting,
        rows,
        shots=request.shots or (1, 5),
        seeds=range(seeds),
        folds=folds,
        # A row that an earlier command made stays in the table.
        also={name: row for name, row in table.rows.items() if name not in rows},
        progress=progress,
    )
    numbers = cells(table, request.network, results, folds)
    note = f"{_said(request, setting)}, {seeds} training seed(s), {setting.budget.seeds} of evaluation."
    if setting.transfer is not None:
        note += (
            f" Tested on {setting.transfer.name}: the column of a fold is the model trained without that "
            "fold; that of a class is the mean over those models."
        )
    return write_report(request.out, f"{name}_{request.network}", table, request.network, numbers, note)


def _gains(name: str, request: Request, progress: Progress) -> list[Path]:
    rows = read_table("table2").chosen(gains.ROWS)
    setting, folds = _setting(request)
    seeds = range(request.seeds or 1)
    results = reproduce(setting, rows, shots=(1,), seeds=seeds, folds=folds, progress=progress)
    title = f"Figure 7: gain in each class, 1-shot\n{_said(request, setting)}"
    return gains.write_gains(request.out, f"{name}_{request.network}", gains.gains(results), title)


def _segmentations(name: str, request: Request, progress: Progress) -> list[Path]:
    rows = read_table("table2").chosen(request.rows or ("hsnet", "obftnet"))
    setting, folds = _setting(request)
    seed = request.draw_seed or 0
    found = segmentations(setting, rows, folds, count=request.count or 2, draw_seed=seed, progress=progress)
    path = request.out / f"{name}_{request.network}.png"
    where = "" if setting.transfer is None else f" on {setting.transfer.name}"
    title = f"Figure {name.removeprefix('figure')}: segmentation{where}, 1-shot, queries of draw {seed}"
    draw_segmentations(path, found, f"{title}\n{_said(request, setting)}")
    return [path]


def _correspondences(name: str, request: Request, progress: Progress) -> list[Path]:
    ((row_name, row),) = read_table("table2").chosen(["obftnet"]).items()
    setting, folds = _setting(request)
    paths = []
    for done, fold in enumerate(folds):
        progress(f"{row_name}, {fold}", done, len(folds))
        path = request.out / f"{name}_{request.network}_{fold}.png"
        draw_correspondences(path, setting, row_name, row, fold, request.draw_seed or 0)
        paths.append(path)
    progress("", len(folds), len(folds))
    return paths


def _setting(request: Request) -> tuple[Setting, list[str]]:
    """What all units share, and the folds, in the protocol's order."""
    device = resolve_device(request.device or "auto")
    data = read_data(request.source, request.data)
    known = data.folds
    for name in request.folds or []:
        one_fold(known, name, "--fold")
    transfer = None
    if request.transfer_data is not None:
        transfer = read_data(_TRANSFER, request.transfer_data)
    backbone = load_backbone(request.network, request.backbone_weights).to(device)
    budget = BUDGETS[request.budget or "short"]
    setting = Setting(data, backbone, budget, output_folder(request.out), device, transfer)
    return setting, [name for name in known if not request.folds or name in request.folds]


def _said(request: Request, setting: Setting) -> str:
    """How the models were made, for a note or a title."""
    budget = f"budget {request.budget or 'short'} ({setting.budget.size} pixels)"
    return f"Protocol {setting.data.name}, {request.network}, {budget}"


def _option(field: str) -> str:
    return "--fold" if field == "folds" else "--" + field.replace("_", "-")


_TRAINING = frozenset({"protocol", "folds", "backbone", "backbone_weights", "budget", "device"})
_UNITS = _TRAINING | {"rows", "shots", "seeds"}
_DRAWN = _TRAINING | {"draw_seed"}
_COMPARED = _DRAWN | {"rows", "count"}

#: In the paper's order.
TARGETS = {
    "table1": Target("images a class", frozenset({"protocol"}), _counts),
    "table2": Target("compared methods", _UNITS, _table),
    "table3": Target("transfer to NEU-Seg", _UNITS | {"transfer_data"}, _table),
    "table4": Target("what the parts add", _UNITS, _table),
    "table5": Target("Sinkhorn sweeps", _UNITS, _table),
    "figure7": Target("gain over HSNet in each class", _TRAINING | {"seeds"}, _gains),
    "figure8": Target("segmentation beside HSNet's", _COMPARED, _segmentations),
    "figure9": Target("the same on NEU-Seg", _COMPARED | {"transfer_data"}, _segmentations),
    "figure10": Target("where the transport goes", _DRAWN, _correspondences),
}
