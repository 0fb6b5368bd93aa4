"""What a command replaces, or makes anew, is as it was before or whole, wherever the command is killed.

Given again, the command ends as if it had never been killed, or says that its work is done; nothing
half-written stays beside it. While another process has the place, it is refused, and nothing changes.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from obftnet.files import exclusive
from obftnet.packs import read_pack

from .conftest import Run

Words = tuple[object, ...]

MODEL = ("--weights", "model.safetensors")
FIT: Words = ("fit", "--guidance", "guidance", "--out", "OUT/p.pack", *MODEL)
SEGMENT: Words = ("segment", "queries", "--guidance", "guidance", "--out", "OUT/results", *MODEL)


@dataclass(frozen=True)
class Replaced:
    """A command that replaces a file or folder.

    place: of it, below OUT. before: what is run first. again: what the command says, given again, where its
    work is done; "" where it does that work again.
    """

    words: Words
    place: str
    before: Words
    again: str = ""


CASES = {
    "fit": Replaced((*FIT, "--threshold", 0.7), "p.pack", FIT),
    "pack_add": Replaced(
        ("pack", "add", "OUT/p.pack", "--good", "queries/a.png", *MODEL), "p.pack", FIT, "p.pack already"
    ),
    "pack_remove": Replaced(
        ("pack", "remove", "OUT/p.pack", "c.png", *MODEL),
        "p.pack",
        ("fit", "--guidance", "more", "--out", "OUT/p.pack", *MODEL),
        "no image of",
    ),
    "pack_refit": Replaced(("pack", "refit", "OUT/p.pack", *MODEL), "p.pack", FIT),
    "calibrate": Replaced(
        ("calibrate", "--pack", "OUT/p.pack", "--good", "queries", "--false-alarms", "50%", *MODEL),
        "p.pack",
        FIT,
    ),
    "images": Replaced(
        ("pack", "export-images", "OUT/p.pack", "--out", "OUT/images"), "images", FIT, "is there already"
    ),
    "report": Replaced(("report", "OUT/results", "--out", "OUT/r.html"), "r.html", SEGMENT),
}


def state(place: Path) -> object:
    """What is there, without the time of day; None for nothing. A damaged pack cannot be read."""
    if place.suffix == ".pack":
        pack = read_pack(place)
        said = pack.content.model_dump()
        said["history"] = list(dict.fromkeys(event["what"] for event in said["history"]))
        return said, pack.files, {name: array.tobytes() for name, array in pack.fitted.items()}
    if place.is_dir():
        return {
            str(path.relative_to(place)): _without_times(path.read_bytes(), place.parent)
            for path in place.rglob("*")
            if path.is_file()
        }
    return _without_times(place.read_bytes(), place.parent) if place.exists() else None


def _without_times(data: bytes, folder: Path) -> bytes:
    data = data.replace(str(folder).encode(), b"")
    return re.sub(rb"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?([+-]\d\d:?\d\d)?", b"", data)


def names(out: Path) -> set[str]:
    """All that is there, but for the lock of a process that was killed, which holds nothing any more."""
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.suffix != ".lock"}


def check(run: Run, case: Replaced, folder: Path, most: int | None) -> None:
    ready, whole, out = folder / "ready", folder / "whole", folder / "killed"
    ready.mkdir()
    assert run(case.before, ready).status == 0
    before = state(ready / case.place)
    shutil.copytree(ready, whole)
    ended = run(case.words, whole)
    assert ended.status == 0, ended.said
    after = state(whole / case.place)
    assert after != before
    points = range(ended.writes)
    if most is not None:
        points = sorted({ended.writes * index // most for index in range(most)} | {ended.writes - 1})
    for point in points:
        shutil.copytree(ready, out)
        assert run(case.words, out, point).status == -9, point
        found = state(out / case.place)
        assert found in (before, after), point
        again = run(case.words, out)
        done = bool(case.again) and found == after
        assert again.status == (2 if done else 0), (point, again.said)
        assert not done or case.again in again.said, (point, again.said)
        assert state(out / case.place) == after, point
        assert names(out) == names(whole), point
        shutil.rmtree(out)


@pytest.mark.parametrize("name", CASES)
def test_before_or_after(name, run, more, tmp_path):
    check(run, CASES[name], tmp_path, most=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_before_or_after_at_any_write(name, run, more, tmp_path):
    check(run, CASES[name], tmp_path, most=None)


@pytest.fixture(scope="module")
def more(world) -> None:
    """The guidance with one good image more."""
    shutil.copytree(world / "guidance", world / "more")
    shutil.copy(world / "queries/c.png", world / "more/background/c.png")


@pytest.mark.parametrize("name", CASES)
def test_refused_while_another_process_has_the_place(name, run, more, tmp_path):
    case = CASES[name]
    out = tmp_path / "out"
    out.mkdir()
    assert run(case.before, out).status == 0
    before = state(out / case.place)
    place = out / case.place
    with exclusive(place.parent, place.stem):
        ended = run(case.words, out)
    assert ended.status == 2, ended.said
    assert "another process is writing its results there" in ended.said
    assert state(place) == before
