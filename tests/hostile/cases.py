"""What a hostile input is, and what must come of it.

Each ends in one line on standard error and exit status 2; what was there is as it was, and nothing is left
behind. A case is what is spoilt in a sound world (`conftest.world`), the command, and a word that the line
must say. Of the cases every second of each kind runs always, the others with `-m slow`.
"""

import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
from PIL import Image
from safetensors.torch import save_file

from obftnet.safefile import read_safetensors

Spoil = Callable[[Path], None]


SEGMENT = "segment queries --guidance guidance --out out --weights MODEL"


EXPLAIN = "explain queries/q.png --guidance guidance --out why.png --weights MODEL"


EVALUATE = (
    "evaluate --data data --method prototype --backbone compact --backbone-weights random --size 64 "
    "--seeds 1 --pictures 0 --out results.json"
)


TRAIN = (
    "train --data data --backbone compact --backbone-weights random --size 64 --steps 1 --batch 1 --out out"
)


DISTILL = (
    "distill --data data --teacher compact --backbone-weights random --size 64 --steps 1 --batch 2 --out out"
)


SYNTHESIZE = "synthesize --materials 1 --size 32 --out out"


REPRODUCE = "reproduce table2 --data data --out out"


CALIBRATE = "calibrate --pack p --good queries --weights MODEL"


DECIDE = "decide out --threshold 0.7"


DEMO = "demo --out out --weights MODEL"


SHOW = "pack show w"


FIT = "fit --guidance guidance --out new.pack --weights MODEL"


WATCH = "watch queries --pack p.pack --out out --weights MODEL --once --settle 0 --patience 0 --every 0"


PACKED = "segment queries --pack p.pack --out out --weights MODEL"


Q, S, M, B = (
    "queries/q.png",
    "guidance/support/s.png",
    "guidance/support/s_mask.png",
    "guidance/background/b.png",
)


D, T, G = (
    "data/cork/test/crack/0.png",
    "data/cork/ground_truth/crack/0_mask.png",
    "data/cork/train/good/0.png",
)


class Case(NamedTuple):
    """One hostile input. says: what the one line must hold, in any case of letters."""

    kind: str
    name: str
    command: str
    spoil: Spoil | None
    says: str


def nothing(world: Path) -> None:
    pass


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, metadata=None, **options)
    return stream.getvalue()


GREY = (np.arange(48 * 60).reshape(48, 60) % 251).astype(np.uint8)


PICTURE = Image.fromarray(GREY)


PNG = encoded(PICTURE, "PNG")


HUGE = PNG[:16] + (20_000).to_bytes(4, "big") * 2 + PNG[24:]


PLAIN = tiff(GREY, photometric="minisblack")


def link_to(target: str) -> Spoil:
    return lambda path: path.symlink_to(target)


#: What stands where a file is wanted and is none, and what is said of it.
NO_FILE: dict[str, tuple[Spoil, str]] = {
    "folder": (lambda path: path.mkdir(), ""),
    "fifo": (lambda path: os.mkfifo(path), ""),
    "zero": (link_to("/dev/zero"), ""),
    "broken_link": (link_to("gone"), ""),
    "loop": (lambda path: path.symlink_to(path.name), ""),
}


def put(name: str, content: bytes) -> Spoil:
    def spoil(world: Path) -> None:
        path = world / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return spoil


def instead(name: str, make: Spoil) -> Spoil:
    def spoil(world: Path) -> None:
        path = world / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)

    return spoil


def remove(name: str) -> Spoil:
    def spoil(world: Path) -> None:
        path = world / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def saying(source: str, target: str, **metadata: str) -> Spoil:
    """A safetensors file of another's tensors, and of its metadata but for these."""

    def spoil(world: Path) -> None:
        tensors, said = read_safetensors(world / source)
        save_file(tensors, world / target, said | metadata)

    return spoil


def no_file(place: str, command: str, path: str) -> "list[Case]":
    """The command with what is no file where it wants one."""
    return [
        Case("special", f"{place}_{name}", command, instead(path, make), says)
        for name, (make, says) in NO_FILE.items()
    ]


def in_each(kind: str, places: Mapping[str, tuple[str, str]], contents: Mapping[str, bytes]) -> "list[Case]":
    """Each content in each place, (command, path), and what is no file there."""
    found = []
    for place, (command, path) in places.items():
        for name, content in contents.items():
            found.append(Case(kind, f"{place}_{name}", command, put(path, content), Path(path).name))
        found += no_file(place, command, path)
    return found


HUGE_NUMBER = "9" * 23


def thinned(cases: Sequence[Case]) -> list[object]:
    """Every second of each kind; the others are slow."""
    assert len({(case.kind, case.name) for case in cases}) == len(cases)
    seen: dict[str, int] = {}
    found = []
    for case in cases:
        seen[case.kind] = seen.get(case.kind, 0) + 1
        marks = () if seen[case.kind] % 2 else (pytest.mark.slow,)
        name = f"{case.kind}-{case.name}".encode("ascii", "backslashreplace").decode()
        found.append(pytest.param(case, id=name, marks=marks))
    return found


def contents(world: Path) -> dict[str, object]:
    """Every name in a folder with what is there."""
    found: dict[str, object] = {}
    for path in world.rglob("*"):
        name = str(path.relative_to(world))
        found[name] = path.read_bytes() if path.is_file() and not path.is_symlink() else path.is_dir()
    return found


def arguments(case: Case) -> list[str]:
    """The words of a command; a tab keeps what is around it whole."""
    parts = case.command.split("\t")
    if len(parts) == 2:
        *words, option = parts[0].split(" ")
        return [word for word in (*words, option, parts[1]) if word or word == parts[1]]
    if len(parts) == 3:
        return [parts[0], parts[1], *parts[2].split()]
    return case.command.split()


_RECORD = ("segment.json", "guidance.png", "images.csv", "regions.csv", "coco.json", "regions.parquet")


def check(case: Case, world: Path, obftnet: Callable[..., tuple[int, str, str]]) -> None:
    """Spoil the world, run the command, and see that it is one line, status 2, and nothing left."""
    if case.spoil is not None:
        case.spoil(world)
    before = contents(world)
    words = [word.replace("MODEL", "../model.safetensors") for word in arguments(case)]
    status, _, err = obftnet(*words)
    assert status == 2, err
    assert err.count("\n") == 1, err
    assert err[:-1].isprintable()
    assert case.says.lower() in err.lower()
    after = contents(world)
    assert {name: after.get(name) for name in before} == before
    # A query that is refused stands in the record and the tables, beside the guidance as it was understood.
    record = {"out", *(f"out/{name}" for name in _RECORD)} if case.command.startswith("segment") else set()
    assert set(after) - set(before) <= record
