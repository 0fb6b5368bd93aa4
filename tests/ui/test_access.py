"""The page for everyone: nothing cut off at a desk and on a tablet, contrast, names, order of the focus."""

from pathlib import Path

import pytest

from .browser import KIND, MATERIAL, Window, write
from .conftest import Server

SIZES = [(1280, 720), (1024, 768), (820, 1180), (800, 1100)]
STEPS = 5

LOOKS = Path(__file__).with_name("looks.js").read_text()


def look(window: Window, what: str):
    return window.page.evaluate(f"({LOOKS.partition(chr(10))[2]}).{what}()")


@pytest.fixture(scope="module")
def filled(tmp_path_factory, model_file):
    """A server whose project has been through all steps; leave it as it is."""
    folder = tmp_path_factory.mktemp("filled")
    server = Server(folder / "project", model_file)
    bad = lambda n: write(folder / f"bad{n}.png", MATERIAL.defective(n, KIND, size=128)[0])  # noqa: E731
    good = lambda n: write(folder / f"line/good{n}.png", MATERIAL.good(n, size=128))  # noqa: E731
    roles = {"defect": [bad(0)], "good": [good(0)], "query": [bad(1), good(1)]}
    roles |= {"held_good": [good(n) for n in (2, 3, 4)], "held_defect": [bad(2)]}
    for role, files in roles.items():
        for file in files:
            server.add(file, role)
    stroke = {"tool": "brush", "points": [[40, 40], [90, 70]], "radius": 6}
    server.ask("images/bad0.png/strokes", {"revision": 0, "do": "stroke", "stroke": stroke})
    server.ask("fit", {})
    server.idle()
    server.ask("calibration", {})
    state = server.idle()
    assert state["calibration"]["holds"], state["fit"]
    number = server.ask("batches", {"folder": str(folder / "line")})["number"]
    server.until(lambda: server.ask(f"batches/{number}")["state"] == "done")
    yield server
    server.end()


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_and_everything_has_a_name(chromium, filled, size):
    window = Window(chromium, size)
    window.open(filled.address)
    for language in ("en", "de"):
        window.page.select_option("#language", language)
        window.until("wanted => document.documentElement.lang === wanted", language)
        for step in range(STEPS):
            window.page.click(f"#steps button:nth-child({step + 1})")
            window.steady()
            assert window.page.evaluate("document.documentElement.scrollWidth") <= size[0]
            assert look(window, "cut") == [], (language, step)
            assert look(window, "nameless") == []
            window.page.keyboard.press("?")
            assert look(window, "cut") == [], (language, step)
            window.page.keyboard.press("Escape")
    window.close()


def test_every_text_has_the_contrast_of_wcag_aa(window, filled):
    """Also of what was refused, where the server is lost, and of a button that cannot be pressed."""
    window.open(filled.address)
    page = window.page
    for step in range(STEPS):
        page.click(f"#steps button:nth-child({step + 1})")
        window.steady()
        least = look(window, "contrast")
        assert len(least) > 15
        assert least[0][0] >= 1, least[:5]
    look(window, "every")
    page.keyboard.press("?")
    least = look(window, "contrast")
    assert least[0][0] >= 1, least[:5]


def test_the_focus_goes_as_the_eye_does_and_is_seen(window, filled):
    window.open(filled.address)
    page = window.page
    order = ["body > header", "#list", "#toolbar", "#canvas", "#zoom", "#panel"]
    for step in range(STEPS - 1):
        page.click(f"#steps button:nth-child({step + 1})")
        window.steady()
        page.evaluate("document.activeElement.blur()")
        page.evaluate("document.querySelector('.skip').focus()")
        reached = []
        for _ in range(120):
            page.keyboard.press("Tab")
            place = page.evaluate(
                "order => order.findIndex((one) => document.activeElement.closest(one))", order
            )
            if place < 0:
                break
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            reached.append(place)
        assert reached == sorted(reached), (step, reached)
        assert set(reached) == set(range(len(order))), (step, reached)


def test_an_empty_step_says_what_to_do(chromium, project, model_file):
    server = Server(Path(project), model_file)
    window = Window(chromium)
    window.open(server.address)
    for step in range(STEPS):
        window.page.click(f"#steps button:nth-child({step + 1})")
        assert window.page.inner_text("#next").strip()
        assert window.page.locator("#panel .next button, #empty .drop button, .drop h2").count() > 0
        assert look(window, "cut") == []
    window.close()
    server.end()
