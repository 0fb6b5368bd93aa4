"""`obftnet report` after `obftnet segment`."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def found(command, world):
    (world / "queries/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    status, _, _ = command(
        *("segment", "queries", "--guidance", "guidance", "--weights", "model.safetensors", "--out", "found")
    )
    assert status == 2  # broken.png
    return world / "found"


@pytest.fixture(autouse=True)
def _at_home(world, monkeypatch):
    monkeypatch.chdir(world)


def test_the_report_of_a_job(command, found, world):
    for name, value in (("q", 0), ("r", 255)):
        mask = np.zeros((48, 60), np.uint8)
        mask[5:20, 5:20] = value
        (world / "truth").mkdir(exist_ok=True)
        Image.fromarray(mask).save(world / f"truth/{name}_mask.png")
    status, out, err = command("report", "found", "--truth", "truth", "--out", "report.html")
    assert (status, err) == (0, [])
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert int(lines["pass"]) + int(lines["review"]) + int(lines["fail"]) == 2
    assert "not inspected  1 refused, 0 left out" in out
    assert " of 1 good" in out
    assert " of 1 defective" in out
    assert lines["report"].startswith("report.html, ")
    assert "broken.png" in (world / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("queries", "--out", "report.html"), "queries: no segment.json in it"),
        (("found", "--out", "model.safetensors"), "model.safetensors: a page is written"),
        (("found", "--truth", "guidance", "--out", "report.html"), "guidance: a guidance folder"),
        (("found", "--truth", "nowhere", "--out", "report.html"), "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_reported_is_one_line(command, found, world, arguments, says):
    before = (world / "model.safetensors").read_bytes()
    status, out, err = command("report", *arguments)
    assert (status, out) == (2, "")
    (line,) = err
    assert says in line
    assert not (world / "report.html").exists()
    assert (world / "model.safetensors").read_bytes() == before
