"""Consoles, locales and environments in which the commands are started."""

import os
import subprocess
import sys

import pytest

from .cases import EVALUATE, EXPLAIN, FIT, PACKED, SEGMENT, TRAIN


def test_the_world_is_sound(world, obftnet):
    for command in (SEGMENT, EXPLAIN, EVALUATE, TRAIN.replace("out out", "out run"), FIT):
        status, _, err = obftnet(*command.replace("MODEL", "../model.safetensors").split())
        assert status == 0, err
    status, _, err = obftnet(
        *PACKED.replace("MODEL", "../model.safetensors").replace(" out ", " packed ").split()
    )
    assert status == 0, err


SURROUNDINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "locale_c": {"LC_ALL": "C", "LANG": "C"},
}


@pytest.mark.parametrize(
    "surroundings",
    ["ascii", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cp1252", "locale_c", "closed"))],
)
def test_any_console(surroundings, world):
    query = world / "queries" / os.fsdecode(b"[red]\xff\xe2\x98\x83.png")
    query.write_bytes(b"hello")
    words = [sys.executable, "-m", "obftnet", "segment", str(query), *SEGMENT[16:].split()]
    words = [word.replace("MODEL", "../model.safetensors") for word in words]
    close = ["bash", "-c", 'exec "$@" >&-', "_"] if surroundings == "closed" else []
    ended = subprocess.run(
        close + words, env=os.environ | SURROUNDINGS.get(surroundings, {}), capture_output=True, timeout=300
    )
    assert ended.returncode == (1 if surroundings == "closed" else 2), ended.stderr
    assert ended.stderr.count(b"\n") == (2 if surroundings == "closed" else 1), ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["WORLD_SIZE", "RANK", "LOCAL_RANK"])
def test_settings_of_several_processes_that_are_none(name, world, obftnet, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, "abc")
    status, _, err = obftnet(*TRAIN.split())
    assert (status, err.count("\n")) == (2, 1), err
    assert not (world / "out").exists()
