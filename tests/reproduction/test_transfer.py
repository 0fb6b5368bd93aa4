import json
from dataclasses import replace

import pytest

from obftnet.errors import InputError
from obftnet.evaluation.answers import Protocol
from obftnet.evaluation.evaluate import Evaluator, draw, evaluate
from obftnet.evaluation.results import summarise
from obftnet.protocols import read_data
from obftnet.reproduction import PaperTable, reproduce
from obftnet.reproduction.cells import cells
from obftnet.reproduction.tables import PaperRow
from obftnet.weights import load_method

ROWS = {"panet": PaperRow(method="panet")}
FOLDS = ("cork", "tile")


def make(setting, **options):
    return reproduce(setting, ROWS, shots=(1,), seeds=(0,), folds=FOLDS, **options)


def test_the_runs_are_those_of_the_folds_own_test(setting, transfer, trained):
    """What Table II trained, Table III tests: nothing is trained, and either result keeps its own file."""
    make(setting)
    assert trained == ["panet-compact-cork-seed0", "panet-compact-tile-seed0"]
    trained.clear()
    make(transfer)
    assert trained == []
    names = {path.stem for path in (setting.out / "results").iterdir()}
    own = {f"panet-compact-{fold}-1shot-seed0" for fold in FOLDS}
    assert names == own | {f"{name}-on-neu_seg_transfer" for name in own}


def test_a_killed_transfer_goes_on(transfer, trained, killed):
    killed(lambda stop: make(transfer, progress=stop), done=1)
    (first,) = (transfer.out / "results").iterdir()
    before = first.stat().st_mtime_ns
    make(transfer)
    assert first.stat().st_mtime_ns == before
    assert trained == ["panet-compact-cork-seed0", "panet-compact-tile-seed0"]


def test_it_is_what_the_harness_says_of_the_run(transfer):
    results = make(transfer)
    content = next(content for unit, content in results.items() if unit.fold == "cork")
    model, _ = load_method(transfer.out / "runs" / "panet-compact-cork-seed0")
    protocol = Protocol(1, seeds=1, background_source="complement")
    collection = transfer.transfer.collection
    drawn = draw(collection, {"steel": ("steel",)}, protocol)
    found = summarise("panet", protocol, evaluate(Evaluator(model, collection), drawn, protocol))
    assert content["folds"] == found["folds"]
    assert set(content["folds"]["steel"]["classes"]) == {
        "steel/inclusion",
        "steel/patches",
        "steel/scratches",
    }


def test_the_columns(transfer):
    results = make(transfer)
    table = PaperTable(title="t", rows=ROWS)
    found = {cell.column: cell.ours for cell in cells(table, "compact", results, FOLDS, compared=True)}
    means = ["mean mIoU", "mean FB-IoU", "mean best mIoU", "mean AP", "mean AUPRO", "regions found"]
    assert list(found) == [*FOLDS, *means, "inclusion", "patches", "scratches"]
    classes = [found[name] for name in ("inclusion", "patches", "scratches")]
    assert sum(classes) / 3 == pytest.approx(found["mean mIoU"])
    of_cork = next(content for unit, content in results.items() if unit.fold == "cork")
    assert found["cork"] == pytest.approx(100 * of_cork["folds"]["steel"]["miou"]["mean"])


def test_a_protocol_of_one_fold_cannot_be_trained_on(setting, steel):
    alone = replace(setting, data=read_data("neu_seg_transfer", steel))
    with pytest.raises(InputError, match="neu_seg_transfer has the fold steel alone"):
        reproduce(alone, ROWS, shots=(1,), seeds=(0,), folds=("steel",))
    # What is not trained can be tested on it.
    reference = {"prototype": PaperRow(method="prototype")}
    results = reproduce(alone, reference, shots=(1,), seeds=(0,), folds=("steel",))
    assert len(results) == 1


def test_the_result_says_what_it_was_tested_on(transfer):
    make(transfer)
    path = transfer.out / "results" / "panet-compact-cork-1shot-seed0-on-neu_seg_transfer.json"
    content = json.loads(path.read_text())
    assert content["unit"]["on"] == "neu_seg_transfer"
    assert content["background_source"] == "complement"
