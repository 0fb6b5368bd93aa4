"""docs/tutorial.md: its commands in a row from photographs to the report; its pictures are small."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from obftnet.weights import save_model, shipped

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "tutorial.py"
TEXT = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
#: Commands that look at images by weights.
LOOKING = ("fit", "segment", "calibrate")


def tool():
    spec = importlib.util.spec_from_file_location("tutorial", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_commands_fit_together(obftnet, tiny_model, tmp_path, monkeypatch):
    """Each command finds what those before it left, here with small images and an untrained model."""
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "tiny.safetensors", tiny_model)
    ran = []
    for line in "".join(tool().blocks()).splitlines():
        if not line.startswith("obftnet "):
            subprocess.run(["sh", "-euc", line], check=True)
            continue
        command, *arguments = shlex.split(line.replace("--size 256", "--size 64"))[1:]
        weights = ["--weights", "tiny.safetensors"] if command in LOOKING else []
        status, out, err = obftnet(command, *arguments, *weights)
        assert status == 0, f"{line}: {out}{err}"
        ran.append(command)
    assert {"check", "fit", "segment", "calibrate", "decide", "report"} <= set(ran)
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert "Against the truth" in (tmp_path / "report_against_truth.html").read_text("utf-8")


@pytest.mark.slow
def test_it_runs_as_it_stands(tmp_path):
    if not shipped():
        pytest.skip("no weights ship with this checkout")
    done = subprocess.run([sys.executable, TOOL, tmp_path / "run"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    # The last command's report is against the truth: most cracks are found in this kind material.
    found, defective = re.findall(r"recall +(\d+) of (\d+) defective", done.stdout)[-1]
    assert int(defective) == 12
    assert int(found) > 6


def test_its_pictures_are_there_and_small():
    pictures = re.findall(r"!\[[^]]+\]\((images/[^)]+)\)", TEXT)
    assert len(pictures) == 3
    for picture in pictures:
        assert (ROOT / "docs" / picture).stat().st_size < 150_000, picture
