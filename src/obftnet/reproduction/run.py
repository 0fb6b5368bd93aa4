"""Units of a table, each trained and evaluated once, however often and wherever the command is given.

A unit is (row, backbone, fold, shots, seed, tested data). Its result is one JSON file under OUT/results; a
unit whose file is there is done. The runs of training lie under OUT/runs and go on where they were killed. So
a table may be made on several machines, each with other folds or rows, and their folders merged; and what is
tested on other data, or drawn, takes the runs that are there.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from obftnet.config import ModelConfig
from obftnet.data.episodes import Episode, test_queries
from obftnet.errors import InputError
from obftnet.evaluation.evaluate import Evaluator, Protocol, draw, evaluate
from obftnet.evaluation.results import summarise
from obftnet.features.backbone import Backbone
from obftnet.imaging.write import write_json
from obftnet.methods.base import Method
from obftnet.methods.registry import MethodConfig, method_config, reference
from obftnet.protocols import ProtocolData
from obftnet.reproduction.tables import PaperRow
from obftnet.safefile import tensors_hash
from obftnet.training.config import TrainConfig, recipe
from obftnet.training.loop import train
from obftnet.weights import load_method

Progress = Callable[[str, int, int], None]
#: Episodes by tested fold and seed.
Draws = Mapping[str, Mapping[int, Sequence[Episode]]]


@dataclass(frozen=True)
class Budget:
    """How much is spent on a unit.

    size: side of the input, pixels. epochs: passes over the training defect images, or else `steps`.
    batch: episodes a step. recipe: of `training.config`. seeds: of the evaluation's draws.
    """

    size: int
    epochs: int
    steps: int
    batch: int
    recipe: Literal["fast", "short", "paper"]
    seeds: int


#: "paper": section IV.B.1. "medium": the least after which the 4D encoder finds something, minutes a unit on
#: one core. "short": less than half of that; it shows that all runs, and little of what a method can do.
BUDGETS = {
    "paper": Budget(size=400, epochs=500, steps=0, batch=8, recipe="paper", seeds=5),
    "medium": Budget(size=128, epochs=0, steps=300, batch=8, recipe="fast", seeds=1),
    "short": Budget(size=96, epochs=0, steps=400, batch=2, recipe="short", seeds=1),
}


@dataclass(frozen=True)
class Setting:
    """What all units of a command share.

    data: trained on, without a unit's fold, which is tested. backbone: frozen, with weights in.
    budget: of a unit. out: the folder. device: where to compute.
    transfer: tested instead of the fold where it is not None.
    """

    data: ProtocolData
    backbone: Backbone
    budget: Budget
    out: Path
    device: torch.device
    transfer: ProtocolData | None = None


@dataclass(frozen=True)
class Unit:
    """One number's worth of work.

    fold: left out of training. on: protocol of the tested data; "" for the fold itself.
    """

    row: str
    backbone: str
    fold: str
    shots: int
    seed: int
    on: str = ""

    @property
    def name(self) -> str:
        """A file's name without its suffix."""
        trained = f"{self.row}-{self.backbone}-{self.fold}-{self.shots}shot-seed{self.seed}"
        return f"{trained}-on-{self.on}" if self.on else trained


def reproduce(
    setting: Setting,
    rows: Mapping[str, PaperRow],
    *,
    shots: Sequence[int],
    seeds: Sequence[int],
    folds: Sequence[str],
    progress: Progress | None = None,
) -> dict[Unit, dict[str, Any]]:
    """Do what is not done yet of a table.

    Args:
        setting: data, backbone, budget, folder.
        rows: by name.
        shots: supports an episode in evaluation; training has one.
        seeds: of training.
        folds: left out of training, and tested where `setting.transfer` is None.
        progress: told (what is at work, units done, units in all).

    Returns:
        The content of every unit's result file.

    Raises:
        InputError: a result or a run of other settings is in the folder, or what training and evaluation
            refuse.
    """
    units = _units(setting, rows, shots, seeds, folds)
    results = {}
    for done, unit in enumerate(units):
        if progress is not None:
            progress(unit.name, done, len(units))
        results[unit] = _result(setting, unit, rows[unit.row])
    if progress is not None:
        progress("", len(units), len(units))
    return results


def finished(
    setting: Setting,
    rows: Mapping[str, PaperRow],
    *,
    shots: Sequence[int],
    seeds: Sequence[int],
    folds: Sequence[str],
) -> dict[Unit, dict[str, Any]]:
    """The results of those rows all of whose units are done already. Arguments and errors as `reproduce`."""
    results: dict[Unit, dict[str, Any]] = {}
    for name, row in rows.items():
        units = _units(setting, {name: row}, shots, seeds, folds)
        if all(_path(setting, unit).exists() for unit in units):
            results |= {unit: _result(setting, unit, row) for unit in units}
    return results


def _units(
    setting: Setting,
    rows: Mapping[str, PaperRow],
    shots: Sequence[int],
    seeds: Sequence[int],
    folds: Sequence[str],
) -> list[Unit]:
    on = "" if setting.transfer is None else setting.transfer.name
    return [
        Unit(name, setting.backbone.spec.name, fold, k, seed, on)
        for seed in seeds
        for name in rows
        for fold in folds
        for k in shots
    ]


def trained(setting: Setting, name: str, row: PaperRow, fold: str, seed: int) -> Method[Any]:
    """The method of a row, trained without a fold as far as that is not done yet.

    Args:
        setting: data, backbone, budget, folder; `transfer` has no part in it.
        name: of the row, and so of its run.
        row: the method; a training-free reference is made as it is.
        fold: left out.
        seed: of training.

    Raises:
        InputError: no fold is left to train on, a run of other settings is in the folder, or what training
            refuses.
    """
    if not row.trained:
        return reference(row.method, setting.backbone, setting.budget.size)
    backbone = setting.backbone.spec.name
    config = method_config(row.method, {"backbone": backbone, "size": setting.budget.size} | row.settings)
    training = {other: materials for other, materials in setting.data.folds.items() if other != fold}
    if not training:
        raise InputError(
            f"protocol {setting.data.name} has the fold {fold} alone: without it nothing is left to train "
            "on; take a protocol of several folds"
        )
    cues = isinstance(config, ModelConfig) and config.reader == "cues"
    path = train(
        config,
        _training(setting, seed, config, training),
        setting.backbone,
        setting.data.collection,
        training,
        setting.out / "runs" / f"{name}-{backbone}-{fold}-seed{seed}",
        device=setting.device,
        cache=setting.out / "cache" if cues else None,
    )
    return load_method(path, setting.device)[0]


def episodes_for(setting: Setting, fold: str, shots: int, seeds: int) -> tuple[Protocol, Draws]:
    """The protocol and the episodes that a model without `fold` is tested on, by tested fold and seed.

    Raises:
        InputError: data that lacks a material, or of which no episode can be drawn.
    """
    tested = setting.transfer or setting.data
    folds = tested.folds
    chosen = folds if setting.transfer else {fold: folds[fold]}
    protocol = Protocol(shots, seeds=seeds, background_source=tested.protocol.background_source)
    return protocol, draw(tested.collection, chosen, protocol)


def _path(setting: Setting, unit: Unit) -> Path:
    return setting.out / "results" / f"{unit.name}.json"


def _result(setting: Setting, unit: Unit, row: PaperRow) -> dict[str, Any]:
    path = _path(setting, unit)
    asked = _asked(setting, row)
    if path.exists():
        return _finished(path, asked)
    protocol, drawn = episodes_for(setting, unit.fold, unit.shots, setting.budget.seeds)
    subject = trained(setting, unit.row, row, unit.fold, unit.seed)
    collection = (setting.transfer or setting.data).collection
    found = evaluate(Evaluator(subject, collection), drawn, protocol)
    summary = summarise(row.method, protocol, found, unit=asdict(unit), asked=asked)
    write_json(path, summary)
    return summary


def _asked(setting: Setting, row: PaperRow) -> dict[str, Any]:
    """What a result depends on beside its unit's name, as JSON has it."""
    content = {
        "method": row.method,
        "settings": row.settings,
        "budget": asdict(setting.budget),
        "backbone_sha256": tensors_hash(setting.backbone.state_dict()),
        "materials": sorted(setting.data.protocol.materials),
    }
    found: dict[str, Any] = json.loads(json.dumps(content))
    return found


def _finished(path: Path, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        before = found["asked"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the result of a unit; remove it, or use another --out") from error
    for key, value in asked.items():
        if before.get(key) != value:
            raise InputError(
                f"{path}: a result of another {key}: {before.get(key)!r}, now {value!r}; use another --out"
            )
    result: dict[str, Any] = found
    return result


def _training(
    setting: Setting, seed: int, config: MethodConfig, training: Mapping[str, Sequence[str]]
) -> TrainConfig:
    budget = setting.budget
    steps = budget.steps
    if budget.epochs:
        materials = [material for fold in training.values() for material in fold]
        steps = math.ceil(
            budget.epochs * len(test_queries(setting.data.collection, materials)) / budget.batch
        )
    source = setting.data.protocol.background_source
    common = {"steps": steps, "batch": budget.batch, "seed": seed, "background_source": source}
    return TrainConfig.model_validate(recipe(budget.recipe, config) | common)
