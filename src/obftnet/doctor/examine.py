"""All that is looked at, in order; what may be broken is tried in a process of its own."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

import obftnet
from obftnet.doctor.line import Line
from obftnet.doctor.packages import extra_lines, required, version_line
from obftnet.doctor.probe import AFTER_TORCH, GIB, STEPS

#: Seconds for all steps of a process; loading PyTorch takes two, from a slow disk twenty.
_PATIENCE = 60
#: Modules of packages that are compiled, by the package's normal name: what may be there and not load.
_COMPILED = {
    "numpy": "numpy",
    "scipy": "scipy.ndimage",
    "pillow": "PIL.Image",
    "imagecodecs": "imagecodecs",
    "tifffile": "tifffile",
}
_LEAST_DISK = GIB
_SILENT = "no answer in time"


def examine() -> list[Line]:
    """Look at everything. Nothing is changed, fetched or raised."""
    needs = required()
    versions = {requirement.name: version_line(requirement) for requirement in needs}
    modules = {name: _COMPILED.get(canonicalize_name(name)) for name in versions}
    steps = [f"import {module}" for module in modules.values() if module]
    steps += STEPS
    tried = {line.name: line for line in run_steps(steps)}
    lines = [
        Line("obftnet", "ok", f"{obftnet.__version__} in {Path(obftnet.__file__).parent}"),
        Line("python", "ok", f"{platform.python_version()} ({sys.executable}) on {platform.platform()}"),
    ]
    for name, line in versions.items():
        found = tried.get(name, tried.get(f"import {modules[name]}"))
        if line.state == "ok" and found is not None and (name in STEPS or found.state != "ok"):
            lines.append(Line(name, found.state, found.text))
        else:
            lines.append(line)
    shown = {line.name for line in lines}
    lines += [tried[step] for step in STEPS if step in tried and step not in shown]
    return [*lines, disk_line(Path.cwd()), *extra_lines()]


def run_steps(steps: list[str], patience: float = _PATIENCE) -> Iterator[Line]:
    """Each step's line; a step that ends its process costs only its own and those that build on it."""
    left = list(steps)
    while left:
        lines, begun, ended = _run(left, patience)
        yield from lines
        done = {line.name for line in lines}
        if begun is not None and begun not in done:
            failed = Line(begun, "fails", f"does not work ({ended}); install it again")
            if ended == _SILENT:
                # A busy machine is no fault of what was tried.
                said = f"nothing was heard within {patience:g} s; run this again when the machine is idle"
                failed = Line(begun, "note", said)
            yield failed
            lines.append(failed)
            done.add(begun)
        elif not done:
            yield from (Line(step, "fails", f"could not be tried ({ended}); install again") for step in left)
            return
        broken = any(line.name == "torch" and line.state == "fails" for line in lines)
        if broken:
            waiting = [step for step in left if step in AFTER_TORCH]
            yield from (Line(step, "note", "not known, because torch does not work") for step in waiting)
            done.update(waiting)
        left = [step for step in left if step not in done]


def _run(steps: list[str], patience: float) -> tuple[list[Line], str | None, str]:
    """The lines of one process, the step that it began last, and how it ended."""
    # Not what lies in the working folder, but this very package.
    here = str(Path(obftnet.__file__).parents[1])
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
    command = [sys.executable, "-P", "-m", "obftnet.doctor.probe", *steps]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=os.environ | {"PYTHONPATH": path},
            timeout=patience,
            check=False,
        )
        output, errors = done.stdout, done.stderr
        ended = f"its process ended by signal {-done.returncode}" if done.returncode < 0 else _last(errors)
    except subprocess.TimeoutExpired as error:
        output, ended = error.stdout or b"", _SILENT
    except OSError as error:
        output, ended = b"", str(error)
    begun, lines = None, []
    for text in output.decode("utf-8", "replace").splitlines():
        try:
            content = json.loads(text)
            if "begin" in content:
                begun = str(content["begin"])
            else:
                lines.append(Line(**content))
        except (ValueError, TypeError):
            continue  # of a library that writes past Python's own stream
    return lines, begun, ended


def _last(errors: bytes) -> str:
    lines = errors.decode("utf-8", "replace").split("\n")
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "its process ended early")


def disk_line(folder: Path) -> Line:
    """Space where results would go, and whether anything can be written there."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Line("disk", "note", f"{folder}: not known ({error.strerror or error})")
    text = f"{free / GIB:.1f} GiB free in {folder}"
    for place in (folder, Path(tempfile.gettempdir())):
        if not os.access(place, os.W_OK):
            return Line("disk", "note", f"{text}; {place} cannot be written into: name another for results")
    if free < _LEAST_DISK:
        return Line("disk", "note", f"{text}; make room, or name a place on another disk for results")
    return Line("disk", "ok", text)
