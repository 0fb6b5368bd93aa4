"""What `obftnet reproduce` can make, by name: the options each has a use for, and what is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.weights import load_backbone
from obftnet.data.folds import one_fold
from obftnet.errors import InputError
from obftnet.files import exclusive, output_folder
from obftnet.protocols import read_data
from obftnet.reproduction import gains
from obftnet.reproduction.cells import cells
from obftnet.reproduction.correspondences import draw_correspondences
from obftnet.reproduction.counts import write_counts
from obftnet.reproduction.report import write_report
from obftnet.reproduction.run import Progress, reproduce
from obftnet.reproduction.segmentations import draw_segmentations, segmentations
from obftnet.reproduction.setting import BUDGETS, Setting
from obftnet.reproduction.tables import PaperRow, read_table
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
                raise InputError(f"backbone {name!r}: given twice; its files would be the same", "backbones")
        if len(weights) != len(names):
            raise InputError(
                f"{len(weights)} backbone weights for {len(names)} backbone(s); give one for each, in the "
                "order of the backbones, or none for torchvision's published weights",
                "backbone_weights",
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
            raise InputError(
                f"{field.name.replace('_', ' ')}: {name} has no use for it; leave it out", field.name
            )
    if "transfer_data" in target.uses and request.transfer_data is None:
        raise InputError(
            f"{name} tests on NEU-Seg what it trains on other data; give the folder of NEU-Seg",
            "transfer_data",
        )
    with exclusive(request.out):
        return target.make(name, request, progress)


def _counts(name: str, request: Request, progress: Progress) -> list[Path]:
    data = read_data(request.source, request.data)
    return write_counts(output_folder(request.out), data)


@dataclass(frozen=True)
class _Job:
    """A target's work with one backbone.

    name: of the target. rows: by name. folds: in the protocol's order.
    """

    name: str
    request: Request
    rows: Mapping[str, PaperRow]
    folds: list[str]
    setting: Setting
    progress: Progress

    @property
    def backbone(self) -> str:
        """Its name."""
        return self.setting.backbone.spec.name

    @property
    def file(self) -> str:
        """What its files are called, without what follows."""
        return f"{self.name}_{self.backbone}"

    @property
    def said(self) -> str:
        """How the models were made, for a note or a title."""
        setting = self.setting
        budget = f"budget {self.request.budget or 'short'} ({setting.budget.size} pixels)"
        return f"Protocol {setting.data.name}, {self.backbone}, {budget}"


def _by_backbone(
    rows: Callable[[str, Request], Mapping[str, PaperRow]], make: Callable[[_Job], list[Path]]
) -> Callable[[str, Request, Progress], list[Path]]:
    """Make a target with each backbone in turn, once its rows and all that it needs are known to be there."""

    def made(name: str, request: Request, progress: Progress) -> list[Path]:
        chosen = rows(name, request)
        settings, folds = _settings(request)
        jobs = [_Job(name, request, chosen, folds, setting, progress) for setting in settings]
        return [path for job in jobs for path in make(job)]

    return made


def _table(job: _Job) -> list[Path]:
    table = read_table(job.name)
    setting, seeds = job.setting, job.request.seeds or 1
    results = reproduce(
        setting,
        job.rows,
        shots=job.request.shots or _SHOTS,
        seeds=range(seeds),
        folds=job.folds,
        # What an earlier command made stays in the table.
        also={name: row for name, row in table.rows.items() if name not in job.rows},
        also_shots=_SHOTS,
        progress=job.progress,
    )
    numbers = cells(table, job.backbone, results, job.folds, compared=setting.data.splits_of_the_paper)
    note = f"{job.said}, {seeds} training seed(s), {setting.budget.seeds} of evaluation."
    if setting.transfer is not None:
        note += (
            f" Tested on {setting.transfer.name}: the column of a fold is the model trained without that "
            "fold; that of a class is the mean over those models."
        )
    missing = setting.data.protocol.missing
    if missing and setting.data.splits_of_the_paper:
        note += f" The paper's values are of all of its images; of them is missing here: {missing}."
    return write_report(setting.out, job.file, table, job.backbone, numbers, note)


def _gains(job: _Job) -> list[Path]:
    seeds = range(job.request.seeds or 1)
    results = reproduce(
        job.setting, job.rows, shots=(1,), seeds=seeds, folds=job.folds, progress=job.progress
    )
    title = f"Figure 7: gain in each class, 1-shot\n{job.said}"
    return gains.write_gains(job.setting.out, job.file, gains.gains(results), title)


def _segmentations(job: _Job) -> list[Path]:
    setting, seed, count = job.setting, job.request.draw_seed or 0, job.request.count or 2
    found = segmentations(setting, job.rows, job.folds, count=count, draw_seed=seed, progress=job.progress)
    path = setting.out / f"{job.file}.png"
    where = "" if setting.transfer is None else f" on {setting.transfer.name}"
    title = f"Figure {job.name.removeprefix('figure')}: segmentation{where}, 1-shot, queries of draw {seed}"
    draw_segmentations(path, found, f"{title}\n{job.said}")
    return [path]


def _correspondences(job: _Job) -> list[Path]:
    ((row_name, row),) = job.rows.items()
    paths = []
    for done, fold in enumerate(job.folds):
        job.progress(f"{row_name}, {fold}", done, len(job.folds))
        path = job.setting.out / f"{job.file}_{fold}.png"
        draw_correspondences(path, job.setting, row, fold, job.request.draw_seed or 0)
        paths.append(path)
    job.progress("", len(job.folds), len(job.folds))
    return paths


def _settings(request: Request) -> tuple[list[Setting], list[str]]:
    """What all units of a backbone share, for each backbone; and the folds, in the protocol's order."""
    device = resolve_device(request.device or "auto")
    data = read_data(request.source, request.data)
    known = data.folds
    for name in request.folds or []:
        one_fold(known, name, "folds")
    transfer = None
    if request.transfer_data is not None:
        transfer = read_data(_TRANSFER, request.transfer_data)
    backbones = [backbone.to(device) for backbone in request.load_backbones()]
    budget = BUDGETS[request.budget or "short"]
    out = output_folder(request.out)
    settings = [Setting(data, backbone, budget, out, device, transfer) for backbone in backbones]
    return settings, [name for name in known if not request.folds or name in request.folds]


_TRAINING = frozenset({"protocol", "folds", "backbones", "backbone_weights", "budget", "device"})
_UNITS = _TRAINING | {"rows", "shots", "seeds"}
_DRAWN = _TRAINING | {"draw_seed"}
_COMPARED = _DRAWN | {"rows", "count"}

_tables = _by_backbone(lambda name, request: read_table(name).chosen(request.rows), _table)
_compared = _by_backbone(
    lambda name, request: read_table("table2").chosen(request.rows or ("hsnet", "obftnet")), _segmentations
)

#: In the paper's order.
TARGETS = {
    "table1": Target("images a class", frozenset({"protocol"}), _counts),
    "table2": Target("compared methods", _UNITS, _tables),
    "table3": Target("transfer to NEU-Seg", _UNITS | {"transfer_data"}, _tables),
    "table4": Target("what the parts add", _UNITS, _tables),
    "table5": Target("Sinkhorn sweeps", _UNITS, _tables),
    "figure7": Target(
        "gain over HSNet in each class",
        _TRAINING | {"seeds"},
        _by_backbone(lambda *_: read_table("table2").chosen(gains.ROWS), _gains),
    ),
    "figure8": Target("segmentation beside HSNet's", _COMPARED, _compared),
    "figure9": Target("the same on NEU-Seg", _COMPARED | {"transfer_data"}, _compared),
    "figure10": Target(
        "where the transport goes",
        _DRAWN,
        _by_backbone(lambda *_: read_table("table2").chosen(["obftnet"]), _correspondences),
    ),
}
