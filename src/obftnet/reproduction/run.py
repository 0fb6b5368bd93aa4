"""Units of a table, each trained and evaluated once, however often and wherever the command is given.

A unit is (row, backbone, fold, shots, seed, tested data). Its result is one JSON file under OUT/results; a
unit whose file is there is done. The runs of training lie under OUT/runs, one a configuration, fold and seed,
and go on where they were killed. So a table may be made on several machines, each with other folds or rows,
and their folders merged; and another table, what is tested on other data, or what is drawn takes the runs
that are there.
"""

import hashlib
import itertools
import json
import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from obftnet.config import CuesConfig, EncoderConfig
from obftnet.contract import Method
from obftnet.data.episodes import Episode, test_queries
from obftnet.errors import InputError
from obftnet.evaluation.answers import Protocol
from obftnet.evaluation.evaluate import Evaluator, draw, evaluate
from obftnet.evaluation.results import FURTHER, summarise
from obftnet.files import file_hash, write_json
from obftnet.json_files import read_json
from obftnet.methods.registry import NETWORKS, MethodConfig, method_config, method_name, reference
from obftnet.reproduction.setting import Setting
from obftnet.reproduction.tables import PaperRow
from obftnet.reproduction.unit import Unit
from obftnet.training.config import TrainConfig, recipe
from obftnet.training.loop import train
from obftnet.weights import find_weights, load_method

Progress = Callable[[str, int, int], None]
#: Episodes by tested fold and seed.
Draws = Mapping[str, Mapping[int, Sequence[Episode]]]


def reproduce(
    setting: Setting,
    rows: Mapping[str, PaperRow],
    *,
    shots: Sequence[int],
    seeds: Sequence[int],
    folds: Sequence[str],
    also: Mapping[str, PaperRow] | None = None,
    also_shots: Sequence[int] = (),
    progress: Progress | None = None,
) -> dict[Unit, dict[str, Any]]:
    """Do what is not done yet of a table.

    Args:
        setting: data, backbone, budget, folder.
        rows: by name.
        shots: supports an episode in evaluation; training has one.
        seeds: of training; a row that nothing is trained for is evaluated for the first of them alone.
        folds: left out of training, and tested where `setting.transfer` is None.
        also: other rows, taken where all of a row's units of some shots and seed are done already.
        also_shots: other shots of all these rows, taken likewise.
        progress: told (what is at work, units done, units in all).

    Returns:
        The content of every unit's result file.

    Raises:
        InputError: a result or a run of other settings is in the folder, or what training and evaluation
            refuse.
    """
    on = "" if setting.transfer is None else setting.transfer.name

    known = {**rows, **(also or {})}

    def units(names: Iterable[str], shots: Sequence[int], seeds: Sequence[int]) -> list[Unit]:
        backbone = setting.backbone.spec.name
        return [
            Unit(name, backbone, fold, k, seed, on)
            for seed in seeds
            for name in names
            if known[name].trained or seed == first
            for fold in folds
            for k in shots
        ]

    first = seeds[0]
    # What is there comes first: a result of other settings is refused before hours are spent on the rest.
    wanted = []
    for name, k, seed in itertools.product(known, dict.fromkeys((*shots, *also_shots)), seeds):
        whole = units([name], [k], [seed])
        asked = name in rows and k in shots
        if not asked and all(_path(setting, unit).exists() for unit in whole):
            wanted += whole
    wanted += units(rows, shots, seeds)
    results = {}
    for done, unit in enumerate(wanted):
        if progress is not None:
            progress(unit.name, done, len(wanted))
        results[unit] = _result(setting, unit, known[unit.row])
    if progress is not None:
        progress("", len(wanted), len(wanted))
    return results


def trained(setting: Setting, row: PaperRow, fold: str, seed: int) -> Method[Any]:
    """The method of a row, trained without a fold as far as that is not done yet; rows of one configuration,
    in whatever table, are one run.

    Args:
        setting: data, backbone, budget, folder; `transfer` has no part in it.
        row: the method; a training-free reference, and weights that ship, are taken as they are.
        fold: left out.
        seed: of training.

    Raises:
        InputError: no fold is left to train on, a run of other settings is in the folder, or what training
            refuses.
    """
    if row.weights is not None:
        return load_method(row.weights, setting.device)[0]
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
    run = _run_name(config, fold, seed)
    cache = _cache(setting, config, run)
    path = train(
        config,
        _training(setting, seed, config, training),
        setting.backbone,
        setting.data.collection,
        training,
        setting.out / "runs" / run,
        device=setting.device,
        cache=cache,
    )
    if cache is not None and cache.name == run:
        shutil.rmtree(cache, ignore_errors=True)
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


def _run_name(config: MethodConfig, fold: str, seed: int) -> str:
    """A run's folder: the same for whichever row and table asks for it. Of an OBFTNet a hash tells what is
    not at its default."""
    name = method_name(config)
    if name not in NETWORKS and name != "hsnet":
        settings = config.model_dump_json(exclude_defaults=True, exclude={"backbone", "size"})
        name += "-" + hashlib.sha256(settings.encode()).hexdigest()[:8]
    return f"{name}-{config.backbone}-{fold}-seed{seed}"


def _cache(setting: Setting, config: MethodConfig, run: str) -> Path | None:
    """Where a run's relations are kept, where they are read again. The cues' small maps serve all runs; the
    4D encoder's tensors, gigabytes a run, are the run's own and go when it is finished."""
    if isinstance(config, CuesConfig):
        return setting.out / "cache"
    if isinstance(config, EncoderConfig) and setting.budget.episodes:
        return setting.out / "cache" / run
    return None


def _path(setting: Setting, unit: Unit) -> Path:
    return setting.out / "results" / f"{unit.name}.json"


def _result(setting: Setting, unit: Unit, row: PaperRow) -> dict[str, Any]:
    path = _path(setting, unit)
    asked = _asked(setting, row, unit.fold)
    if path.exists():
        return _finished(path, asked, unit)
    protocol, drawn = episodes_for(setting, unit.fold, unit.shots, setting.budget.seeds)
    subject = trained(setting, row, unit.fold, unit.seed)
    collection = (setting.transfer or setting.data).collection
    found = evaluate(Evaluator(subject, collection), drawn, protocol)
    summary = summarise(row.method, protocol, found, unit=asdict(unit), asked=asked)
    write_json(path, summary)
    return summary


def _asked(setting: Setting, row: PaperRow, fold: str) -> dict[str, Any]:
    """What a result depends on beside its unit's name, as JSON has it; that of files is what they hold."""
    data, tested = setting.data, setting.transfer or setting.data
    others = [material for name, materials in data.folds.items() if name != fold for material in materials]
    trained_on = [s for s in data.collection.samples if row.trained and s.material in others]
    tested_on = [s for s in tested.collection.samples if setting.transfer or s.material in data.folds[fold]]
    content = {
        "method": row.method,
        "settings": row.settings,
        "weights_sha256": None if row.weights is None else file_hash(find_weights(row.weights)),
        "budget": asdict(setting.budget),
        "backbone_sha256": setting.backbone_hash,
        "materials": sorted(setting.data.protocol.materials),
        "trained_on_sha256": data.collection.content(trained_on),
        "tested_on_sha256": tested.collection.content(tested_on),
    }
    found: dict[str, Any] = json.loads(json.dumps(content))
    return found


def _finished(path: Path, asked: dict[str, Any], unit: Unit) -> dict[str, Any]:
    otherwise = "remove it, or use another folder"
    found = read_json(path, f"the result of a unit is wanted; {otherwise}")
    if not _is_result(found, unit):
        raise InputError(f"{path}: not the result of this unit; {otherwise}", "out")
    before = found["asked"]
    for key, value in asked.items():
        if before.get(key) != value:
            raise InputError(
                f"{path}: a result of another {key}: {before.get(key)!r}, now {value!r}; use another folder",
                "out",
            )
    missing = [f"mean_{name}" for name in FURTHER if f"mean_{name}" not in found]
    if missing:
        raise InputError(
            f"{path}: a result of an earlier version, without {', '.join(missing)}; remove it, "
            "and the unit is evaluated anew by the run that is there"
        )
    result: dict[str, Any] = found
    return result


def _is_result(found: Any, unit: Unit) -> bool:
    """Whether a result file's content has all that a report reads, in the shape that it is written in."""
    try:
        shares = [found["mean_miou"], found["mean_fb_iou"]]
        for fold in found["folds"].values():
            shares += [value["iou"] for value in fold["classes"].values()]
        own = found["unit"] == asdict(unit) and bool(found["folds"]) and isinstance(found["asked"], dict)
        return own and all(type(share) in (int, float) and 0 <= share <= 1 for share in shares)
    except (KeyError, TypeError, AttributeError):
        return False


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
    common = {
        "steps": steps,
        "batch": budget.batch,
        "seed": seed,
        "background_source": source,
        "episodes": budget.episodes,
    }
    return TrainConfig.model_validate(recipe(budget.recipe, config) | common)
