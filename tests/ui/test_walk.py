"""The whole way in a browser: from three dropped photographs to a downloaded report, by mouse and by keys.

With OBFTNET_UI_PICTURES=docs/images/ui the slow walk, by the weights that ship, leaves the pictures of
docs/ui.md there.
"""

import io
import os
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from obftnet.imaging.read import read_mask
from obftnet.weights import shipped

from .browser import KIND, MATERIAL, WAIT, Window, write
from .conftest import Server


def strokes(mask: np.ndarray) -> list[tuple[float, float]]:
    """A line along the middle of a defect that lies across the columns, as a person would draw it."""
    columns = np.flatnonzero(mask.any(0))
    chosen = columns[:: max(1, len(columns) // 8)]
    return [(float(x) + 0.5, float(np.flatnonzero(mask[:, x]).mean()) + 0.5) for x in chosen]


def walk(
    window: Window, server: Server, folder: Path, side: int, picture: Callable[[str], None], unseen_good: int
) -> None:
    """From nothing to the report; it is calibrated by so many good images."""
    page = window.page
    cut, mask = MATERIAL.defective(0, KIND, size=side)
    defect = write(folder / "cut.png", cut)
    goods = [write(folder / f"good{index}.png", MATERIAL.good(index, size=side)) for index in (0, 1)]
    window.open(server.address)
    picture("1-start")
    # Three photographs, dropped on their areas.
    window.drop(".drop:has([data-key=drop-defect])", [defect])
    page.wait_for_selector("[data-key='item-cut.png']")
    window.drop(".group-of:has([data-key=add-good])", goods)
    page.wait_for_selector("[data-key='item-good1.png']")
    page.click("[data-key='item-cut.png']")
    # Painted with the mouse, taken back and done again by keys, one dot by the keyboard's pen.
    page.wait_for_selector("[data-key=brush]")
    page.evaluate("radius => obftnet.steps[0].paint.painter.setRadius(radius)", side / 34)
    window.line(strokes(mask))
    window.painted()
    page.keyboard.press("Control+z")
    window.painted()
    assert server.ask("state")["images"][0]["marked"] == 0
    page.keyboard.press("Control+y")
    window.painted()
    by_mouse = server.ask("state")["images"][0]["marked"]
    assert by_mouse > 0
    page.focus("#canvas")
    for key in ("ArrowRight", "Enter", "ArrowDown", "Enter", "Control+z"):
        page.keyboard.press(key)
    window.painted()
    assert server.ask("state")["images"][0]["marked"] == by_mouse
    window.steady()
    picture("2-painted")
    # What was painted is there after a reload.
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert server.ask("state")["images"][0]["marked"] == by_mouse

    # Fitted and tried.
    page.keyboard.press("Alt+2")
    queries = [write(folder / f"try{n}.png", MATERIAL.defective(n, KIND, size=side)[0]) for n in (3, 4)]
    queries.append(write(folder / "try5.png", MATERIAL.good(5, size=side)))
    window.drop(".drop:has([data-key=drop-query])", queries)
    page.wait_for_selector("[data-key='item-try5.png']")
    page.click("[data-key=next]")
    page.wait_for_selector("#verdict")
    window.until("!obftnet.state.fit.job")
    page.click("[data-key='item-try3.png']")
    page.wait_for_selector("#verdict[data-image='try3.png']")
    window.steady()
    picture("3-tried")
    before = server.ask("state")["settings"]["decision"]["threshold"]
    page.focus("#threshold")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    window.until("before => obftnet.state.settings.decision.threshold > before", before)
    page.click("#band")
    window.until("obftnet.state.settings.decision.review !== null")
    window.steady()
    picture("4-decided")
    # Why a place was marked: of the picture's middle, whether a region lies there or not.
    box = page.locator("#canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.click("[data-key=explain]")
    page.wait_for_selector("img.explained")
    window.until("document.querySelector('img.explained').naturalWidth > 0")
    picture("5-explained")
    page.keyboard.press("Escape")

    # Calibrated by good parts that the guidance never saw; the one that is most like the defect goes to the
    # guidance as a false alarm, and it is calibrated again.
    page.keyboard.press("Alt+3")
    unseen = [write(folder / f"unseen{n}.png", MATERIAL.good(60 + n, size=side)) for n in range(unseen_good)]
    window.drop(".drop:has([data-key=drop-held_good])", unseen)
    page.wait_for_selector(f"[data-key='item-unseen{unseen_good - 1}.png']")
    shown = [write(folder / f"shown{n}.png", MATERIAL.defective(80 + n, KIND, size=side)[0]) for n in (0, 1)]
    window.drop(".group-of:has([data-key=add-held_defect])", shown)
    page.wait_for_selector("[data-key='item-shown1.png']")
    rate = {6: 20, 10: 10}[unseen_good]
    page.fill("#rate", str(rate))
    page.press("#rate", "Tab")
    window.until("rate => obftnet.state.settings.calibration.false_alarms === rate / 100", rate)
    window.steady()
    picture("6-calibrate")
    page.click("[data-key=calibrate]")
    calibrated = "obftnet.state.calibration.holds && !obftnet.state.fit.job && !obftnet.working"
    window.until(calibrated)
    page.click("#list .group-of:first-child li:first-child button")
    window.until("obftnet.step.image.role === 'held_good' && obftnet.step.tried.decided")
    page.click("[data-key=false-alarm]")
    page.wait_for_selector("[data-key=accept]")
    window.until("document.querySelectorAll('#comparison tbody tr').length === 3")
    window.steady()
    picture("7-compared")
    page.click("[data-key=accept]")
    window.until("!obftnet.state.fit.proposed && obftnet.state.calibration.found === null")
    page.keyboard.press("Alt+3")
    page.click("[data-key=calibrate]")
    window.until(calibrated)
    page.click("[data-key='item-shown0.png']")
    window.until("obftnet.step.tried.decided")
    window.steady()
    picture("8-calibrated")

    # A batch of twenty.
    line = folder / "line"
    for index in range(20):
        made = (
            MATERIAL.good(30 + index, size=side)
            if index % 3
            else MATERIAL.defective(30 + index, KIND, size=side)[0]
        )
        write(line / f"part{index:02}.png", made)
    page.keyboard.press("Alt+4")
    page.fill("#folder", str(line))
    page.click("[data-key=run-folder]")
    window.until("obftnet.step.batch?.state === 'done' && obftnet.step.batch.images.length === 20")
    window.steady()
    picture("9-run")
    page.focus("#canvas")
    page.keyboard.press("g")
    window.until("obftnet.step.batch.images.some((image) => image.judged === 'pass')")

    # What is taken away.
    page.keyboard.press("Alt+5")
    for what, name in (("report", "report-1.html"), ("masks", "masks-1.zip"), ("pack", "project.pack")):
        with page.expect_download() as download:
            page.click(f"[data-key=take-{what}]")
        assert download.value.suggested_filename == name
        content = Path(download.value.path()).read_bytes()
        assert content
        if what == "report":
            assert b"part19" in content
        elif what == "masks":
            assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) == 20
    assert "--pack" in page.inner_text("#command")
    picture("10-export")
    page.select_option("#language", "de")
    window.until("document.documentElement.lang === 'de'")
    picture("11-german")

    local = (server.address, "blob:", "data:")
    assert [url for url in window.asked if not url.startswith(local)] == []
    assert window.complaints == []


@pytest.mark.parametrize("run", ["once", "and again"])
def test_from_three_photographs_to_a_report(window, project, tmp_path, model_file, run):
    server = Server(project, model_file)
    walk(window, server, tmp_path / "given", 128, lambda name: None, 6)
    server.end()


@pytest.mark.slow
def test_the_pictures_of_the_docs(window, project, tmp_path):
    if not shipped():
        pytest.skip("no weights ship with this checkout")
    folder = Path(os.environ.get("OBFTNET_UI_PICTURES", tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)

    def picture(name: str) -> None:
        data = window.page.screenshot(type="jpeg", quality=60)
        (folder / f"{name}.jpg").write_bytes(data)

    server = Server(project, None)
    walk(window, server, tmp_path / "given", 512, picture, 10)
    server.end()
    assert len(list(folder.glob("*.jpg"))) == 11


def test_a_server_killed_while_one_paints_loses_no_stroke(window, project, tmp_path, model_file):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(project, model_file, port)
    window.open(server.address)
    image, mask = MATERIAL.defective(0, KIND, size=128)
    window.drop(".drop:has([data-key=drop-defect])", [write(tmp_path / "cut.png", image)])
    window.page.wait_for_selector("[data-key=brush]")
    window.line([(20, 20), (60, 30)])
    window.painted()
    server.kill()
    window.line([(20, 90), (60, 100)])
    window.page.wait_for_selector("#lost:visible")
    server = Server(project, model_file, port)
    window.painted()
    window.page.wait_for_selector("#lost:visible", state="hidden")
    (state,) = server.ask("state")["images"]
    assert state["undo"] == 2
    # And the mask is what both strokes say.
    file, end = project / "guidance/support/cut_mask.png", time.monotonic() + WAIT / 1000
    while not (file.exists() and read_mask(file, like=mask.shape)[[25, 95], 40].all()):
        assert time.monotonic() < end
        server.ask("state")  # the page asks from time to time; its check has the mask written
        time.sleep(0.2)
    server.end()
