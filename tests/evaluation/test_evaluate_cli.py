import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from obftnet.evaluation import evaluate as module


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)
    monkeypatch.setattr(module, "TIMED", 1)


@pytest.fixture
def nn_contrast(obftnet, painted):
    def run(out: Path, *more: object, data: Path = painted) -> tuple[int, str, str]:
        options = (
            "--method",
            "nn_contrast",
            "--backbone",
            "compact",
            "--backbone-weights",
            "random",
            "--size",
            64,
        )
        return obftnet("evaluate", "--data", data, *options, "--out", out, *more)

    return run


def is_spread(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) >= {"mean", "std"}
        and 0 <= value["mean"] <= 1
        and value["std"] >= 0
    )


@pytest.mark.parametrize(("reader", "name"), [("cues", "obftnet_cues"), ("encoder4d", "obftnet")])
def test_the_commands_other_tools_call(obftnet, painted, tmp_path, reader, name):
    shared = Path(__file__).parents[3] / "shared" / "weights" / "mobilenet_v2.safetensors"
    weights = shared if shared.is_file() else "random"
    status, _, err = obftnet(
        *("train", "--data", painted, "--layout", "mvtec", "--test-fold", "leather", "--reader", reader),
        *("--backbone", "mobilenet_v2", "--backbone-weights", weights, "--size", 64),
        *("--steps", 2, "--batch", 2, "--seed", 0, "--out", tmp_path / "run"),
    )
    assert status == 0, err
    status, out, err = obftnet(
        *("evaluate", "--data", painted, "--layout", "mvtec", "--fold", "leather"),
        *(
            "--weights",
            tmp_path / "run",
            "--shots",
            1,
            "--seeds",
            2,
            "--out",
            tmp_path / "results.json",
            "--pictures",
            2,
        ),
    )
    assert status == 0, err
    assert "leather" in out
    assert "mIoU" in out
    found = json.loads((tmp_path / "results.json").read_text())
    assert (found["method"], found["shots"], found["seeds"]) == (name, 1, 2)
    assert set(found["folds"]) == {"leather"}
    fold = found["folds"]["leather"]
    assert is_spread(fold["miou"])
    assert is_spread(fold["fb_iou"])
    assert is_spread(fold["false_positive_area"])
    assert set(fold["classes"]) == {"leather/cut", "leather/fold"}
    assert all(0 <= value["iou"] <= 1 for value in fold["classes"].values())
    assert fold["episodes"] == 6
    assert found["mean_miou"] == fold["miou"]["mean"]
    assert found["mean_fb_iou"] == fold["fb_iou"]["mean"]
    assert set(found["speed"]["fps"]) == {"episode", "query"}
    assert (tmp_path / "results_leather.png").is_file()


def test_the_reference_needs_no_weights_of_ours(nn_contrast, tmp_path):
    status, _, err = nn_contrast(tmp_path / "results.json", "--seeds", 1, "--pictures", 1)
    assert status == 0, err
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["method"] == "nn_contrast"
    assert set(found["folds"]) == {"leather", "tile"}
    assert found["mean_miou"] == pytest.approx(
        (found["folds"]["leather"]["miou"]["mean"] + found["folds"]["tile"]["miou"]["mean"]) / 2
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.json",
        "results_queries.csv",
        "results_leather.png",
        "results_tile.png",
    }


@pytest.mark.parametrize("name", ["memory_bank", "prototype"])
def test_every_reference_by_name(nn_contrast, tmp_path, name):
    status, _, err = nn_contrast(
        tmp_path / "r.json", "--method", name, "--seeds", 1, "--shots", 2, "--pictures", 0
    )
    assert status == 0, err
    assert json.loads((tmp_path / "r.json").read_text())["method"] == name


def test_written_episodes_give_the_same_numbers(nn_contrast, tmp_path):
    numbers = []
    episodes = tmp_path / "episodes.json"
    for name, options in (
        ("first", ("--shots", 2, "--seeds", 2, "--write-episodes", episodes)),
        ("second", ("--episodes", episodes)),
    ):
        out = tmp_path / f"{name}.json"
        status, _, err = nn_contrast(out, "--pictures", 0, *options)
        assert status == 0, err
        content = json.loads(out.read_text())
        del content["speed"]
        numbers.append(content)
    assert numbers[0] == numbers[1]
    assert numbers[0]["shots"] == numbers[0]["seeds"] == 2


def test_every_query_stands_in_a_table(nn_contrast, painted, tmp_path):
    """Whose pixels add up to the classes' in results.json."""
    status, _, err = nn_contrast(tmp_path / "r.json", "--seeds", 2, "--pictures", 0)
    assert status == 0, err
    with (tmp_path / "r_queries.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (9 + 8)
    assert {row["seed"] for row in rows} == {"0", "1"}
    for row in rows:
        assert all((painted / name).is_file() for name in (row["query"], row["supports"], row["backgrounds"]))
        assert (row["iou"] == "") == (row["kind"] == "good")
    crack = [row for row in rows if row["kind"] == "crack" and row["seed"] == "0"]
    hit, wrong, missed = (sum(int(row[name]) for row in crack) for name in list(crack[0])[-4:-1])
    with_one_seed = tmp_path / "one.json"
    assert nn_contrast(with_one_seed, "--seeds", 1, "--pictures", 0)[0] == 0
    found = json.loads(with_one_seed.read_text())["folds"]["tile"]["classes"]["tile/crack"]
    assert found["iou"] == pytest.approx(hit / max(1, hit + wrong + missed))


@pytest.fixture
def scoring(monkeypatch):
    """Counts the episodes that are scored, and interrupts before the one after `limit`."""
    state, real = SimpleNamespace(scored=0, limit=None), module.Evaluator.score

    def score(self, episode, guidance=None):
        if state.scored == state.limit:
            raise KeyboardInterrupt
        state.scored += 1
        return real(self, episode, guidance)

    monkeypatch.setattr(module.Evaluator, "score", score)
    return state


def numbers(path: Path) -> dict:
    content = json.loads(path.read_text())
    del content["speed"]
    return content


def test_a_stopped_evaluation_goes_on(nn_contrast, tmp_path, scoring):
    plain, out = tmp_path / "plain.json", tmp_path / "r.json"
    options = ("--seeds", 2, "--pictures", 0)
    assert nn_contrast(plain, *options)[0] == 0
    whole, scoring.scored, scoring.limit = scoring.scored, 0, 11
    status, _, err = nn_contrast(out, *options)
    assert (status, err.count("\n")) == (130, 1)
    assert {path.name for path in tmp_path.glob("r*")} == {"r.unfinished"}
    # A kill in the middle of a line leaves half of it.
    with (tmp_path / "r.unfinished").open("a") as file:
        file.write('["leather", 1,')
    scoring.limit = None
    assert nn_contrast(out, *options)[0] == 0
    assert scoring.scored == whole
    assert numbers(out) == numbers(plain)
    assert not (tmp_path / "r.unfinished").exists()


@pytest.mark.parametrize("change", [("--size", 96), ("--threshold", 0.6), ("--shots", 2), ("--fold", "tile")])
def test_an_evaluation_of_other_settings_starts_anew(nn_contrast, tmp_path, scoring, change):
    plain, out = tmp_path / "plain.json", tmp_path / "r.json"
    options = ("--seeds", 1, "--pictures", 0)
    scoring.limit = 5
    assert nn_contrast(out, *options)[0] == 130
    scoring.limit = None
    assert nn_contrast(out, *options, *change)[0] == 0
    assert nn_contrast(plain, *options, *change)[0] == 0
    assert numbers(out) == numbers(plain)


def test_the_worst_queries_are_drawn_on_demand(nn_contrast, tmp_path, monkeypatch):
    drawn = {}

    def draw_grid(path, rows, threshold, title):
        drawn[path.name] = [str(episode.query.image) for episode, _ in rows], title

    monkeypatch.setattr("obftnet.evaluation.pictures.draw_grid", draw_grid)
    status, _, err = nn_contrast(tmp_path / "r.json", "--seeds", 1, "--pictures", 2, "--worst")
    assert status == 0, err
    with (tmp_path / "r_queries.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["fold"] == "leather" and row["iou"]]
    images, title = drawn["r_leather.png"]
    shares = {row["query"]: float(row["iou"]) for row in rows}
    found = [shares[next(name for name in shares if image.endswith(name))] for image in images]
    assert found == sorted(shares.values())[:2]
    assert "lowest IoU" in title


def test_folds_of_a_file(nn_contrast, tmp_path):
    folds = tmp_path / "folds.json"
    folds.write_text('{"both": ["tile", "leather"]}')
    status, _, err = nn_contrast(tmp_path / "r.json", "--folds", folds, "--seeds", 1, "--pictures", 0)
    assert status == 0, err
    found = json.loads((tmp_path / "r.json").read_text())["folds"]
    assert set(found) == {"both"}
    assert set(found["both"]["classes"]) == {"leather/cut", "leather/fold", "tile/crack"}
    assert set(found["both"]["good_images"]) == {"leather", "tile"}


@pytest.mark.parametrize("source", ["complement", "window"])
def test_steel(nn_contrast, steel, tmp_path, source):
    out = tmp_path / "r.json"
    options = ("--layout", "neu_seg", "--background-source", source, "--seeds", 1, "--pictures", 2)
    status, _, err = nn_contrast(out, *options, data=steel)
    assert status == 0, err
    found = json.loads(out.read_text())
    assert found["background_source"] == source
    assert found["folds"]["steel"]["false_positive_area"] is None
    assert found["folds"]["steel"]["episodes"] == 8
    assert (tmp_path / "r_steel.png").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--fold", "wood"), "fold 'wood': no such fold; there are leather, tile (--fold)"),
        (("--episodes", "absent.json"), "absent.json"),
        (("--size", 8), "greater than or equal to 64"),
        (("--data", "absent"), "absent"),
        (("--layout", "neu_seg"), "images/test"),
        (("--backbone", "vgg99"), "unknown backbone"),
        (("--method", "patchcore"), "unknown method 'patchcore'"),
        (("--weights", "run"), "--weights: --method nn_contrast has none of ours"),
    ],
)
def test_bad_input_is_one_line_and_status_two(nn_contrast, tmp_path, options, said):
    status, out, err = nn_contrast(tmp_path / "r.json", *options)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_steel_without_a_background_source_says_what_would_do(nn_contrast, steel, tmp_path):
    status, _, err = nn_contrast(tmp_path / "r.json", "--layout", "neu_seg", data=steel)
    assert status == 2
    assert "no good image" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", [b"\x80\x04pickle", b"", b"{}"])
def test_weights_that_are_none_of_ours(obftnet, painted, tmp_path, content):
    weights = tmp_path / "model.pt"
    weights.write_bytes(content)
    status, _, err = obftnet(
        "evaluate", "--data", painted, "--weights", weights, "--out", tmp_path / "r.json"
    )
    assert status == 2
    assert str(weights) in err
    assert err.count("\n") == 1
    assert not (tmp_path / "r.json").exists()
