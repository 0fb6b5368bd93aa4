"""Help is there at once, without PyTorch, and its lists of names are complete."""

import inspect
import subprocess
import sys

import pytest

import obftnet
from obftnet.cli import app as application
from obftnet.decision import DEFAULT_THRESHOLD
from obftnet.methods.registry import REFERENCES, TRAINED
from obftnet.protocols import names
from obftnet.reproduction import TARGETS
from obftnet.segmentation import KINDS, LEAST_REGION

COMMANDS = (
    *("demo", "segment", "decide", "merge", "fit", "calibrate", "report", "explain", "train", "evaluate"),
    *("protocol", "reproduce"),
    *("synthesize", "distill", "import", "check", "doctor", "ui", "watch", "serve", "export"),
)

#: Of a group of commands, each behind the group's name.
GROUPS = ("pack", "pack show", "pack add", "pack remove", "pack refit", "pack export-images")


def test_help_and_version_load_nothing_heavy():
    code = """
import sys
for name in ("torch", "numpy", "matplotlib", "PIL"):
    sys.modules[name] = None  # importing it raises
from obftnet.cli import main
for arguments in (["--version"], ["--help"], [], *([*name.split(), "--help"] for name in sys.argv[1:])):
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as end:
        assert not end.code, (arguments, end.code)
"""
    done = subprocess.run([sys.executable, "-c", code, *COMMANDS, *GROUPS], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"obftnet {obftnet.__version__}\n" in done.stdout
    assert done.stdout.count("Usage:") == 2 + len(COMMANDS) + len(GROUPS)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("train", TRAINED),
        ("train", names()),
        ("evaluate", REFERENCES),
        ("evaluate", names()),
        ("protocol", names()),
        ("reproduce", [f"{name}: {target.about}" for name, target in TARGETS.items()]),
    ],
    ids=["methods", "protocols", "references", "protocols-evaluate", "protocol", "targets"],
)
def test_every_name_is_listed(command, wanted, obftnet):
    status, out, _ = obftnet(command, "--help")
    assert status == 0
    text = " ".join(out.split())
    missing = [name for name in wanted if name not in text]
    assert not missing


def test_every_command_is_tried_here():
    assert [command.name for command in application.app.registered_commands] == list(COMMANDS)
    groups = {group.name: group.typer_instance for group in application.app.registered_groups}
    commands = [f"{name} {c.name}" for name, group in groups.items() for c in group.registered_commands]
    assert [*groups, *commands] == list(GROUPS)


@pytest.mark.parametrize(
    ("command", "option", "default"),
    [
        ("fit_command", "threshold", DEFAULT_THRESHOLD),
        ("evaluate_command", "threshold", DEFAULT_THRESHOLD),
        ("fit_command", "min_area", LEAST_REGION),
        ("segment_command", "keep", ",".join(KINDS)),
    ],
)
def test_a_default_that_is_written_out_is_the_library_s(command, option, default):
    assert inspect.signature(getattr(application, command)).parameters[option].default == default


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sgment"], "sgment"),
        (["segment"], "obftnet segment --help"),
        (["segment", "q", "--guidance", "g", "--out", "o", "--shots", "1e5"], "--shots"),
        (["segment", "q", "--guidance", "g", "--out", "o", "--treshold", "1"], "--treshold"),
        (["train", "--data", "d", "--out", "o", "--reader", "[/red]\x1b[2J"], "--reader"),
        (["synthesize", "--out", "o", "--materials", "0"], "--materials"),
        (["a\nb\udcff"], "a\\nb\\udcff"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_command_line_that_cannot_be_understood_is_one_line(arguments, says, obftnet):
    status, out, err = obftnet(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert "\x1b" not in err
