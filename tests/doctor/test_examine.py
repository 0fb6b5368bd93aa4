"""Everything is named, and what is broken costs its own line alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from obftnet.doctor import examine
from obftnet.doctor.examine import disk_line, run_steps
from obftnet.doctor.packages import extra_lines, required, version_line

TORCH = ("torch", "torchvision", "GPU", "threads", "weights", "backbones")


def broken(folder: Path, module: str, code: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(code)
    return folder


@pytest.fixture
def shadow(tmp_path, monkeypatch):
    """Put a module before the installed one of its name, for the processes that are started."""

    def put(module: str, code: str) -> None:
        monkeypatch.setenv("PYTHONPATH", str(broken(tmp_path / "shadow", module, code)))

    return put


def states(lines):
    return {line.name: line.state for line in lines}


def test_a_sound_installation(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    lines = examine()
    found = {line.name.lower(): line for line in lines}
    wanted = ["obftnet", "python", "torch", "torchvision", "numpy", "pillow", "imagecodecs", "tifffile"]
    wanted += ["gpu", "threads", "memory", "weights", "backbones", "disk"]
    assert not set(wanted) - set(found)
    assert len(lines) == len(found)
    assert [line for line in lines if line.state == "fails"] == []
    assert "resnet50" in found["backbones"].text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise ImportError('libcudart.so.12: cannot open shared object file')", "libcudart"),
        ("raise SystemExit(3)", "SystemExit"),
        ("import os\nos.abort()", "signal 6"),
        ("import os, sys\nprint('out of luck', file=sys.stderr, flush=True)\nos._exit(1)", "out of luck"),
    ],
    ids=["import", "exit", "crash", "quiet end"],
)
def test_a_torch_that_is_broken(shadow, code, says):
    shadow("torch", code)
    lines = list(run_steps(["import numpy", "memory", *TORCH]))
    found = {line.name: line for line in lines}
    assert (found["torch"].state, found["import numpy"].state) == ("fails", "ok")
    assert says in found["torch"].text
    assert found["memory"].state in ("ok", "note")
    assert {found[name].state for name in TORCH[1:]} == {"note"}
    assert all("torch does not work" in found[name].text for name in TORCH[1:])
    assert len(lines) == len(found) == 8


def test_what_comes_after_a_crash_is_tried_all_the_same(shadow):
    shadow("tifffile", "import os\nos.abort()")
    assert states(run_steps(["import numpy", "import tifffile", "memory"])) == {
        "import numpy": "ok",
        "import tifffile": "fails",
        "memory": states(run_steps(["memory"]))["memory"],
    }


def test_a_module_that_is_not_heard_of_is_given_up_and_not_blamed(shadow):
    shadow("imagecodecs", "import time\ntime.sleep(600)")
    (line,) = run_steps(["import imagecodecs"], patience=5)
    assert line.state == "note"
    assert "within 5 s" in line.text


def test_what_a_module_prints_is_no_line(shadow):
    shadow("tifffile", "import os\nprint('{\"name\": 1}')\nos.write(1, b'[1]\\nnull\\n{\"x\": 2}\\n')")
    assert states(run_steps(["import tifffile"])) == {"import tifffile": "ok"}


def test_a_python_that_cannot_be_started(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    lines = list(run_steps(["memory", "torch"]))
    assert states(lines) == {"memory": "fails", "torch": "fails"}


def test_published_weights_that_are_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub/checkpoints/resnet50-0676ba61.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half of it")
    (line,) = (line for line in run_steps(["torch", "backbones"]) if line.name == "backbones")
    assert line.state == "fails"
    assert str(file) in line.text
    assert "0676ba61" in line.text


def test_versions_are_held_against_what_is_wanted():
    numpy = next(found for found in required() if found.name == "numpy")
    assert version_line(numpy).state == "ok"
    from packaging.requirements import Requirement

    old, absent = version_line(Requirement("numpy>=999")), version_line(Requirement("no-such-package>=1"))
    assert (old.state, absent.state) == ("fails", "fails")
    assert "pip install 'numpy>=999'" in old.text
    assert "not installed" in absent.text


def test_an_extra_that_is_absent_is_no_failure():
    assert all(line.state == "ok" for line in extra_lines())
    assert not {"extra dev", "extra test"} & {line.name for line in extra_lines()}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written_into(tmp_path):
    tmp_path.chmod(0o500)
    assert disk_line(tmp_path).state == "note"


def test_a_place_that_is_not_there(tmp_path):
    assert disk_line(tmp_path / "none").state == "note"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="processor time of a child is asked for the POSIX way")
def test_it_costs_little_more_than_loading_what_it_looks_at():
    """Processor time, not the clock's, and against the same machine's own: a busy one is no failure."""
    loads = "import torch, torchvision, scipy.ndimage, PIL.Image, imagecodecs, tifffile, obftnet.segmenter"

    def seconds(*words: str) -> float:
        before = os.times()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        after = os.times()
        spent = after.children_user + after.children_system
        return spent - before.children_user - before.children_system

    assert seconds("-m", "obftnet", "doctor") < 3 * seconds("-c", loads)
