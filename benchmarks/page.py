"""What the page costs with a large image: `python benchmarks/page.py --width 9000 --height 6000`.

A photograph with a defect, a good one and one to try, all of that size, go through `obftnet ui` in
Chromium by the weights that ship: painted, fitted, segmented in tiles, shown; sliders are moved on its
score map and on one of 4 megapixels. Prints seconds and memory; needs Playwright and a Chromium.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

from obftnet.synthetic import Material

#: Milliseconds until what was done by a synthetic event is on the canvas.
FRAME = """(do_) => new Promise((resolve) => {
  const start = performance.now();
  obftnet.viewer.canvas.dispatchEvent(new PointerEvent(do_.type, {
    bubbles: true, pointerId: 1, pointerType: "mouse", button: 0, buttons: 1, clientX: do_.x, clientY: do_.y,
  }));
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
})"""
#: The same of a slider: what its own code takes, and until the next frame is drawn.
SLIDER = """([name, value]) => new Promise((resolve) => {
  const input = document.getElementById(name);
  const start = performance.now();
  input.value = value;
  input.dispatchEvent(new Event("input"));
  const own = performance.now() - start;
  requestAnimationFrame(() => setTimeout(() => resolve([own, performance.now() - start])));
})"""


def photograph(path: Path, size: tuple[int, int], seed: int, scratches: int) -> Path:
    """A woven material of (w, h) with so many bright scratches."""
    part = np.rint(Material(10_000_002, "weave", distractors=False).good(seed, size=1024) * 255).astype(
        np.uint8
    )
    part = part[256:]  # beneath the edge of the material
    whole = np.concatenate([part, part[::-1]])
    whole = np.concatenate([whole, whole[:, ::-1]], axis=1)
    repeats = (-(-size[1] // whole.shape[0]), -(-size[0] // whole.shape[1]), 1)
    image = Image.fromarray(np.tile(whole, repeats)[: size[1], : size[0]])
    draw, rng = ImageDraw.Draw(image), np.random.default_rng(seed)
    for _ in range(scratches):
        x, y = rng.uniform(0.3, 0.6, 2) * size
        draw.line([(x, y), (x + 300, y + 120), (x + 600, y + 160)], (235, 235, 240), 36, joint="curve")
    image.save(path, quality=90)
    return path


def peak(process: int) -> float:
    """Largest memory of a process until now, megabytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def children(process: int) -> list[int]:
    """Processes that a process has begun, and those of these."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *children(child)]
    return found


def until(page: Page, said: str) -> float:
    """Wait until an expression is true; seconds."""
    start = time.perf_counter()
    while not page.evaluate(said):
        page.wait_for_timeout(20)
    return time.perf_counter() - start


def say(what: str, **values: Any) -> None:
    """Print a line."""
    print(json.dumps({"what": what, **values}), flush=True)


def sliders(page: Page, name: str) -> None:
    """Move the threshold and the least region to and fro, and let them rest."""
    own, drawn = [], []
    for step in range(40):
        slider, value = ("threshold", -1 + 0.1 * step) if step % 2 else ("area", 0.07 * step)
        one, other = page.evaluate(SLIDER, [slider, value])
        own.append(one)
        drawn.append(other)
    start = time.perf_counter()
    page.evaluate("document.getElementById('threshold').dispatchEvent(new Event('change'))")
    until(page, "obftnet.step.tried.settled && !obftnet.step.tried.asking")
    say(
        name,
        preview_median_ms=round(statistics.median(own), 1),
        preview_largest_ms=round(max(own), 1),
        drawn_median_ms=round(statistics.median(drawn), 1),
        drawn_largest_ms=round(max(drawn), 1),
        exact_s=round(time.perf_counter() - start, 2),
    )


def main() -> None:
    """Walk and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=9000)
    parser.add_argument("--height", type=int, default=6000)
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("no Chromium on this machine")
    size = (arguments.width, arguments.height)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        files = {
            "defect": photograph(Path(folder) / "defect.jpg", size, 1, 1),
            "good": photograph(Path(folder) / "good.jpg", size, 2, 0),
            "query": photograph(Path(folder) / "query.jpg", size, 3, 2),
        }
        small = photograph(Path(folder) / "small.jpg", (2000, 2000), 4, 1)
        command = [
            sys.executable,
            "-m",
            "obftnet",
            "ui",
            f"{folder}/project",
            "--port",
            "0",
            "--threads",
            "1",
        ]
        server = subprocess.Popen([*command, "--device", "cpu"], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(3_600_000)
        page.goto(address)
        page.wait_for_selector("body[data-ready]")

        def give(path: Path, role: str) -> None:
            """Give an image as if it was picked."""
            with page.expect_file_chooser() as chooser:
                page.click(f"[data-key=add-{role}]")
            chooser.value.set_files(path)
            until(page, f"obftnet.state.images.some((image) => image.name === '{path.name}')")

        start = time.perf_counter()
        give(files["defect"], "defect")
        page.click("[data-key='item-defect.jpg']")
        until(page, "obftnet.viewer.image !== null && obftnet.viewer.loading === 0")
        say("given and shown", seconds=round(time.perf_counter() - start, 1))
        page.evaluate("obftnet.steps[0].paint.painter.setRadius(30)")
        box = page.locator("#canvas").bounding_box()
        assert box is not None
        x, y = np.random.default_rng(1).uniform(0.3, 0.6, 2) * size
        frames, stored = [], []
        for row in range(20):
            line = [(x, y + 4 * row - 40), (x + 300, y + 80 + 4 * row), (x + 600, y + 120 + 4 * row)]
            points = [page.evaluate("([x, y]) => obftnet.viewer.toCanvas({ x, y })", [*one]) for one in line]
            at = [{"x": box["x"] + one["x"], "y": box["y"] + one["y"]} for one in points]
            kinds = ["pointerdown", *["pointermove"] * (len(at) - 1)]
            for kind, place in zip(kinds, at, strict=True):
                frames.append(page.evaluate(FRAME, {"type": kind, **place}))
            start = time.perf_counter()
            frames.append(page.evaluate(FRAME, {"type": "pointerup", **at[-1]}))
            until(page, "obftnet.steps[0].paint.painter.idle")
            stored.append(time.perf_counter() - start)
        say(
            "strokes",
            drawn_median_ms=round(statistics.median(frames), 1),
            drawn_largest_ms=round(max(frames), 1),
            stored_median_ms=round(1000 * statistics.median(stored)),
            stored_largest_ms=round(1000 * max(stored)),
        )
        for look in ("actual", "fit"):
            page.evaluate(f"obftnet.viewer.{look}()")
            say(f"shown {look}", seconds=round(until(page, "obftnet.viewer.loading === 0"), 2))
        give(files["good"], "good")
        page.keyboard.press("Alt+2")
        page.click("[data-key=next]")
        say(
            "fitted",
            seconds=round(until(page, "obftnet.state.fit.state === 'current' && !obftnet.state.fit.job"), 1),
        )
        say("plan", tiles=page.evaluate("obftnet.state.fit.plan"))
        for path in (files["query"], small):
            give(path, "query")
            start = time.perf_counter()
            until(page, f"obftnet.state.images.find((one) => one.name === '{path.name}').tried?.verdict")
            page.click(f"[data-key='item-{path.name}']")
            until(page, "obftnet.step.tried.settled && obftnet.viewer.loading === 0")
            found = page.evaluate("[obftnet.step.tried.decided.count, obftnet.step.tried.decided.area]")
            say(
                f"segmented and shown {path.name}", seconds=round(time.perf_counter() - start, 1), found=found
            )
            sliders(page, f"sliders {path.name}")
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
        began = children(server.pid)
        shown = [one for one in children(os.getpid()) if "--type=renderer" in arguments_of(one)]
        say(
            "largest memory, MB",
            server=round(peak(server.pid)),
            workers=[round(peak(one)) for one in began],
            renderers=[round(peak(one)) for one in shown],
            heap_now=round(heap),
        )
        browser.close()
        server.terminate()
        server.wait()


def arguments_of(process: int) -> str:
    """A process's command line."""
    return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")


if __name__ == "__main__":
    main()
