"""The script that goes on with the training of the shipped weights elsewhere, tried on the CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obftnet.backbones.weights import load_backbone
from obftnet.safefile import write_safetensors

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def call(tmp_path):
    backbone = tmp_path / "backbone.safetensors"
    write_safetensors(backbone, load_backbone("compact", "random").network.state_dict(), {})

    def call(*arguments: object, steps: int = 3, limit: int = 300) -> subprocess.CompletedProcess[str]:
        small = "--batch 1 --queries 1 --size 64 --smallest 0 --shots 1 --backgrounds 1"
        small += " --cues abns --no-self-support --precision float32"
        given = {"DEVICE": "cpu", "WORKERS": "1", "MATERIALS": "1", "KEEP": "0", "STEPS": str(steps)}
        given |= {"PYTHON": sys.executable, "BACKBONE": str(backbone), "TRAIN": small, "LIMIT": str(limit)}
        command = ["sh", str(ROOT / "tools/gpu_weights.sh"), *map(str, arguments)]
        env = os.environ | given | {"OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True)

    return call


@pytest.mark.slow
def test_a_run_comes_back_in_parts_and_goes_on_elsewhere(call, tmp_path):
    call(tmp_path / "first")
    first = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert first[:2] == ["log.csv", "run.json"]
    assert all(name.startswith("training.part") for name in first[2:])
    assert max(path.stat().st_size for path in (tmp_path / "first").iterdir()) <= 15_000_000
    call("--unpack", tmp_path / "first", tmp_path / "run")
    call("--pack", tmp_path / "run", tmp_path / "again")
    for name in first:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
    # A finished run that is gone on with is as it was: what it was asked for is the same.
    found = call(tmp_path / "second", tmp_path / "first")
    assert (tmp_path / "second/log.csv").read_text() == (tmp_path / "first/log.csv").read_text()
    assert found.stdout.splitlines()[-1].startswith("3,")
    assert not list(tmp_path.glob("tmp.*"))


def test_help_says_how_it_is_called(call):
    assert "LIMIT=480 sh tools/gpu_weights.sh OUT [STATE]" in call("--help").stdout
