"""Units of a table, each trained and evaluated once, however often and wherever the command is given.

A unit is (row, backbone, fold, shots, seed). Its result is one JSON file under OUT/results; a unit whose file
is there is done. The runs of training lie under OUT/runs and go on where they were killed. So a table may be
made on several machines, each with other folds or rows, and their folders merged.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from obftnet.config import ModelConfig
from obftnet.data.collection import Collection
from obftnet.data.episodes import test_queries
from obftnet.errors import InputError
from obftnet.evaluation.evaluate import Evaluator, Protocol, draw, evaluate
from obftnet.evaluation.results import summarise
from obftnet.features.backbone import Backbone
from obftnet.imaging.write import write_json
from obftnet.methods.base import Method
from obftnet.methods.registry import MethodConfig, method_config, reference
from obftnet.protocols import DataProtocol
from obftnet.reproduction.tables import PaperRow
from obftnet.safefile import tensors_hash
from obftnet.training.config import TrainConfig, recipe
from obftnet.training.loop import train
from obftnet.weights import load_method

Progress = Callable[[str, int, int], None]


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
    recipe: Literal["fast", "paper"]
    seeds: int


#: "paper": section IV.B.1. "short": every unit within minutes on two cores; it shows that all runs, and
#: little of what a method can do.
BUDGETS = {
    "paper": Budget(size=400, epochs=500, steps=0, batch=8, recipe="paper", seeds=5),
    "short": Budget(size=96, epochs=0, steps=200, batch=4, recipe="fast", seeds=1),
}


@dataclass(frozen=True)
class Setting:
    """What all units of a command share."""

    collection: Collection
    protocol: DataProtocol
    backbone: Backbone
    budget: Budget
    out: Path
    device: torch.device


@dataclass(frozen=True)
class Unit:
    """One number's worth of work."""

    row: str
    backbone: str
    fold: str
    shots: int
    seed: int

    @property
    def name(self) -> str:
        """A file's name without its suffix."""
        return f"{self.row}-{self.backbone}-{self.fold}-{self.shots}shot-seed{self.seed}"


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
        folds: tested folds.
        progress: told (what is at work, units done, units in all).

    Returns:
        The content of every unit's result file.

    Raises:
        InputError: a result or a run of other settings is in the folder, or what training and evaluation
            refuse.
    """
    units = [
        Unit(name, setting.backbone.spec.name, fold, k, seed)
        for seed in seeds
        for name in rows
        for fold in folds
        for k in shots
    ]
    results = {}
    for done, unit in enumerate(units):
        if progress is not None:
            progress(unit.name, done, len(units))
        results[unit] = _result(setting, unit, rows[unit.row])
    if progress is not None:
        progress("", len(units), len(units))
    return results


def _result(setting: Setting, unit: Unit, row: PaperRow) -> dict[str, Any]:
    path = setting.out / "results" / f"{unit.name}.json"
    asked = _asked(setting, row)
    if path.exists():
        return _finished(path, asked)
    all_folds = setting.protocol.folds_in(setting.collection)
    protocol = Protocol(
        unit.shots, seeds=setting.budget.seeds, background_source=setting.protocol.background_source
    )
    subject = _subject(setting, unit, row, all_folds)
    drawn = draw(setting.collection, {unit.fold: all_folds[unit.fold]}, protocol)
    found = evaluate(Evaluator(subject, setting.collection), drawn, protocol)
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
        "materials": sorted(setting.protocol.materials),
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


def _subject(setting: Setting, unit: Unit, row: PaperRow, folds: Mapping[str, Sequence[str]]) -> Method[Any]:
    """The method of a unit, trained without the unit's fold."""
    if not row.trained:
        return reference(row.method, setting.backbone, setting.budget.size)
    shared = {"backbone": unit.backbone, "size": setting.budget.size}
    config = method_config(row.method, shared | row.settings)
    training = {name: materials for name, materials in folds.items() if name != unit.fold}
    run = setting.out / "runs" / f"{unit.row}-{unit.backbone}-{unit.fold}-seed{unit.seed}"
    cues = isinstance(config, ModelConfig) and config.reader == "cues"
    path = train(
        config,
        _training(setting, unit, config, training),
        setting.backbone,
        setting.collection,
        training,
        run,
        device=setting.device,
        cache=setting.out / "cache" if cues else None,
    )
    return load_method(path, setting.device)[0]


def _training(
    setting: Setting, unit: Unit, config: MethodConfig, training: Mapping[str, Sequence[str]]
) -> TrainConfig:
    budget = setting.budget
    steps = budget.steps
    if budget.epochs:
        materials = [material for fold in training.values() for material in fold]
        steps = math.ceil(budget.epochs * len(test_queries(setting.collection, materials)) / budget.batch)
    source = setting.protocol.background_source
    common = {"steps": steps, "batch": budget.batch, "seed": unit.seed, "background_source": source}
    return TrainConfig.model_validate(recipe(budget.recipe, config) | common)
