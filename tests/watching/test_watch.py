"""Each image that comes is judged once, when it is whole, whatever happens meanwhile."""

import csv
import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import obftnet.segmentation.outputs
from obftnet.errors import InputError
from obftnet.imaging.read import read_mask
from obftnet.packs.edit import edit_pack
from obftnet.segmentation import segment_files
from obftnet.watching import watch

QUICK = {"every": 0.01, "settle": 0.0, "patience": 0.0, "once": True, "device": "cpu"}


@pytest.fixture
def judge(line, tmp_path, fitted):
    """Watches until all is judged; the rows of the table, by the file's name."""
    pack, weights = fitted

    def run(**settings) -> dict[str, dict[str, str]]:
        watch(line, pack, tmp_path / "out", weights=weights, **QUICK | settings)
        return rows(tmp_path)

    return run


def rows(tmp_path: Path) -> dict[str, dict[str, str]]:
    with (tmp_path / "out/verdicts.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    found = {Path(row["file"]).name: row for row in listed}
    assert len(found) == len(listed), "judged twice"
    return found


def test_results_are_those_of_segment_and_the_table_says_them(judge, arrive, line, tmp_path, fitted):
    for seed in range(6):
        arrive(f"shift{seed % 2}/{seed}.png", seed)
    found = judge()
    pack, weights = fitted
    segment_files([line], None, tmp_path / "job", pack=pack, weights=weights, device="cpu")
    entries = json.loads((tmp_path / "job/segment.json").read_text())["images"]
    assert len(entries) == len(found) == 6
    for entry in entries:
        row = found[Path(entry["file"]).name]
        assert (row["verdict"], int(row["regions"])) == (entry["verdict"], entry["regions"])
        assert float(row["image_score"]) == pytest.approx(entry["image_score"], abs=1e-6)
        assert row["sha256"] == entry["sha256"]
        name = f"{entry['result']}_mask.png"
        mine = read_mask(Path(f"{row['results']}_mask.png"), allow_empty=True)
        np.testing.assert_array_equal(mine, read_mask(tmp_path / "job" / name, allow_empty=True))
    assert {row["verdict"] for row in found.values()} == {"pass", "fail"}


def test_a_second_process_judges_only_what_is_new_or_changed(judge, arrive, line, tmp_path):
    arrive("a.png", 0)
    first = judge()
    arrive("b.png", 1)
    assert judge().keys() == {"a.png", "b.png"}
    assert rows(tmp_path)["a.png"] == first["a.png"]
    arrive("a.png", 2)
    os.utime(line / "a.png", ns=(1, 1))
    watched = watch_again(judge, tmp_path)
    assert [Path(row["file"]).name for row in watched] == ["a.png", "b.png", "a.png"]


def test_with_another_decision_within_the_hour_results_go_beside(judge, arrive, line, tmp_path, fitted):
    pack, weights = fitted
    arrive("a.png", 0)
    first = judge()["a.png"]
    other = tmp_path / "other.pack"
    shutil.copy(pack, other)
    decision = {"threshold": 0.75, "review": None}

    def change(content):
        return content.model_copy(update={"decision": content.decision.model_copy(update=decision)})

    edit_pack(other, change, "stricter")
    for seed, name in ((1, "b.png"), (2, "c.png")):
        arrive(name, seed)
        watch(line, other, tmp_path / "out", weights=weights, **QUICK)
    found = rows(tmp_path)
    assert found["a.png"] == first
    places = [Path(found[name]["results"]).parent for name in ("a.png", "b.png", "c.png")]
    assert places[1] != places[0]
    assert places[1].name in (
        f"{places[0].name}-2",
        *map("{:02}".format, range(24)),
    )  # at the turn of an hour
    decisions = [json.loads((place / "segment.json").read_text())["settled"]["decision"] for place in places]
    assert decisions[0]["threshold"] != 0.75
    assert [one["threshold"] for one in decisions[1:]] == [0.75, 0.75]


def watch_again(judge, tmp_path) -> list[dict[str, str]]:
    with pytest.raises(AssertionError, match="judged twice"):
        judge()
    with (tmp_path / "out/verdicts.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_half_copied_file_is_waited_for(judge, arrive, line, tmp_path):
    whole = arrive("a.png", 0).read_bytes()
    (line / "a.png").write_bytes(whole[: len(whole) // 2])

    def finish() -> None:
        time.sleep(0.3)
        (line / "a.png").write_bytes(whole)

    copying = threading.Thread(target=finish)
    copying.start()
    found = judge(patience=60.0)
    copying.join()
    assert found["a.png"]["verdict"] in ("pass", "fail")
    assert int(found["a.png"]["bytes"]) == len(whole)


def test_what_cannot_be_read_is_refused_after_a_while_and_the_rest_goes_on(judge, arrive, line, fitted):
    whole = arrive("a.png", 0).read_bytes()
    (line / "half.png").write_bytes(whole[: len(whole) // 2])
    (line / "notes.txt").write_text("hello")
    told, noted = [], []
    found = judge(told=told.append, notice=noted.append)
    assert found.keys() == {"a.png", "half.png"}
    assert (found["half.png"]["verdict"], found["half.png"]["image_score"]) == ("refused", "")
    assert "truncated" in found["half.png"]["reason"]
    assert {(one.file.name, one.verdict == "refused") for one in told} == {
        ("a.png", False),
        ("half.png", True),
    }
    assert sum("notes.txt" in line for line in noted) == 1


def test_images_go_where_their_verdict_says_and_replace_nothing(judge, arrive, line, tmp_path):
    for seed in range(6):
        arrive(f"s/{seed}.png", seed)
    (line / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    taken = tmp_path / "away/pass/s"
    taken.mkdir(parents=True)
    for seed in range(6):
        (taken / f"{seed}.png").write_bytes(b"mine")
    found = judge(move_to=tmp_path / "away")
    assert not list(line.rglob("*.png"))
    for name, row in found.items():
        stem = name.removesuffix(".png")
        expected = f"{stem}-2.png" if row["verdict"] == "pass" else name
        folder = tmp_path / "away" / row["verdict"] / ("" if name == "bad.png" else "s")
        assert (folder / expected).stat().st_size == int(row["bytes"])
    assert all((taken / f"{seed}.png").read_bytes() == b"mine" for seed in range(6))


def test_what_an_earlier_process_judged_and_did_not_move_is_moved(judge, arrive, line, tmp_path):
    arrive("a.png", 0)
    verdict = judge()["a.png"]["verdict"]
    assert judge(move_to=tmp_path / "away")["a.png"]["verdict"] == verdict
    assert (tmp_path / "away" / verdict / "a.png").is_file()
    assert not (line / "a.png").exists()


def python(code: str, *words: str) -> str:
    return shlex.join([sys.executable, "-c", code, *words])


def test_the_command_gets_names_as_words_and_no_shell_reads_them(judge, arrive, line, tmp_path):
    name = "a; touch $(pwned) 'x' \"{verdict}\".png"
    path = arrive(name, 0)
    log = tmp_path / "log.json"
    code = "import json, sys; json.dump(sys.argv[1:], open(sys.argv[1], 'w'))"
    row = judge(then=python(code, str(log), "{file}", "{verdict}={image_score}", "{regions}"))[name]
    said = json.loads(log.read_text())
    assert said[1:] == [str(path), f"{row['verdict']}={row['image_score']}", row["regions"]]
    assert row["hook"] == "done"
    assert not list(Path.cwd().glob("pwned*"))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit('gate is stuck')", "status 1 (gate is stuck)"),
        ("import time; time.sleep(60)", "no end"),
    ],
)
def test_a_command_that_fails_is_noted_and_the_watch_goes_on(judge, arrive, code, says):
    arrive("a.png", 0), arrive("b.png", 1)
    noted = []
    found = judge(then=python(code), then_seconds=2.0, notice=noted.append)
    assert all(says in row["hook"] for row in found.values())
    assert sum(says in line for line in noted) == 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"then": "no_such_program_here {file}"}, "no such program"),
        ({"then": "'"}, "No closing quotation"),
        ({"then": ""}, "no such program"),
        ({"then": "true {name}"}, "{name} is not known"),
        ({"then_seconds": 0.0}, "then_seconds 0"),
        ({"every": float("nan")}, "every nan"),
        ({"settle": -1.0}, "settle -1"),
        ({"patience": float("inf")}, "patience inf"),
        ({"keep": ["x"]}, "no kind of result"),
        ({"device": "abacus"}, "no such device"),
    ],
)
def test_settings_that_are_none_are_said_before_the_work(judge, arrive, settings, says):
    arrive("a.png", 0)
    with pytest.raises(InputError) as caught:
        judge(**settings)
    assert says in str(caught.value)


def test_folders_and_tables_that_cannot_be_used(line, tmp_path, fitted, judge):
    pack, weights = fitted
    for folder, out, says in (
        (tmp_path / "gone", tmp_path / "out", "no such folder"),
        (pack, tmp_path / "out", "is a file"),
        (line, tmp_path, "lies in it"),
    ):
        with pytest.raises(InputError, match=says):
            watch(folder, pack, out, weights=weights, **QUICK)
    (tmp_path / "out").mkdir()
    for text in ("mine", "mine\n", "time,file\n", "\x00"):
        (tmp_path / "out/verdicts.csv").write_text(text)
        with pytest.raises(InputError, match=r"verdicts\.csv: its first line"):
            judge()
        assert (tmp_path / "out/verdicts.csv").read_text() == text
        (tmp_path / "out/verdicts.csv").unlink()


def test_half_a_line_of_a_machine_that_lost_its_power_is_no_verdict(judge, arrive, tmp_path):
    arrive("a.png", 0), arrive("b.png", 1)
    judge()
    table = tmp_path / "out/verdicts.csv"
    table.write_bytes(table.read_bytes()[:-9])
    assert judge().keys() == {"a.png", "b.png"}


def test_a_full_disk_is_said_once_and_waited_for(judge, arrive, monkeypatch):
    arrive("a.png", 0), arrive("b.png", 1)
    tried = []
    write = obftnet.segmentation.outputs.write_score

    def full(path, score):
        tried.append(path)
        if len(tried) < 4:
            error = OSError(errno.ENOSPC, "No space left on device")
            raise InputError(f"{path}: cannot be written (No space left on device)") from error
        write(path, score)

    monkeypatch.setattr(obftnet.segmentation.outputs, "write_score", full)
    noted = []
    assert judge(notice=noted.append).keys() == {"a.png", "b.png"}
    assert [line for line in noted if "No space" in line] == [noted[0]]


def test_two_processes_with_one_folder_of_results(judge, arrive, tmp_path):
    from obftnet.files import exclusive

    arrive("a.png", 0)
    with exclusive(tmp_path / "out", "watch"), pytest.raises(InputError, match="another process"):
        judge()


@pytest.mark.skipif(os.name != "posix", reason="killed the POSIX way")
@pytest.mark.parametrize(
    "place", ["during the command", pytest.param("while a file is written", marks=pytest.mark.slow)]
)
def test_killed_and_begun_again_every_image_has_one_verdict(arrive, line, tmp_path, fitted, place):
    """The command may run twice for the image it was killed at, and for no other."""
    pack, weights = fitted
    for seed in range(4):
        arrive(f"{seed}.png", seed)
    log = tmp_path / "told"
    kill = "import os, sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"
    if place == "during the command":
        kill += "; os.path.exists(sys.argv[3]) or (open(sys.argv[3], 'w'), os.kill(os.getppid(), 9))"
    words = [
        "watch",
        str(line),
        "--pack",
        str(pack),
        "--weights",
        str(weights),
        "--out",
        str(tmp_path / "out"),
    ]
    words += ["--once", "--every", "0.01", "--settle", "0", "--device", "cpu"]
    words += ["--then", python(kill, str(log), "{file}", str(tmp_path / "killed"))]
    killer = """
import os, sys, signal
count = [0]
def hook(event, args):
    if event == "os.rename" and "_overlay" in str(args[1]):
        count[0] += 1
        if count[0] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
sys.argv[0] = "obftnet"
from obftnet.cli import main
main()
"""
    command = [sys.executable, "-m", "obftnet"]
    first = [sys.executable, "-c", killer] if place != "during the command" else command
    ended = subprocess.run([*first, *words], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    ended = subprocess.run([*command, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert rows(tmp_path).keys() == {f"{seed}.png" for seed in range(4)}
    told = log.read_text().split()
    assert {Path(name).name for name in told} == {f"{seed}.png" for seed in range(4)}
    assert len(told) == (5 if place == "during the command" else 4)
    assert not list((tmp_path / "out").rglob(".partial-*"))


def test_the_command_line_tells_each_image(arrive, line, tmp_path, fitted, obftnet):
    pack, weights = fitted
    arrive("a.png", 0)
    (line / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = ["watch", line, "--pack", pack, "--weights", weights, "--out", tmp_path / "out"]
    status, out, err = obftnet(*words, "--once", "--every", 0.01, "--settle", 0, "--patience", 0)
    assert status == 2
    assert out.splitlines()[-1].endswith("1 refused")
    assert any(text.split()[2:] == [str(line / "a.png")] for text in out.splitlines())
    assert err.count("\n") == 1
    assert "half.png" in err
