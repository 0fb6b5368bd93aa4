"""No command writes over what was read or what it did not write, and none into a folder that another has."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from obftnet.files import exclusive

GUIDANCE = ("--guidance", "guidance", "--weights", "model.safetensors")
EVALUATE = ("evaluate", "--data", "data", "--weights", "model.safetensors", "--seeds", 1, "--pictures", 0)
EVALUATE_ALL = (*EVALUATE[:-1], 1)
EXPLAIN = ("explain", "queries/q.png", *GUIDANCE)
TRAIN = ("train", "--data", "data", "--backbone", "compact", "--backbone-weights", "random", "--steps", 1)
DISTILL = ("distill", "--data", "data", "--student", "compact", "--teacher", "compact", "--backbone-weights")
SYNTHESIZE = ("synthesize", "--materials", 1, "--size", 32)


@pytest.fixture(autouse=True)
def _at_home(world, monkeypatch):
    monkeypatch.chdir(world)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (EXPLAIN, "queries/q.png"),
        (EXPLAIN, "guidance/support/s.png"),
        (EXPLAIN, "guidance/support/s_mask.png"),
        (EXPLAIN, "guidance/background/b.png"),
        (EXPLAIN, "model.safetensors"),
        (EXPLAIN, "queries/r.png"),
        (EVALUATE, "data/cork/test/crack/0.png"),
        (EVALUATE, "model.safetensors"),
        (EVALUATE, "manifest.csv"),
        (EVALUATE, "mine.json"),
        ((*EVALUATE, "--out", "results.json", "--write-episodes"), "mine.json"),
    ],
)
def test_a_file_that_is_not_ours_is_not_replaced(command, world, arguments, out, link):
    (world / "manifest.csv").write_text("image,group\n")
    (world / "mine.json").write_text('{"mine": 1}')
    target = out
    if link:
        target = "link" + Path(out).suffix
        Path(target).symlink_to(out)
    before = content(world)
    status, _, err = command(*arguments, *(() if "--write-episodes" in arguments else ("--out",)), target)
    assert status == 2
    (line,) = err
    assert target in line
    assert content(world) == before


@pytest.mark.parametrize(
    ("arguments", "there"),
    [
        ((*EVALUATE, "--out", "out/r.json"), "out/r_queries.csv"),
        ((*EVALUATE_ALL, "--out", "out/r.json"), "out/r_cork.png"),
        ((*SYNTHESIZE, "--out", "out"), "out/manifest.csv"),
        (("segment", "queries", *GUIDANCE, "--out", "out"), "out/r_mask.png"),
        (("segment", "queries", *GUIDANCE, "--out", "out"), "out/segment.json"),
    ],
)
def test_what_lies_where_results_go_stays(command, world, arguments, there):
    Path(there).parent.mkdir()
    Path(there).write_bytes(b"mine")
    before = content(world)
    status, _, err = command(*arguments)
    assert status == 2
    (line,) = err
    assert there in line
    assert content(world) == before


@pytest.mark.skipif(os.name != "posix", reason="special files are made the POSIX way")
@pytest.mark.parametrize("out", ["/dev/null", "pipe.png", "folder"])
@pytest.mark.parametrize("arguments", [EXPLAIN, EVALUATE])
def test_a_special_file_is_not_replaced(command, monkeypatch, arguments, out):
    monkeypatch.setattr("obftnet.model.OBFTNet.score", None)  # found before the work
    os.mkfifo("pipe.png")
    Path("folder").mkdir()
    before = os.lstat(out)
    status, _, err = command(*arguments, "--out", out)
    assert status == 2
    (line,) = err
    assert f"{out}: is a " in line
    assert os.path.samestat(os.lstat(out), before)


def test_what_we_wrote_is_replaced(command, world):
    for _ in range(2):
        status, _, err = command(*EXPLAIN, "--out", "why.png")
        assert status == 0, err
        status, _, err = command(*EVALUATE_ALL, "--out", "r.json", "--write-episodes", "e.json")
        assert status == 0, err
    assert Image.open("why.png").info["Software"] == "obftnet"
    assert not list(world.glob(".*"))


def test_a_picture_is_a_png(command):
    status, _, err = command(*EXPLAIN, "--out", "why.jpg")
    assert (status, len(err)) == (2, 1)
    assert "why.jpg: a PNG is written" in err[0]


def test_a_manifest_of_other_generated_materials_is_added_to(command, world):
    assert command(*SYNTHESIZE, "--out", "made")[0] == 0
    shutil.rmtree(next(path for path in (world / "made").iterdir() if path.is_dir()))
    assert command(*SYNTHESIZE, "--out", "made")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "out", "family"),
    [
        (("segment", "queries", *GUIDANCE), "out", None),
        (TRAIN, "out", None),
        ((*DISTILL, "random", "--steps", 1), "out", None),
        (SYNTHESIZE, "out", None),
        (("demo",), "out", None),
        (("reproduce", "table2", "--data", "data"), "out", None),
        (EVALUATE, "out/r.json", "r"),
    ],
)
def test_a_second_process_gets_one_line(command, arguments, out, family):
    with exclusive("out", family):
        status, _, err = command(*arguments, "--out", out)
        assert (status, len(err)) == (2, 1)
        assert "out: another process is writing its results there" in err[0]
        assert len(list(Path("out").iterdir())) == 1
