"""Consoles, pipes and signals as they come: one line, the status of a Unix tool, and no traceback."""

import os
import signal
import subprocess
import sys
import time

import pytest

from obftnet.cli import main
from obftnet.cli.signals import Signals
from obftnet.cli.terminal import table
from obftnet.errors import printable

RUN = [sys.executable, "-m", "obftnet"]

NARROW = {
    "ascii": {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "width_0": {"COLUMNS": "0"},
    "width_1": {"COLUMNS": "1"},
    "no_color": {"NO_COLOR": "1"},
    "backend": {"MPLBACKEND": "nonsense"},
}


@pytest.mark.parametrize("surroundings", NARROW)
def test_a_check_of_data_with_strange_names_prints_in_any_console(surroundings, tmp_path):
    names = ("[/red]", "$\\frac$", "schräg", "☃", "\x1b[2J", "a\nb")
    for name in names:
        (tmp_path / "data" / name / "test" / "good").mkdir(parents=True)
    ended = subprocess.run(
        [*RUN, "protocol", "pool", "--data", "data"],
        cwd=tmp_path,
        env=os.environ | NARROW[surroundings],
        capture_output=True,
        timeout=120,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count(b"\n") == 1, ended.stderr
    assert b"Traceback" not in ended.stderr
    assert b"\x1b[2J" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["[/red]x", "[bold]x", "schräg", "☃", "\x1b[2J", "a\nb", "\udcff"])
def test_a_table_shows_names_as_they_are(name, capsys):
    table(name, (("fold", "left"), ("mIoU", "right")), [(name, "1.0 ± 0.1"), ("n" * 300, 2)])
    out = capsys.readouterr().out
    assert out.splitlines()[0] == printable(name)
    assert out.count(printable(name)) == 2
    assert "n" * 300 in out
    assert "1.0 ± 0.1" in out


def shell(command: str) -> subprocess.CompletedProcess[str]:
    obftnet = f"{sys.executable} -m obftnet"
    line = command.replace("OBFTNET", obftnet)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        ("OBFTNET protocol pool > /dev/full", 1, "No space left"),
        ("OBFTNET protocol pool >&-", 1, "standard output"),
        ("OBFTNET train --help > /dev/full", 1, "No space left"),
        ("OBFTNET protocol pool | true; exit ${PIPESTATUS[0]}", 141, ""),
        (
            "OBFTNET protocol pool | head -1; exit $(( PIPESTATUS[0] == 0 || PIPESTATUS[0] == 141 ? 0 : 1 ))",
            0,
            "",
        ),
        ("OBFTNET nothing 2>&-", 2, ""),
        ("OBFTNET nothing 2> /dev/full", 2, ""),
        ("OBFTNET protocol pool < /dev/null 2>&- >&-", 1, ""),
    ],
)
def test_a_stream_that_takes_nothing(command, status, says):
    ended = shell(command)
    assert ended.returncode == status, ended.stderr
    assert ended.stderr.count("\n") == (1 if says else 0), ended.stderr
    assert says in ended.stderr


@pytest.fixture
def heard():
    """Signals as a terminal leaves them, though the tests be started where they are ignored (nohup, &)."""
    wanted = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    wanted |= {signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard")
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_pytorch_loads_is_one_line(name, tmp_path):
    number = getattr(signal, name)
    # Told by the first of PyTorch's modules that it is being loaded, not by a guess of the time it takes.
    (tmp_path / "torch.py").write_text(
        "import os, time\nopen('loading', 'w').close()\ntry:\n    time.sleep(60)\n"
        "except BaseException:\n    raise ImportError('as libraries do')\n"
    )
    here = os.path.dirname(os.path.dirname(sys.modules["obftnet"].__file__))  # noqa: PTH120
    with subprocess.Popen(
        [*RUN, "segment", "q", "--guidance", "g", "--out", "o"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{here}"},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (tmp_path / "loading").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err.count("\n") == 1
    assert "interrupted" in err


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_amid_the_work_raises_once_and_ends_with_its_number(name, monkeypatch, capsys):
    number = getattr(signal, name)
    cleaned = []

    def work(*arguments: object, **options: object) -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            # A second one, as a terminal and a supervisor give it, does not disturb the end of the first.
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)

    monkeypatch.setattr("obftnet.segmentation.segment_files", work)
    monkeypatch.setattr(sys, "argv", ["obftnet", "segment", "q", "--guidance", "g", "--out", "o"])
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 128 + number
    assert cleaned == [True]
    assert capsys.readouterr().err.count("\n") == 1
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_to_be_ignored_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals().watched():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_programming_error_stays_a_traceback(monkeypatch):
    def broken(*arguments: object, **options: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr("obftnet.segmentation.segment_files", broken)
    monkeypatch.setattr(sys, "argv", ["obftnet", "segment", "q", "--guidance", "g", "--out", "o"])
    with pytest.raises(KeyError, match="a mistake of ours"):
        main()
