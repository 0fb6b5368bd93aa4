import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from obftnet.reproduction import BUDGETS, TARGETS


@pytest.fixture
def bare(command, world, monkeypatch):
    """The command on the pool's names and on a steel of two images a class, with a budget of seconds."""
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)
    monkeypatch.setitem(BUDGETS, "short", replace(BUDGETS["short"], size=64, steps=1, batch=1))
    for name in ("leather", "tile", "wood", "magtile", *(f"fabric_{n:02}" for n in range(7))):
        (world / "data" / name).symlink_to(world / "data" / "cork")
    for part in ("images", "annotations"):
        (world / "steel" / part / "test").mkdir(parents=True)
    for index in range(6):
        values = np.zeros((40, 40), np.uint8)
        values[8:30, 8:20] = 1 + index // 2
        Image.fromarray(values).save(world / f"steel/annotations/test/{index}.png")
        Image.fromarray(values * 50).save(world / f"steel/images/test/{index}.png")
    monkeypatch.chdir(world)
    return lambda *words: command("reproduce", *words, "--data", "data", "--out", "out")


@pytest.fixture
def reproduce(bare):
    """The same with a small backbone."""
    fixed = ("--protocol", "pool", "--backbone", "compact", "--backbone-weights", "random")
    return lambda *words: bare(*words, *fixed)


def test_a_table_in_three_files(reproduce, world):
    rows = ("--rows", "hsnet", "--rows", "prototype", "--fold", "tile", "--shots", 1)
    status, out, err = reproduce("table2", *rows)
    assert status == 0, err
    assert out.splitlines() == [f"out/table2_compact.{suffix}" for suffix in ("csv", "md", "png")]
    text = (world / "out" / "table2_compact.md").read_text()
    assert "| | tile | mean mIoU | mean FB-IoU |" in text
    assert [line.split(" | ")[0] for line in text.splitlines()[-2:]] == ["| hsnet", "| prototype"]


def test_a_row_made_before_stays_in_the_table(reproduce, world):
    """Rows may be made one at a time, here or on several machines; a row is shown when it is whole."""
    one = ("--fold", "tile", "--shots", 1)
    for row in ("prototype", "nn_contrast"):
        assert reproduce("table2", "--rows", row, *one)[0] == 0

    def rows() -> list[str]:
        with (world / "out" / "table2_compact.csv").open(newline="") as file:
            return list(dict.fromkeys(line["row"] for line in csv.DictReader(file)))

    assert rows() == ["nn_contrast", "prototype"]
    # Another fold, too, is made of one row alone: over both folds the other is not whole.
    assert reproduce("table2", "--rows", "prototype", *one, "--fold", "wood")[0] == 0
    assert rows() == ["prototype"]
    (world / "out" / "results" / "nn_contrast-compact-tile-1shot-seed0.json").unlink()
    assert reproduce("table2", "--rows", "prototype", *one)[0] == 0
    assert rows() == ["prototype"]


def test_shots_made_before_stay_in_the_table(reproduce, world):
    one = ("--fold", "tile", "--rows")
    for row in ("prototype", "nn_contrast"):
        assert reproduce("table2", *one, row, "--shots", 1)[0] == 0
    assert reproduce("table2", *one, "prototype", "--shots", 5)[0] == 0
    with (world / "out" / "table2_compact.csv").open(newline="") as file:
        found = list(dict.fromkeys((line["shots"], line["row"]) for line in csv.DictReader(file)))
    assert found == [("1", "nn_contrast"), ("1", "prototype"), ("5", "prototype")]
    # The other row, when it is made, joins what is there.
    assert reproduce("table2", *one, "nn_contrast", "--shots", 5)[0] == 0
    assert (world / "out" / "table2_compact.md").read_text().count("| nn_contrast |") == 2


def test_a_table_of_several_backbones_by_one_command(bare, world):
    networks = ("--backbone", "compact", "--backbone", "mobilenet_v2")
    untrained = ("--backbone-weights", "random") * 2
    one = ("--protocol", "pool", "--fold", "tile", "--shots", 1, "--rows", "prototype")
    status, out, err = bare("table2", *one, *networks, *untrained)
    assert status == 0, err
    names = [f"out/table2_{name}.{suffix}" for name in networks[1::2] for suffix in ("csv", "md", "png")]
    assert out.splitlines() == names
    said = [(world / names[index]).read_text().splitlines()[0].rpartition(", ")[2] for index in (1, 4)]
    assert said == ["compact", "mobilenet_v2"]
    assert bare("figure10", *one[:4], *networks, *untrained)[1].splitlines() == [
        "out/figure10_compact_tile.png",
        "out/figure10_mobilenet_v2_tile.png",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compact", "compact"), "backbone 'compact': given twice"),
        (("compact", "mobilenet_v2"), "1 backbone weights for 2 backbone(s); give one for each"),
        (("compact", "unet"), "1 backbone weights for 2 backbone(s)"),
    ],
)
def test_backbones_are_refused_before_any_is_used(bare, world, words, said):
    networks = [word for name in words for word in ("--backbone", name)]
    weights = ("--backbone-weights", "random")
    one = ("--protocol", "pool", "--fold", "tile", "--shots", 1, "--rows", "prototype")
    status, out, err = bare("table2", *one, *networks, *weights)
    assert (status, out, len(err)) == (2, "", 1)
    assert said in err[0]
    status, out, err = bare("table2", *one, "--backbone", "compact", "--backbone", "unet", *weights, *weights)
    assert (status, out, len(err)) == (2, "", 1)
    assert "unet" in err[0]
    assert not (world / "out").exists()


def test_table_one_of_a_folder_that_lacks_materials(bare, world):
    status, out, err = bare("table1")
    assert status == 0, err
    assert out.splitlines() == [f"out/table1_mvtec_unseen.{suffix}" for suffix in ("csv", "md")]
    with (world / "out" / "table1_mvtec_unseen.csv").open(newline="") as file:
        found = {(row["material"], row["class"]): row["difference"] for row in csv.DictReader(file)}
    assert found["carpet", "color"] == "-19"
    assert found["tile", "crack"] == "-14"
    assert "Not there at all: carpet, grid" in (world / "out" / "table1_mvtec_unseen.md").read_text()


def test_table_three_and_the_figures_take_the_runs_of_table_two(reproduce, world):
    """Trained once; what follows reads the run, whose state is not written again."""
    steel = ("--transfer-data", "steel")
    one = ("--fold", "tile")
    rows = ("--rows", "hsnet", "--rows", "obftnet")
    assert reproduce("table2", *rows, *one, "--shots", 1)[0] == 0
    runs = sorted((world / "out" / "runs").iterdir())
    states = [(path / "training.safetensors").stat().st_mtime_ns for path in runs]
    made = {}
    for words in (
        ("table3", *rows, *one, *steel, "--shots", 1),
        ("figure7", *one),
        ("figure8", *one, "--count", 1),
        ("figure9", *one, *steel, "--draw-seed", 3),
        ("figure10", *one),
    ):
        status, out, err = reproduce(*words)
        assert status == 0, err
        made[words[0]] = out.splitlines()
    assert made == {
        "table3": [f"out/table3_compact.{suffix}" for suffix in ("csv", "md", "png")],
        "figure7": ["out/figure7_compact.csv", "out/figure7_compact.png"],
        "figure8": ["out/figure8_compact.png"],
        "figure9": ["out/figure9_compact.png"],
        "figure10": ["out/figure10_compact_tile.png"],
    }
    assert sorted((world / "out" / "runs").iterdir()) == runs
    assert [(path / "training.safetensors").stat().st_mtime_ns for path in runs] == states
    assert "| inclusion | patches | scratches |" in (world / "out" / "table3_compact.md").read_text()


def test_help_names_every_target(bare, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = bare("--help")
    assert status == 0
    for name in TARGETS:
        assert f"{name}:" in out


TRANSFER = ("--transfer-data", "steel")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("table9",),
            "unknown table or figure 'table9'; there are: table1, table2, table3, table4, table5, fig",
        ),
        (("table4", "--rows", "unet"), "row 'unet': no such row"),
        (("table4", "--fold", "cork"), "fold 'cork': no such fold"),
        (("table2", *TRANSFER), "table2 has no use for it; leave it out (--transfer-data)"),
        (("table2", "--count", 1), "table2 has no use for it; leave it out (--count)"),
        (("figure8", "--shots", 1), "figure8 has no use for it; leave it out (--shots)"),
        (("figure10", "--rows", "obftnet"), "figure10 has no use for it; leave it out (--rows)"),
        (("table1",), "table1 has no use for it; leave it out (--backbone)"),
        (("table3",), "give the folder of NEU-Seg (--transfer-data)"),
        (("figure9",), "give the folder of NEU-Seg (--transfer-data)"),
        (("table3", "--transfer-data", "data"), "data: no folder images/test"),
        (("figure8", "--rows", "unet"), "row 'unet': no such row"),
    ],
)
def test_bad_input_is_one_line(reproduce, world, words, said):
    status, out, err = reproduce(*words)
    assert (status, out, len(err)) == (2, "", 1)
    assert said in err[0]
    assert not (world / "out").exists()
