"""The page in a browser: it opens without a complaint, and its list, its closer look and its print work.

Skipped where playwright or a Chromium of the system is missing (Debian: apt-get install chromium; pip install
playwright): no browser is fetched.
"""

import os
import re
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from obftnet.imaging.write import write_png
from obftnet.reporting import write_report
from obftnet.segmentation.record import Reason

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = os.environ.get("OBFTNET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine (chromium, google-chrome)"
)

BAD_NAME = '<img src=x onerror="window.ran=1">'
LEVELS = {f"lot {n % 3}/part{n}": n / 150 for n in range(150)} | {BAD_NAME: 0.999}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(write, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("page")
    made = write(folder, LEVELS, refused=[Reason(file="/p/x.png", reason="/p/x.png: truncated")])
    for name, marked in (("lot 0/part147", False), ("lot 1/part1", True)):
        mask = np.zeros((48, 60), bool)
        mask[5:15, 5:15] = marked
        write_png(folder / f"truth/{name}_mask.png", mask)
    write_report(made.folder, folder / "report.html", truth=folder / "truth")
    return (folder / "report.html").as_uri()


@pytest.fixture
def page(chromium, address) -> Iterator[Any]:
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.extend([request.url] if asks_others(request.url) else []))
    page.goto(address)
    yield page
    assert complaints == []
    assert page.evaluate("window.ran") is None
    page.close()


def asks_others(url: str) -> bool:
    return not url.startswith(("file:", "data:"))


def names(page: Any) -> list[str]:
    return [re.sub(r".*/|\.png", "", name) for name in page.locator("#list .card b").all_text_contents()]


def test_the_list_is_filtered_sorted_and_searched(page):
    assert page.locator("#count").text_content() == "151 of 151 images"
    for verdict in ("pass", "review"):
        page.uncheck(f"#filter input[value={verdict}]")
    failed = sum(level > 0.7 for level in LEVELS.values())
    assert page.locator("#count").text_content() == f"{failed} of 151 images"
    page.select_option("#filter [name=sort]", "high")
    assert names(page)[1:4] == ["part149", "part148", "part147"]
    page.fill("#filter [name=search]", "LOT 0/part14")
    assert names(page) == ["part147", "part144", "part141"]
    page.select_option("#filter [name=truth]", "false_alarms")
    assert names(page) == ["part147"]
    page.fill("#filter [name=search]", "nobody")
    assert page.locator("#count").text_content() == "No image is like that."
    assert names(page) == []


def test_the_list_grows_as_one_reads_on(page):
    first = page.locator("#list .card").count()
    assert first < 151
    for _ in range(100):
        if page.locator("#list .card").count() == 151:
            return
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(100)
    pytest.fail(f"{page.locator('#list .card').count()} of 151 images in the list")


def test_a_closer_look_has_what_is_known_and_goes_on_to_the_next(page):
    page.locator("#false_alarms .card").first.click()
    look = page.locator("#detail")
    assert look.locator("h3").text_content() == "lot 0/part147.png"
    assert {"Truth": "good", "score": "0.9800"}.items() <= table(look).items()
    assert look.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
    page.keyboard.press("ArrowRight")
    assert look.locator("h3").text_content() != "lot 0/part147.png"
    page.keyboard.press("ArrowLeft")
    assert look.locator("h3").text_content() == "lot 0/part147.png"
    page.keyboard.press("Escape")
    assert not look.is_visible()


def table(look: Any) -> dict[str, str]:
    cells = look.locator("table").evaluate(
        "table => [...table.rows].map(row => [row.cells[0].textContent, row.cells[1].textContent])"
    )
    return dict(cells)


def test_behind_a_dot_is_its_image(page):
    box = page.locator("#order").bounding_box()
    # The last image in file order is at the right end.
    page.mouse.click(box["x"] + box["width"] * (760 - 20.5) / 760, box["y"] + 20)
    assert page.locator("#detail h3").text_content() == "lot 2/part149.png"


def test_a_hostile_name_is_text(page):
    page.fill("#filter [name=search]", "onerror")
    page.locator("#list .card").click()
    assert page.locator("#detail h3").text_content() == f"{BAD_NAME}.png"


def test_every_picture_is_one(page):
    widths = page.evaluate(
        "Promise.all([...document.images].map(image => image.decode().then(() => image.naturalWidth)))"
    )
    assert len(widths) > 60
    assert min(widths) > 0


def test_on_paper_there_is_no_list_and_a_place_to_sign(page):
    page.emulate_media(media="print")
    assert not page.locator("#all").is_visible()
    assert page.locator(".signature").is_visible()
    assert page.locator("#worst .card:visible").count() == 12
    assert page.pdf(prefer_css_page_size=True)[:5] == b"%PDF-"
