"""The container file names what there is. It is not built here: that takes an engine and a base image."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from typer.main import get_command

from obftnet.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = (ROOT / "Containerfile").read_text().splitlines()
STEPS = [tuple(line.split(None, 1)) for line in LINES if line and not line.startswith("#")]
COMMENTS = [line.lstrip("# ") for line in LINES if line.startswith("#")]


def of(name: str) -> list[str]:
    return [rest for step, rest in STEPS if step == name]


def test_it_begins_with_a_python_that_the_project_takes_and_has_no_step_that_needs_more_than_the_wheels():
    (base,) = of("FROM")
    version = re.fullmatch(r"docker\.io/library/python:(\d+\.\d+)-slim", base)[1]
    assert version in SpecifierSet(PROJECT["requires-python"])
    assert {step for step, _ in STEPS} <= {"FROM", "COPY", "RUN", "USER", "EXPOSE", "VOLUME", "ENTRYPOINT"}
    (source, target) = of("COPY")[0].split()
    installs = [step for step in of("RUN") if "pip install" in step]
    assert len(installs) == 1
    assert f"--no-index --find-links {target} " in installs[0]
    for command in ("pip download --dest", "pip wheel --no-deps --wheel-dir"):
        assert any(comment.startswith(f"{command} {source} ") for comment in COMMENTS), command


def test_its_extras_are_the_project_s():
    named = re.findall(r"'(?:obftnet|\.)\[([a-z,]+)\]'", "\n".join(LINES))
    assert len(named) == 2
    assert len(set(named)) == 1
    assert set(named[0].split(",")) <= PROJECT["optional-dependencies"].keys()


def test_its_program_starts_with_options_that_there_are():
    program, *words = json.loads(of("ENTRYPOINT")[0])
    assert program in PROJECT["scripts"]
    command = get_command(app).commands[words[0]]
    options = command.make_context(words[0], words[1:]).params
    assert str(options["packs"]) == of("VOLUME")[0]
    assert str(options["port"]) == of("EXPOSE")[0]
    assert options["host"] == "0.0.0.0"


@pytest.mark.parametrize("name", of("USER"))
def test_it_does_not_run_as_root(name):
    assert any(step.startswith("useradd") and step.split()[-1] == name for step in of("RUN"))
