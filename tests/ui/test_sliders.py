"""What a slider shows while it moves is what the server marks, where the map is small enough to be whole."""

import itertools

import numpy as np

from .conftest import Server, guide_server, photo


def test_the_preview_marks_what_the_server_marks(window, project, tmp_path, model_file):
    server = Server(project, model_file)
    guide_server(server, tmp_path)
    server.add(photo(tmp_path / "q.png", 5, (80, 130)), "query")
    server.ask("fit", {})
    server.idle()
    window.open(f"{server.address}#try")
    window.until("obftnet.step.tried.decided !== null")
    page = window.page
    scores = np.array(page.evaluate("[...obftnet.step.tried.preview.scores]")) / 65535
    # Between two of the map's levels: neither rounds to the other side.
    levels = [float(np.floor(np.quantile(scores, share) * 65535) + 0.5) / 65535 for share in (0.5, 0.9, 0.99)]
    marks = []
    for threshold, low, area in itertools.product(levels, (None, 0.97, 0.9), (0, 5, 40)):
        said = {"threshold": threshold, "min_area": area}
        if low is not None:
            said["low_threshold"] = float(np.floor(threshold * low * 65535) + 0.5) / 65535
        marked = page.evaluate(
            """(said) => {
              const { preview } = obftnet.step.tried;
              preview.mark({ low_threshold: null, ...said });
              return preview.pixels.reduce((count, pixel) => count + (pixel !== 0), 0);
            }""",
            said,
        )
        query = "&".join(f"{name}={value}" for name, value in said.items())
        marks.append(marked)
        assert marked == round(server.ask(f"tried/q.png/decided?{query}")["area"] * scores.size), said
    assert len(set(marks)) > 8
    server.end()


def test_a_slider_that_moves_leaves_the_other_numbers_to_the_last_digit(
    window, project, tmp_path, model_file
):
    server = Server(project, model_file)
    guide_server(server, tmp_path)
    server.add(photo(tmp_path / "q.png", 5, (80, 130)), "query")
    server.ask("fit", {})
    server.idle()
    window.open(f"{server.address}#try")
    window.until("obftnet.step.tried.decided !== null")
    page = window.page
    page.fill("#exact", "0.9998431")
    page.press("#exact", "Tab")
    decision = "obftnet.state.settings.decision"
    window.until(f"{decision}.threshold === 0.9998431")
    page.focus("#outline")
    page.keyboard.press("Home")
    window.until(f"{decision}.low_threshold !== null && {decision}.low_threshold < 0.02")
    # A key moves a slider again and again: it keeps the focus, and a step is never too small to count.
    page.focus("#area")
    for area in (10, 11, 12):
        page.keyboard.press("ArrowRight")
        window.until(f"{decision}.min_area === {area}")
    page.click("#band")
    window.until(f"{decision}.review !== null")
    said = page.evaluate(decision)
    assert said["threshold"] == 0.9998431
    assert said["review"][0] < said["threshold"] < said["review"][1] < 1
    # Below the outline there is none, and above it is there again.
    page.focus("#threshold")
    page.keyboard.press("Home")
    window.until(f"{decision}.threshold <= 0.0001")
    assert page.evaluate(decision)["low_threshold"] is None
    # Where nothing is marked the page says so, and from where on something would be.
    page.click("#band")
    page.fill("#exact", "0.9999999")
    page.press("#exact", "Tab")
    window.until(f"{decision}.threshold === 0.9999999 && document.querySelector('#unmarked') !== null")
    value = page.evaluate("obftnet.step.tried.decided.image_score")
    assert 0.01 < value < 0.99
    assert f"below {np.floor(100 * value) / 100:.2f} something" in page.inner_text("#unmarked")
    # All of the page follows another language, at once.
    page.select_option("#language", "de")
    window.until("document.querySelector('[data-key=fit]').textContent === 'Ganz'")
    assert "Nichts ist markiert" in page.inner_text("#unmarked")
    server.end()
