"""What `obftnet reproduce` can make, by name: the options each has a use for, and what is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from obftnet.data.folds import one_fold
from obftnet.errors import InputError
from obftnet.features.backbone import Backbone
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
#: The paper's settings.
_SHOTS = (1, 5)


@dataclass(frozen=True)
class Request:
    """What a person asked for. None: nothing was said, and the default in parentheses holds.

    data: folder that is trained on. out: folder of runs, results and what is written.
    protocol: of `data` (mvtec_unseen). transfer_data: folder of NEU-Seg.
    rows: of the table (its usual ones; hsnet and obftnet in a figure). folds: left out of training (all).
    shots: supports an episode (1 and 5). seeds: trainings of each unit (1).
    count: queries a fold in a figure (2). draw_seed: of those queries (0).
    backbones (resnet50) and backbone_weights, one for each: as `load_backbone`. budget: of `BUDGETS` (short).
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
    backbones: list[str] | None = None
    backbone_weights: list[str] | None = None
    budget: str | None = None
    device: str | None = None

    @property
    def source(self) -> str:
        """Name of the protocol."""
        return self.protocol or "mvtec_unseen"

    def load_backbones(self) -> list[Backbone]:
        """Every backbone with its weights in: what is wrong with the last is said before the first is used.

        Raises:
            InputError: a backbone twice, another number of weights, or what `load_backbone` refuses.
        """
        names = self.backbones or ["resnet50"]
        weights: Sequence[str | None] = self.backbone_weights or [None] * len(names)
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"--backbone {name!r}: given twice; its files would be the same")
        if len(weights) != len(names):
            raise InputError(
                f"--backbone-weights: {len(weights)} for {len(names)} backbone(s); give one for each, in the "
                "order of --backbone, or none for torchvision's published weights"
            )
        return [load_backbone(*pair) for pair in zip(names, weights, strict=True)]


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
    settings, folds = _settings(request)
    seeds = request.seeds or 1
    paths = []
    for setting in settings:
        results = reproduce(
            setting,
            rows,
            shots=request.shots or _SHOTS,
            seeds=range(seeds),
            folds=folds,
            # What an earlier command made stays in the table.
            also={name: row for name, row in table.rows.items() if name not in rows},
            also_shots=_SHOTS,
            progress=progress,
        )
        backbone = setting.backbone.spec.name
        numbers = cells(table, backbone, results, folds)
        note = f"{_said(request, setting)}, {seeds} training seed(s), {setting.budget.seeds} of evaluation."
        if setting.transfer is not None:
            note += (
                f" Tested on {setting.transfer.name}: the column of a fold is the model trained without that "
                "fold; that of a class is the mean over those models."
            )
        paths += write_report(setting.out, _file(name, setting), table, backbone, numbers, note)
    return paths


def _gains(name: str, request: Request, progress: Progress) -> list[Path]:
    rows = read_table("table2").chosen(gains.ROWS)
    settings, folds = _settings(request)
    seeds = range(request.seeds or 1)
    paths = []
    for setting in settings:
        results = reproduce(setting, rows, shots=(1,), seeds=seeds, folds=folds, progress=progress)
        title = f"Figure 7: gain in each class, 1-shot\n{_said(request, setting)}"
        paths += gains.write_gains(setting.out, _file(name, setting), gains.gains(results), title)
    return paths


def _segmentations(name: str, request: Request, progress: Progress) -> list[Path]:
    rows = read_table("table2").chosen(request.rows or ("hsnet", "obftnet"))
    settings, folds = _settings(request)
    seed, count = request.draw_seed or 0, request.count or 2
    paths = []
    for setting in settings:
        found = segmentations(setting, rows, folds, count=count, draw_seed=seed, progress=progress)
        where = "" if setting.transfer is None else f" on {setting.transfer.name}"
        number = name.removeprefix("figure")
        title = f"Figure {number}: segmentation{where}, 1-shot, queries of draw {seed}"
        paths.append(setting.out / f"{_file(name, setting)}.png")
        draw_segmentations(paths[-1], found, f"{title}\n{_said(request, setting)}")
    return paths


def _correspondences(name: str, request: Request, progress: Progress) -> list[Path]:
    ((row_name, row),) = read_table("table2").chosen(["obftnet"]).items()
    settings, folds = _settings(request)
    pairs = [(setting, fold) for setting in settings for fold in folds]
    paths = []
    for done, (setting, fold) in enumerate(pairs):
        progress(f"{row_name}, {fold}", done, len(pairs))
        paths.append(setting.out / f"{_file(name, setting)}_{fold}.png")
        draw_correspondences(paths[-1], setting, row_name, row, fold, request.draw_seed or 0)
    progress("", len(pairs), len(pairs))
    return paths


def _settings(request: Request) -> tuple[list[Setting], list[str]]:
    """What all units of a backbone share, for each backbone; and the folds, in the protocol's order."""
    device = resolve_device(request.device or "auto")
    data = read_data(request.source, request.data)
    known = data.folds
    for name in request.folds or []:
        one_fold(known, name, "--fold")
    transfer = None
    if request.transfer_data is not None:
        transfer = read_data(_TRANSFER, request.transfer_data)
    backbones = [backbone.to(device) for backbone in request.load_backbones()]
    budget = BUDGETS[request.budget or "short"]
    out = output_folder(request.out)
    settings = [Setting(data, backbone, budget, out, device, transfer) for backbone in backbones]
    return settings, [name for name in known if not request.folds or name in request.folds]


def _file(name: str, setting: Setting) -> str:
    """What the files of a target and a backbone are called, without what follows."""
    return f"{name}_{setting.backbone.spec.name}"


def _said(request: Request, setting: Setting) -> str:
    """How the models were made, for a note or a title."""
    budget = f"budget {request.budget or 'short'} ({setting.budget.size} pixels)"
    return f"Protocol {setting.data.name}, {setting.backbone.spec.name}, {budget}"


def _option(field: str) -> str:
    repeated = {"folds": "--fold", "backbones": "--backbone"}
    return repeated.get(field) or "--" + field.replace("_", "-")


_TRAINING = frozenset({"protocol", "folds", "backbones", "backbone_weights", "budget", "device"})
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
