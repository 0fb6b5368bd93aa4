"""Killed before any of its writes, a command run again ends as if it had never been killed.

What it left meanwhile is never taken for whole, what was finished is not done again, and no half-written file
stays. A kill before a file is named leaves half of it on the disk, as a machine that loses its power may.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from .conftest import Run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed the POSIX way")


COMPACT = ("--size", 64, "--batch", 2)
COMMANDS: dict[str, tuple[object, ...]] = {
    "segment": (
        *("segment", "queries", "--guidance", "guidance", "--weights", "model.safetensors"),
        *("--out", "OUT/results"),
    ),
    "decide": ("decide", "OUT/results", "--threshold", 0.3, "--min-area", 4),
    "train": (
        *("train", "--data", "data", "--test-fold", "slate", "--backbone", "compact"),
        *("--backbone-weights", "random", "--steps", 5, "--out", "OUT/run", *COMPACT),
    ),
    "evaluate": (
        *("evaluate", "--data", "data", "--weights", "model.safetensors", "--seeds", 1, "--pictures", 1),
        *("--out", "OUT/r.json"),
    ),
    "synthesize": (
        *("synthesize", "--materials", 2, "--size", 32, "--kinds", 1, "--defective", 2, "--good", 1),
        *("--out", "OUT/made"),
    ),
    "distill": (
        *("distill", "--data", "data", "--teacher", "compact", "--backbone-weights", "random"),
        *("--steps", 5, "--out", "OUT/run", *COMPACT),
    ),
}


#: What a command goes by, which is done before it is killed.
BEFORE = {"decide": COMMANDS["segment"]}


def results(out: Path) -> dict[str, object]:
    """What a command left, without what tells only how long it took."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.name == "segment.json":
            content = json.loads(path.read_text())
            found[name] = sorted((e | {"seconds": 0} for e in content.pop("images")), key=str), content
        elif path.name == "r.json":
            content = json.loads(path.read_text())
            found[name] = {key: value for key, value in content.items() if key != "speed"}
        elif path.name == "log.csv":
            rows = path.read_text().split()
            found[name] = [re.sub(r"^(\d+),([^,]*),([^,]*),[^,]*", r"\1,\2,\3", row) for row in rows]
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = "folder"
    return found


def finished(out: Path) -> int:
    """How many images a killed `segment` has noted as done."""
    names = set()
    record, journal = out / "results" / "segment.json", out / "results" / "segment.unfinished"
    if record.exists():
        names |= {entry["result"] for entry in json.loads(record.read_text())["images"]}
    if journal.exists():
        names |= {json.loads(line)["result"] for line in journal.read_text().split("\n")[1:-1]}
    return len(names)


def check(run: Run, command: str, folder: Path, most: int | None) -> None:
    """Kill a command at its writes, or at `most` of them, and let it end afterwards."""
    whole = prepared(run, command, folder / "whole")
    ended = run(COMMANDS[command], whole)
    assert ended.status == 0, ended.said
    assert ended.writes > 5
    wanted = results(whole)
    points = range(ended.writes)
    if most is not None:
        points = [ended.writes * index // most for index in range(most)]
    for point in points:
        out = prepared(run, command, folder / "killed")
        killed = run(COMMANDS[command], out, point)
        assert killed.status == -9, (point, killed.said)
        done = finished(out) if command == "segment" else 0
        again = run(COMMANDS[command], out)
        assert again.status == 0, (point, again.said)
        assert results(out) == wanted, point
        if done:
            assert f"({done} of them done before)" in again.said, point
        shutil.rmtree(out)


def prepared(run: Run, command: str, out: Path) -> Path:
    """A folder for a command's results, with what it goes by."""
    out.mkdir()
    if command in BEFORE:
        assert run(BEFORE[command], out).status == 0
    return out


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_some_of_its_writes(run, tmp_path, command):
    check(run, command, tmp_path, most=3)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_any_of_its_writes(run, tmp_path, command):
    check(run, command, tmp_path, most=None)
