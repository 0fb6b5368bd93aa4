"""The whole way in a browser: from three dropped photographs to a downloaded report, by mouse and by keys.

With OBFTNET_UI_PICTURES=docs/images/ui the slow walk, by the weights that ship, leaves the pictures of
docs/ui.md there.
"""

import base64
import io
import os
import shutil
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.imaging.read import read_mask
from obftnet.synthetic import DefectKind, Material
from obftnet.weights import shipped

from .conftest import Server

MATERIAL = Material(10_000_002, "weave", distractors=False)
KIND = DefectKind("cut", 10_000_002)
WAIT = 180_000  # milliseconds


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright to walk the page")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine; apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Window:
    """A page of the browser, and all that it asked for and complained of."""

    def __init__(self, browser, size: tuple[int, int] = (1280, 720)) -> None:
        viewport = {"width": size[0], "height": size[1]}
        self.context = browser.new_context(viewport=viewport, locale="en-US", accept_downloads=True)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda line: line.type == "error" and self.complaints.append(line.text))

    def open(self, address: str) -> None:
        self.page.goto(address)
        self.page.wait_for_selector("body[data-ready]")

    def drop(self, where: str, files: list[Path]) -> None:
        """As a person drops them on an element."""
        given = [(path.name, base64.b64encode(path.read_bytes()).decode()) for path in files]
        data = self.page.evaluate_handle(
            """files => {
              const data = new DataTransfer();
              for (const [name, text] of files) {
                const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
                data.items.add(new File([bytes], name, { type: "image/png" }));
              }
              return data;
            }""",
            given,
        )
        self.page.dispatch_event(where, "drop", {"dataTransfer": data})

    def line(self, points: list[tuple[float, float]]) -> None:
        """Draw with the left button, through pixels of the image."""
        at = [self.page.evaluate("([x, y]) => obftnet.viewer.toCanvas({ x, y })", point) for point in points]
        box = self.page.locator("#canvas").bounding_box()
        at = [(box["x"] + one["x"], box["y"] + one["y"]) for one in at]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for point in at[1:]:
            self.page.mouse.move(*point, steps=6)
        self.page.mouse.up()

    def until(self, said: str, given: object = None) -> None:
        """Wait until a function or an expression is true. The page's policy forbids the driver's own way."""
        end = time.monotonic() + WAIT / 1000
        while not self.page.evaluate(said, given):
            assert time.monotonic() < end, f"{said}: {self.page.inner_text('body')}"
            self.page.wait_for_timeout(50)

    def painted(self) -> None:
        """Wait until the server has all strokes."""
        self.until("obftnet.steps[0].paint.painter.idle")

    def steady(self) -> None:
        """Wait until every tile is there and no check under way."""
        self.until("!obftnet.state.checking && obftnet.viewer.loading === 0")
        self.page.wait_for_timeout(300)

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def window(chromium) -> Iterator[Window]:
    found = Window(chromium)
    yield found
    found.close()


def write(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)).save(path)
    return path


def strokes(mask: np.ndarray) -> list[tuple[float, float]]:
    """A line along the middle of a defect that lies across the columns, as a person would draw it."""
    columns = np.flatnonzero(mask.any(0))
    chosen = columns[:: max(1, len(columns) // 8)]
    return [(float(x) + 0.5, float(np.flatnonzero(mask[:, x]).mean()) + 0.5) for x in chosen]


def walk(window: Window, server: Server, folder: Path, side: int, picture: Callable[[str], None]) -> None:
    """From nothing to the report."""
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

    # A batch of twenty.
    line = folder / "line"
    for index in range(20):
        made = (
            MATERIAL.good(30 + index, size=side)
            if index % 3
            else MATERIAL.defective(30 + index, KIND, size=side)[0]
        )
        write(line / f"part{index:02}.png", made)
    page.keyboard.press("Alt+3")
    page.fill("#folder", str(line))
    page.click("[data-key=run-folder]")
    window.until("obftnet.step.batch?.state === 'done' && obftnet.step.batch.images.length === 20")
    window.steady()
    picture("6-run")
    page.focus("#canvas")
    page.keyboard.press("g")
    window.until("obftnet.step.batch.images.some((image) => image.judged === 'pass')")

    # What is taken away.
    page.keyboard.press("Alt+4")
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
    picture("7-export")
    page.select_option("#language", "de")
    window.until("document.documentElement.lang === 'de'")
    picture("8-german")

    local = (server.address, "blob:", "data:")
    assert [url for url in window.asked if not url.startswith(local)] == []
    assert window.complaints == []


@pytest.mark.parametrize("run", ["once", "and again"])
def test_from_three_photographs_to_a_report(window, project, tmp_path, model_file, run):
    server = Server(project, model_file)
    walk(window, server, tmp_path / "given", 128, lambda name: None)
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
    walk(window, server, tmp_path / "given", 512, picture)
    server.end()
    assert len(list(folder.glob("*.jpg"))) == 8


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


@pytest.mark.parametrize("size", [(1280, 720), (1024, 768), (800, 1100)])
def test_nothing_is_cut_off(chromium, project, tmp_path, model_file, size):
    """No text is wider than what holds it, and every button has a name, at a desk and on a tablet."""
    server = Server(project, model_file)
    window = Window(chromium, size)
    window.open(server.address)
    window.drop(
        ".drop:has([data-key=drop-defect])", [write(tmp_path / "cut.png", MATERIAL.good(0, size=128))]
    )
    window.page.wait_for_selector("[data-key=brush]")
    for language in ("en", "de"):
        window.page.select_option("#language", language)
        window.until("wanted => document.documentElement.lang === wanted", language)
        for step in range(4):
            window.page.click(f"#steps button:nth-child({step + 1})")
            assert window.page.evaluate("document.documentElement.scrollWidth") <= size[0]
            cut = window.page.evaluate(
                """() => [...document.querySelectorAll("button, h2, h3, p")]
                  .filter((one) => one.offsetParent && one.id !== "status")
                  .filter((one) => one.scrollWidth > one.clientWidth + 1)
                  .map((one) => one.textContent)"""
            )
            assert cut == []
            nameless = window.page.evaluate(
                """() => [...document.querySelectorAll("button, input:not([hidden]), select, canvas")]
                  .filter((one) => one.offsetParent && !one.textContent.trim())
                  .filter((one) => !one.getAttribute("aria-label") && !one.labels?.length)
                  .map((one) => one.outerHTML)"""
            )
            assert nameless == []
    window.close()
    server.end()
