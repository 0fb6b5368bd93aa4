import json
import os
import shlex
import sys
from pathlib import Path

import pytest
from PIL import Image

from obftnet.cli.demo import program
from obftnet.weights import DEFAULT, shipped


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_demo_makes_folders_that_segment_can_be_run_on(tmp_path, command, model_file):
    out = tmp_path / "demo"
    code, text, lines = command("demo", "--out", out, "--weights", model_file)
    assert code == 0
    assert all("looks an image" in line for line in lines)  # a tiny model's plan of tiles, and nothing else
    assert pictures(out / "guidance" / "support") == ["cut_0.png", "cut_0_mask.png"]
    assert len(pictures(out / "guidance" / "background")) == 3
    assert len(pictures(out / "queries")) == 6
    assert len(pictures(out / "truth")) == 6
    assert Image.open(out / "demo.png").width > 500
    iou = json.loads((out / "demo.json").read_text())["iou"]
    assert 0 <= iou <= 1
    assert f"{100 * iou:.1f} %" in text
    printed = next(
        line for line in text.splitlines() if line.startswith("  obftnet segment ") and str(out) in line
    )
    # The printed command finds everything done: it is the same job.
    code, text, _ = command(*printed.split()[1:])
    assert code == 0
    assert "6 of them done before" in text


def test_a_second_demo_segments_nothing_again(tmp_path, command, model_file):
    command("demo", "--out", tmp_path / "demo", "--weights", model_file)
    before = (tmp_path / "demo" / "result" / "segment.json").read_bytes()
    code, text, _ = command("demo", "--out", tmp_path / "demo", "--weights", model_file)
    assert code == 0
    assert "6 of them done before" in text
    assert (tmp_path / "demo" / "result" / "segment.json").read_bytes() == before


def test_the_demo_finds_the_defects_by_what_ships(tmp_path, command):
    if DEFAULT not in shipped():
        pytest.skip(f"the package holds no weights {DEFAULT} yet")
    code, _, lines = command("demo", "--out", tmp_path / "demo")
    assert (code, lines) == (0, [])
    assert json.loads((tmp_path / "demo" / "demo.json").read_text())["iou"] > 0.3


def test_the_demo_names_the_program_as_it_can_be_called(tmp_path, monkeypatch):
    installed = tmp_path / "a place" / "obftnet"
    installed.parent.mkdir()
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(installed)])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shlex.split(program()) == [str(installed)]
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), str(installed.parent)]))
    assert program() == "obftnet"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "obftnet" / "__main__.py")])
    assert shlex.split(program()) == [sys.executable, "-m", "obftnet"]
