"""Every command in the README and the docs runs; sizes and step counts are cut so that it takes seconds.

What trains, makes data or evaluates outside the README is slow even so: here its options are looked at, and
`make docs-test` runs it.
"""

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

from obftnet.cli import main
from obftnet.cli.app import app
from obftnet.imaging import write_png
from obftnet.methods.registry import REFERENCES
from obftnet.reproduction import BUDGETS, TARGETS, read_table
from obftnet.synthetic import Material, write_dataset
from obftnet.weights import shipped

ROOT = Path(__file__).resolve().parents[2]
#: The tutorial's commands need each other's files, and have a test of their own.
TUTORIAL = ROOT / "docs" / "tutorial.md"
DOCUMENTS = [ROOT / "README.md", *sorted({*(ROOT / "docs").glob("*.md")} - {TUTORIAL})]
#: Where the documents' clients ask.
SERVER = "http://127.0.0.1:8766"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: What is cut: each option to the value that keeps a run to seconds.
SMALL = {
    "--steps": "2",
    "--seeds": "1",
    "--size": "64",
    "--materials": "2",
    "--shots": "1",
    "--episodes": "2",
    "--batch": "2",
    "--pictures": "1",
    "--workers": "1",
    "--tile": "64",
}


#: Every material that a fold or a protocol of the documents names.
MATERIALS = [
    *("carpet", "grid", "leather", "tile", "wood", "magtile"),
    *(f"fabric_{n:02}" for n in range(7)),
    *("weave", "satin", "felt"),
]


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        for kind, text in BLOCK.findall(document.read_text()):
            if kind == language:
                found.append((document.name, text))
    return found


def label(value: str) -> str:
    return value[:40].replace("\n", " ")


def commands(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, annotate: Callable[[Path], None]) -> Path:
    """A folder with what the documents speak of: guidance, photos, other tools' annotations, and a data set
    with their fold names."""
    folder = tmp_path_factory.mktemp("docs")
    annotate(folder)
    material = Material.from_seed(20_000_000, "leather")
    kind = material.defect_kinds(1)[0]
    for name, index in (("scratch1", 0), ("scratch2", 1)):
        image, mask = material.defective(index, kind, 96)
        write_png(folder / "guidance/support" / f"{name}.png", (image * 255).astype("uint8"))
        write_png(folder / "guidance/support" / f"{name}_mask.png", mask.astype("uint8") * 255)
    corners = [[0, 0], [96, 0], [96, 80], [0, 80]]
    region = {"shapes": [{"label": "part", "points": corners}], "imageHeight": 96, "imageWidth": 96}
    (folder / "region.json").write_text(json.dumps(region))
    for name, index in (("good1", 0), ("good2", 9)):
        good = (material.good(index, 96) * 255).astype("uint8")
        write_png(folder / f"guidance/background/{name}.png", good)
    image, mask = material.defective(7, kind, 96)
    write_png(folder / "photos/part1.png", (image * 255).astype("uint8"))
    write_png(folder / "truth/part1_mask.png", mask)
    for index in range(1, 4):
        write_png(folder / f"good/good{index}.png", (material.good(index, 96) * 255).astype("uint8"))
    write_dataset(folder / "made", 5, 0, size=64, kinds=1, defective_per_kind=3, good=4)
    made = sorted(path for path in (folder / "made").iterdir() if path.is_dir())
    for name, source in zip(MATERIALS, itertools.cycle(made), strict=False):
        shutil.copytree(source, folder / "data" / name)
    rng = np.random.default_rng(0)
    for index in range(3):
        labels = np.zeros((64, 64), np.uint8)
        labels[20:40, 8:40] = 1
        write_png(folder / f"neu/annotations/test/{index}.png", labels)
        write_png(folder / f"neu/images/test/{index}.png", rng.integers(0, 256, (64, 64), dtype=np.uint8))
    return folder


#: Commands that take seconds however small they are cut.
LONG = {"train", "export", "evaluate", "distill", "synthesize", "reproduce"}


def by_length() -> list[Any]:
    """The shell blocks, the long ones marked."""
    return [
        pytest.param(document, text, marks=[pytest.mark.slow] if takes_long(document, text) else [])
        for document, text in blocks("sh")
    ]


def takes_long(document: str, text: str) -> bool:
    # The runtime runs what an export, which takes long, has written; Ray takes long to begin.
    words = [command.split()[:2] for command in commands(text) if command.startswith("obftnet")]
    long = any({*LONG, "obftnet-runtime"} & set(word) for word in words) or "--ray" in text
    return document != "README.md" and long


@pytest.mark.parametrize(("document", "text"), blocks("sh"), ids=label)
def test_every_option_is_one_that_there_is(document, text):
    for command in commands(text):
        words = shlex.split(command)
        if words[0] == "obftnet":
            group = get_command(app)
            assert words[1] in group.commands, command
            name, found, rest = words[1], group.commands[words[1]], words[2:]
            if hasattr(found, "commands"):
                assert rest[0] in found.commands, command
                name, found, rest = rest[0], found.commands[rest[0]], rest[1:]
            # Parsed and no more; it raises on an option that there is not, or a value that does not fit.
            found.make_context(name, rest)


@pytest.mark.parametrize(("document", "text"), by_length(), ids=label)
def test_every_shell_block_runs(document, text, place, monkeypatch):
    monkeypatch.chdir(place)
    for name, budget in BUDGETS.items():
        small_budget = replace(budget, size=64, epochs=0, steps=1, batch=1, seeds=1)
        monkeypatch.setitem(BUDGETS, name, small_budget)
    for command in commands(text):
        run(command, place, monkeypatch)


@cache
def ask_for_help(script: str) -> None:
    """Once a script, however often the documents name it."""
    subprocess.run([sys.executable, str(ROOT / script), "--help"], check=True, capture_output=True)


def run(command: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if command.startswith("make "):
        # Each builds an environment; here it is enough that make knows the target.
        subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, check=True, capture_output=True)
        return
    words = shlex.split(command.removeprefix(".venv/bin/"))
    if words[:3] == ["python3", "-m", "venv"] or words[0] == "pip" or words[:3] == ["python", "-m", "pytest"]:
        makefile = (ROOT / "Makefile").read_text()
        assert words[-1] in makefile or words[-1] == ".venv", f"{command}: not what the Makefile does"
        return
    if words[:2] == ["python", "tools/ship.py"] and not words[3].startswith("src/"):
        tool, *rest = [str(ROOT / w) if w.startswith(("tools/", "src/")) else w for w in words[1:]]
        subprocess.run([sys.executable, tool, *rest], check=True)
        return
    if words[0] == "python" and words[1].startswith(("benchmarks/", "tools/")):
        ask_for_help(words[1])
        return
    if words[0] == "obftnet-runtime":
        path = os.pathsep.join([str(ROOT / "runtime/src"), str(ROOT / "src")])
        command_line = [sys.executable, "-m", "obftnet_runtime", *words[1:]]
        subprocess.run(command_line, check=True, env={**os.environ, "PYTHONPATH": path})
        return
    assert words[0] == "obftnet", f"{command}: a command this test does not know"
    if words[1] in ("segment", "demo") and "--weights" not in words and not shipped():
        pytest.skip("no weights ship with this checkout")
    by_page = words[1] == "segment" and "leather/fit.pack" in words
    if by_page and not (place / "leather/fit.pack").exists():
        # What was done in the page.
        shutil.copytree(place / "photos", place / "leather/queries", dirs_exist_ok=True)
        run("obftnet fit --guidance guidance --out leather/fit.pack", place, monkeypatch)
    if words[1] == "serve":
        with served(words[1:]):
            return
    if words[1] == "ui":
        look_at_page([word for word in words[1:] if word != "--open"])
        return
    monkeypatch.setattr(sys, "argv", small(words, place))
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code, f"{command}: exit status {end.value.code}"


def look_at_page(words: list[str]) -> None:
    """Begin it, open it, end it: it would go on until it is interrupted."""
    command = [sys.executable, "-m", "obftnet", *words, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(address) as page:
            assert b"obftnet" in page.read()
        process.terminate()


@contextmanager
def served(words: list[str]) -> Iterator[str]:
    """Begin a server, wait until it is ready, give its address, end it: it would go on until then."""
    command = [sys.executable, "-m", "obftnet", *words, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            while True:
                try:
                    with urllib.request.urlopen(f"{address}/ready"):
                        break
                except urllib.error.HTTPError:
                    time.sleep(0.1)  # not yet
            yield address
        finally:
            process.terminate()
        assert process.wait(60) == 0


def small(words: list[str], place: Path) -> list[str]:
    """The same command on the small folders, with cut numbers and without a network."""
    cut = list(words)
    if cut[1] == "protocol":
        # The small folder is not the data that the protocol knows.
        return cut[:3]
    # Beside --transfer-data, which is the steel, --data is what is trained on.
    steel = "--transfer-data" not in words and {"neu_seg", "neu_seg_transfer"} & set(words)
    for index, word in enumerate(cut):
        if word in SMALL:
            cut[index + 1] = SMALL[word]
        elif word in ("--backbone-weights", "--teacher-weights"):
            cut[index + 1] = "random"
        elif word == "--data":
            cut[index + 1] = str(place / ("neu" if steel else "data"))
        elif word == "--transfer-data":
            cut[index + 1] = str(place / "neu")
    if cut[1] == "reproduce":
        cut += cheapest(cut[2])
    if cut[1] == "evaluate" and not steel and "--fold" not in cut:
        cut += ["--fold", "leather"]
    backbone = cut[1] == "train" or (cut[1] == "reproduce" and "backbones" in TARGETS[cut[2]].uses)
    needs = backbone or any(name in cut for name in REFERENCES)
    if needs and not {"--backbone-weights", "--start"} & set(cut):
        cut += ["--backbone-weights", "random"] * max(1, cut.count("--backbone"))
    return cut


def cheapest(target: str) -> list[str]:
    """Of what `reproduce` makes one fold, one shot and one row, as far as the target knows them."""
    wanted = {"folds": ["--fold", "leather"], "shots": ["--shots", "1"], "rows": ["--rows", "prototype"]}
    if target.startswith("table") and "rows" in TARGETS[target].uses:
        wanted["rows"] = ["--rows", next(iter(read_table(target).rows))]
    return [word for option, words in wanted.items() if option in TARGETS[target].uses for word in words]


@pytest.mark.parametrize(("document", "text"), blocks("python"), ids=label)
def test_every_python_block_runs(document, text, place, monkeypatch, capsys):
    if not shipped():
        pytest.skip("no weights ship with this checkout")
    monkeypatch.chdir(place)
    if SERVER in text:
        if not (place / "packs/leather.pack").exists():
            run("obftnet fit --guidance guidance --out packs/leather.pack", place, monkeypatch)
        with served(["serve", "--packs", "packs"]) as address:
            exec(compile(text.replace(SERVER, address), document, "exec"), {})
    else:
        exec(compile(text, document, "exec"), {})
    assert capsys.readouterr().out
