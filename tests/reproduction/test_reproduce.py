import csv
import json
from dataclasses import replace

import pytest
import torch

from obftnet.backbones.weights import load_backbone
from obftnet.config import EncoderConfig
from obftnet.errors import InputError
from obftnet.loading.relations import Relations
from obftnet.model import OBFTNet
from obftnet.reproduction import reproduce, write_report
from obftnet.reproduction.cells import FURTHER, Cell, cells
from obftnet.reproduction.tables import SPLITS, PaperRow, PaperTable, read_table
from obftnet.reproduction.unit import Unit
from obftnet.weights import save_model

ROWS = {"prototype": PaperRow(method="prototype"), "panet": PaperRow(method="panet")}


def make(setting, rows=ROWS, folds=("tile",), shots=(1,), seeds=(0,), **options):
    return reproduce(setting, rows, shots=shots, seeds=seeds, folds=folds, **options)


def test_every_unit_has_its_file_and_is_done_once(setting, trained):
    told = []
    first = make(setting, shots=(1, 2), progress=lambda *what: told.append(what))
    names = {f"{row}-compact-tile-{k}shot-seed0.json" for row in ROWS for k in (1, 2)}
    assert {path.name for path in (setting.out / "results").iterdir()} == names
    assert told[-1] == ("", 4, 4)
    # Both shots are read from one training.
    assert {path.name for path in (setting.out / "runs").iterdir()} == {"panet-compact-tile-seed0"}
    before = {path: path.stat().st_mtime_ns for path in (setting.out / "results").iterdir()}
    trained.clear()
    assert make(setting, shots=(1, 2)) == first
    assert trained == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_tested_fold_is_not_trained_on(setting):
    make(setting, {"panet": ROWS["panet"]}, folds=("cork",))
    found = json.loads((setting.out / "runs" / "panet-compact-cork-seed0" / "run.json").read_text())
    assert set(found["folds"]) == {"leather", "tile"}


def test_a_killed_command_goes_on(setting, trained, killed):
    rows, folds = {"panet": ROWS["panet"]}, ("cork", "tile")
    killed(lambda stop: make(setting, rows, folds=folds, progress=stop), done=1)
    assert trained == ["panet-compact-cork-seed0"]
    results = make(setting, rows, folds=folds)
    assert trained == ["panet-compact-cork-seed0", "panet-compact-tile-seed0"]
    assert {unit.fold for unit in results} == {"cork", "tile"}


def test_results_of_other_settings_are_not_mixed(setting):
    make(setting, {"prototype": ROWS["prototype"]})
    other = replace(setting, budget=replace(setting.budget, seeds=2))
    with pytest.raises(InputError, match="a result of another budget"):
        make(other, {"prototype": ROWS["prototype"]})


def test_a_damaged_result_is_named(setting):
    make(setting, {"prototype": ROWS["prototype"]}, folds=("tile",))
    path = setting.out / "results" / "prototype-compact-tile-1shot-seed0.json"
    whole = json.loads(path.read_text())
    unit = whole["unit"] | {"seed": 1}
    damaged = [{}, [], {**whole, "mean_miou": "1"}, {**whole, "mean_miou": 7}, {**whole, "folds": {}}]
    damaged += [{**whole, "folds": {"tile": 3}}, {**whole, "unit": unit}, {**whole, "asked": None}]
    for text in [*map(json.dumps, damaged), "{", "[" * 100_000]:
        path.write_text(text)
        with pytest.raises(InputError, match=rf"{path.name}: .*result of") as caught:
            make(setting, {"prototype": ROWS["prototype"]}, folds=("tile",))
        assert len(str(caught.value).splitlines()) == 1


def test_a_result_of_other_data_of_the_same_names_is_refused(setting):
    make(setting, {"prototype": ROWS["prototype"]}, folds=("tile",))
    path = setting.out / "results" / "prototype-compact-tile-1shot-seed0.json"
    content = json.loads(path.read_text())
    content["asked"]["tested_on_sha256"] = "0" * 64
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="a result of another tested_on_sha256"):
        make(setting, {"prototype": ROWS["prototype"]}, folds=("tile",))


def test_a_finished_row_of_other_settings_is_refused_before_anything_is_trained(setting, trained):
    rows = {"prototype": ROWS["prototype"]}
    make(setting, rows)
    other = replace(setting, budget=replace(setting.budget, seeds=2))
    with pytest.raises(InputError, match="a result of another budget"):
        make(other, {"panet": ROWS["panet"]}, also=rows)
    assert trained == []


def test_the_backbone_is_hashed_once_for_all_units(setting, monkeypatch):
    hashed = []
    monkeypatch.setattr("obftnet.reproduction.setting.tensors_hash", lambda tensors: hashed.append(1) or "a")
    make(setting, {"prototype": ROWS["prototype"]}, folds=("tile", "cork"), shots=(1, 2))
    assert len(hashed) == 1


def test_rows_of_one_configuration_are_one_run(setting, trained):
    """`t20` of Table V is `obft_bf` of Table IV, whatever a row spells out."""
    encoder = {"reader": "encoder4d"}
    rows = {
        "plain": PaperRow(method="obftnet", settings=encoder),
        "spelled": PaperRow(method="obftnet", settings=encoder | {"iterations": 20}),
        "other": PaperRow(method="obftnet", settings=encoder | {"iterations": 5}),
        "cues": PaperRow(method="obftnet", settings={"reader": "cues"}),
    }
    results = make(setting, rows)
    assert len(results) == 4
    assert len(trained) == len(set(trained)) == 3
    of = {unit.row: content["folds"] for unit, content in results.items()}
    assert of["plain"] == of["spelled"]


def test_what_is_not_trained_is_evaluated_once(setting):
    results = make(setting, seeds=(0, 1))
    assert sorted((unit.row, unit.seed) for unit in results) == [("panet", 0), ("panet", 1), ("prototype", 0)]
    table = PaperTable(title="t", rows=ROWS)
    numbers = cells(table, "compact", results, ["tile"], compared=False)
    found = {cell.row: cell.trainings for cell in numbers}
    assert found == {"prototype": 0, "panet": 2}


def test_another_row_of_fewer_trainings_stays_in_the_table(setting):
    make(setting, {"panet": ROWS["panet"]})
    results = make(setting, {"prototype": ROWS["prototype"]}, also={"panet": ROWS["panet"]}, seeds=(0, 1))
    assert sorted((unit.row, unit.seed) for unit in results) == [("panet", 0), ("prototype", 0)]


def test_weights_that_ship_are_a_row_as_they_are(setting, monkeypatch):
    """Nothing is trained, and a file of other weights is another result."""
    model = OBFTNet(EncoderConfig(backbone="compact", size=64), load_backbone("compact", "random"))
    path = setting.out / "made.safetensors"
    save_model(path, model, {})
    rows = {"made": PaperRow(method="obftnet", weights=str(path))}
    assert not rows["made"].trained
    make(setting, rows)
    assert not (setting.out / "runs").exists()
    torch.manual_seed(1)
    save_model(path, OBFTNet(model.config, model.backbone), {})
    with pytest.raises(InputError, match="a result of another weights_sha256"):
        make(setting, rows)


def test_relations_are_kept_while_a_run_reads_them_again(setting, monkeypatch):
    """Of a bounded number of episodes each is related once, and nothing is left when the run is done."""
    related, real = [], Relations._compute
    monkeypatch.setattr(Relations, "_compute", lambda *args: related.append(1) or real(*args))
    budget = replace(setting.budget, steps=6, episodes=1)
    make(replace(setting, budget=budget), {"hsnet": PaperRow(method="hsnet")})
    # One episode of each of the two other folds.
    assert len(related) == 2
    assert list((setting.out / "cache").iterdir()) == []
    run = json.loads((setting.out / "runs" / "hsnet-compact-tile-seed0" / "run.json").read_text())
    assert run["training"]["episodes"] == 1


def test_epochs_become_steps(setting):
    """Two materials of two defect images, three epochs, batches of four: three steps."""
    budget = replace(setting.budget, epochs=3, steps=0, batch=4)
    make(replace(setting, budget=budget), {"panet": ROWS["panet"]})
    found = json.loads((setting.out / "runs" / "panet-compact-tile-seed0" / "run.json").read_text())
    assert found["training"]["steps"] == 3


def result(miou, fb_iou, fold):
    further = dict.fromkeys(FURTHER, miou / 2) | {"mean_image_auroc": None}
    return {"folds": {fold: {"classes": {}}}, "mean_miou": miou, "mean_fb_iou": fb_iou, **further}


def test_the_numbers_by_hand():
    paper = {"compact": {1: (10, 20, 30, 40, 50, 30, 60)}}
    table = PaperTable(title="t", rows={"a": PaperRow(method="panet", paper=paper)})
    results = {
        Unit("a", "compact", fold, 1, seed): result(0.1 * (index + seed), 0.5, fold)
        for index, fold in enumerate(SPLITS)
        for seed in (0, 1)
    }
    found = {cell.column: cell for cell in cells(table, "compact", results, SPLITS, compared=True)}
    assert found["leather"].ours == pytest.approx(15)
    assert found["leather"].std == pytest.approx(50**0.5)
    assert found["leather"].paper == 20
    assert found["mean mIoU"].ours == pytest.approx(25)
    assert found["mean mIoU"].paper == 30
    assert found["mean FB-IoU"].paper == 60
    assert (found["mean AP"].ours, found["mean AP"].paper) == (pytest.approx(12.5), None)
    # Of data without good images there is no such figure.
    assert FURTHER["mean_image_auroc"] not in found
    # Over other folds than the paper's its mean is no comparison.
    part = {unit: content for unit, content in results.items() if unit.fold == "tile"}
    found = {cell.column: cell for cell in cells(table, "compact", part, ["tile"], compared=True)}
    assert found["tile"].paper == 30
    assert found["mean mIoU"].paper is None
    # Nor are folds of other data that happen to have a split's name.
    assert {cell.paper for cell in cells(table, "compact", part, ["tile"], compared=False)} == {None}


def test_the_papers_value_of_another_backbone_is_named(tmp_path):
    paper = {"vgg16": {1: (1, 2, 3, 4, 5, 3, 6)}, "resnet50": {1: (10, 20, 30, 40, 50, 30, 60)}}
    rows = {
        "both": PaperRow(method="panet", paper=paper),
        "one": PaperRow(method="sg_one", paper={"vgg16": paper["vgg16"]}),
        "none": PaperRow(method="prototype"),
    }
    table = PaperTable(title="t", rows=rows)
    results = {Unit(name, "compact", "tile", 1, 0): result(0.25, 0.5, "tile") for name in rows}
    numbers = cells(table, "compact", results, ["tile"], compared=True)
    found = {cell.row: cell for cell in numbers if cell.column == "tile"}
    assert [(cell.paper, cell.beside) for cell in found.values()] == [
        (30, "resnet50"),
        (3, "vgg16"),
        (None, None),
    ]
    assert rows["both"].beside("vgg16") == "vgg16"
    text = write_report(tmp_path, "t", table, "compact", numbers, "A note.")[1].read_text()
    assert "| both (paper: resnet50) | 25.0 (30.0, -5.0) |" in text
    assert "| none | 25.0 |" in text


def test_the_report_is_three_files(tmp_path):
    numbers = [
        Cell("none", 1, "carpet", 20.0, 1.5, 23.77, "resnet50"),
        Cell("none", 1, "mean mIoU", 20.0, 0.5, None),
        Cell("oft", 1, "carpet", 44.0, 0, None),
        Cell("oft", 1, "mean mIoU", 44.0, 0, 37.17, "resnet50"),
    ]
    paths = write_report(tmp_path, "t", read_table("table4"), "resnet50", numbers, "A note.")
    assert [path.name for path in paths] == ["t.csv", "t.md", "t.png"]
    with paths[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["paper"], rows[0]["difference"], rows[1]["paper"]) == ("23.77", "-3.77", "")
    text = paths[1].read_text()
    assert "| none | 20.0 (23.8, -3.8) | 20.0 |" in text
    assert "A note." in text
    assert paths[2].stat().st_size > 1000


def test_a_result_of_an_earlier_version_is_refused(setting):
    make(setting)
    path = next((setting.out / "results").glob("*.json"))
    content = json.loads(path.read_text())
    del content["mean_aupro"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"{path.name}: .* without mean_aupro; remove it"):
        make(setting)
