"""A browser that walks through the page, where there is one, and photographs that look like a material's."""

import base64
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.synthetic import DefectKind, Material

MATERIAL = Material(10_000_002, "weave", distractors=False)
KIND = DefectKind("cut", 10_000_002)
WAIT = 600_000  # milliseconds: other programs may use the machine, too


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
