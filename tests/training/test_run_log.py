import csv
import os

import pytest

from obftnet.errors import InputError
from obftnet.training.log import RunLog


@pytest.fixture(autouse=True)
def _no_tensorboard(monkeypatch):
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)


def rows(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def write(folder, steps):
    log = RunLog(folder, 0)
    for step in steps:
        log.add(step, loss=0.5 + step, lr=0.1, seconds=1.0)
    log.close()


def test_a_row_a_step(tmp_path):
    log = RunLog(tmp_path, 0)
    log.add(1, loss=0.25, lr=2e-3, seconds=1.5)
    log.add(2, loss=0.125, lr=1e-3, seconds=3.0, validation_miou=0.5)
    log.close()
    assert list(rows(tmp_path)[0]) == ["step", "loss", "lr", "seconds", "validation_miou"]
    assert [row["loss"] for row in rows(tmp_path)] == ["0.25", "0.125"]
    assert [row["validation_miou"] for row in rows(tmp_path)] == ["", "0.5"]


def test_rows_after_the_step_resumed_from_are_dropped(tmp_path):
    write(tmp_path, range(1, 8))
    log = RunLog(tmp_path, 4)
    log.add(5, loss=9.0, lr=0.1, seconds=0.0)
    assert [int(row["step"]) for row in rows(tmp_path)] == [1, 2, 3, 4, 5]
    assert rows(tmp_path)[-1]["loss"] == "9"


@pytest.mark.parametrize("cut", [3, 6, 12])
def test_a_row_cut_off_by_a_kill_is_dropped(tmp_path, cut):
    write(tmp_path, [1, 2, 3])
    path = tmp_path / "log.csv"
    path.write_bytes(path.read_bytes() + b"12,0.5,0.1,1.0,"[:cut])
    RunLog(tmp_path, 3)
    assert [row["step"] for row in rows(tmp_path)] == ["1", "2", "3"]


def test_an_unknown_name_raises(tmp_path):
    with pytest.raises(ValueError, match="accuracy"):
        RunLog(tmp_path, 0).add(1, accuracy=1.0)


HEAD = ",".join(RunLog.FIELDS)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"notes\n", "first line"),
        (f"{HEAD}\n1,0.5,0.1,1\n2,0.5,0.1,1,\n".encode(), "line 2"),
        (f"{HEAD}\n1,0.5,0.1,1,,,\n".encode(), "line 2"),
        (f"{HEAD}\n1,0.5,0.1,1,\n\n2,0.5,0.1,1,\n".encode(), "line 3"),
        (f"{HEAD}\n\u00b2,0.5,0.1,1,\n".encode(), "line 2"),
        (f"{HEAD}\nNaN,0.5,0.1,1,\n".encode(), "line 2"),
        (b"a" * 200_000 + b"\n", "first line"),
    ],
)
def test_a_damaged_log_is_refused(tmp_path, content, says):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        RunLog(tmp_path, 3)
    assert str(caught.value).startswith(f"{path}: ")
    assert path.read_bytes() == content


def test_a_log_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "log.csv")
    with pytest.raises(InputError, match="not a regular file"):
        RunLog(tmp_path, 3)


def test_a_log_that_cannot_grow_is_named(tmp_path):
    log = RunLog(tmp_path, 0)
    (tmp_path / "log.csv").unlink()
    (tmp_path / "log.csv").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"log\.csv: cannot be written \(No space"):
        log.add(1, loss=0.5, lr=0.1, seconds=1.0)


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000, "²", "-1", "", "1.0"])
def test_a_line_that_is_no_steps_is_named(tmp_path, number):
    write(tmp_path, [1])
    with (tmp_path / "log.csv").open("a") as file:
        file.write(f"{number},0.5,0.1,1,\n")
    with pytest.raises(InputError, match="line 3 is no step's"):
        RunLog(tmp_path, 1)
