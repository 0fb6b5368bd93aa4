"""The guidance fitted and tried: scores are the command line's and Python's, decisions the library's."""

import io
import os
import shutil
import signal
import time

import numpy as np
import pytest
from PIL import Image

from obftnet import Segmenter
from obftnet.decision import Decision, decide, image_score, judge
from obftnet.imaging.read import read_picture
from obftnet.regions import find_regions
from obftnet.segmentation import Outputs
from obftnet.ui.server import Page
from obftnet.ui.workspace import Workspace

from .conftest import Client, guide, photo


def score(client: Client, name: str = "q5.png") -> np.ndarray:
    found = client.page.trying.tried(client.page.workspace.image(name))
    assert found is not None
    return read_picture(found[1].score).samples


def test_scores_are_those_of_the_command_line_and_of_python_to_the_bit(tried, tmp_path, obftnet, model_file):
    folder = tried.page.workspace.folder
    common = ["--weights", model_file, "--device", "cpu", "--threads", 1, "--keep", "score"]
    for guided in (["--pack", folder / "fit.pack"], ["--guidance", folder / "guidance"]):
        out = tmp_path / guided[0]
        status, _, said = obftnet("segment", folder / "queries", *guided, "--out", out, *common)
        assert status == 0, said
        for name in ("q5", "q6"):
            found = read_picture(Outputs.of(out, name).score).samples
            assert np.array_equal(found, score(tried, f"{name}.png"))
    segmenter = Segmenter.load(folder / "fit.pack", "cpu", weights=model_file)
    assert np.array_equal(segmenter.predict(folder / "queries/q5.png").score, score(tried))


def asked(client: Client, decision: Decision, name: str = "q5.png") -> dict:
    low, high = decision.review or (None, None)
    parameters = {"threshold": decision.threshold, "min_area": decision.min_area}
    parameters |= {} if low is None else {"low": low, "high": high}
    if decision.low_threshold is not None:
        parameters["low_threshold"] = decision.low_threshold
    return client.ask(f"tried/{name}/decided", **parameters)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("least", [0, 40])
@pytest.mark.parametrize("outline", [None, 0.99])
def test_a_decision_is_the_library_s(tried, share, least, outline):
    seen = score(tried)
    threshold = float(np.quantile(seen, share))
    low = None if outline is None else outline * threshold
    decision = Decision(threshold, least, review=(threshold / 2, (1 + threshold) / 2), low_threshold=low)
    found, mask = asked(tried, decision), decide(seen, decision)
    assert found["image_score"] == image_score(seen, decision)
    assert found["verdict"] == judge(image_score(seen, decision), decision)
    assert found["area"] == mask.mean()
    regions = find_regions(mask, seen)
    assert found["count"] == len(regions)
    if len(regions) <= 500:
        assert [region["area"] for region in found["regions"]] == [region.area for region in regions]
    parameters = {"threshold": threshold, "min_area": least} | ({} if low is None else {"low_threshold": low})
    tile = tried.http.get("/api/tried/q5.png/mask/0/0/0", params=parameters)
    shown = np.asarray(Image.open(io.BytesIO(tile.content)).convert("RGBA"))[..., 3] > 0
    assert np.array_equal(shown, mask)


def test_a_preview_shows_the_largest_score_of_what_each_pixel_stands_for(tried, monkeypatch):
    seen = score(tried)
    answer = tried.http.get("/api/tried/q5.png/preview")
    whole = np.frombuffer(answer.content, "<u2").reshape(80, 130)
    assert np.array_equal(whole, np.rint(seen * np.float32(65535)))
    monkeypatch.setattr("obftnet.ui.scores.PREVIEW", 50)
    answer = tried.http.get("/api/tried/q5.png/preview")
    said = [answer.headers[f"x-{name}"] for name in ("width", "height", "step")]
    assert said == ["44", "27", "3"]
    small = np.frombuffer(answer.content, "<u2").reshape(27, 44)
    padded = np.pad(seen, ((0, 1), (0, 2))).reshape(27, 3, 44, 3).max((1, 3))
    assert np.array_equal(small, np.rint(padded * np.float32(65535)))


def test_a_place_is_explained_by_the_guidance(tried):
    (words,) = tried.post("tried/q5.png/explain", x=20, y=30)["words"]
    assert words.startswith("point 20,30: ")
    assert "on the supports' defect" in words
    assert tried.http.get("/api/tried/explained/picture").headers["content-type"] == "image/png"
    assert "outside" in tried.post("tried/q5.png/explain", 422, x=999, y=30)["error"]


@pytest.mark.parametrize(
    ("path", "said"),
    [("fit/try", "fit the guidance first"), ("fit/accept", "no fit is proposed")],
)
def test_what_cannot_be_done_yet_says_what_is_missing(client, path, said):
    assert said in client.post(path, 422)["error"]


def test_an_image_that_is_not_painted_is_named_before_anything_is_fitted(client, tmp_path):
    guide(client, tmp_path)
    client.add(photo(tmp_path / "late.png", 9), "defect")
    assert "late.png: no defect is painted on it" in client.post("fit", 422)["error"]
    assert client.ask("state")["fit"]["state"] == "none"


def test_a_false_alarm_is_shown_on_all_images_before_it_is_accepted(client, tmp_path):
    guide(client, tmp_path)
    for index in (5, 6):
        client.add(photo(tmp_path / f"q{index}.png", index), "query")
    client.post("fit")
    state = client.wait()["fit"]
    assert (state["state"], state["proposed"], state["supports"]) == ("current", False, 1)
    before = score(client)
    pack = client.page.workspace.folder / "fit.pack"
    first = pack.read_bytes()

    client.post("tried/q6.png/false-alarm")
    assert client.wait()["fit"]["proposed"]
    assert pack.read_bytes() == first
    assert np.array_equal(score(client), before)
    (row,) = client.ask("fit/comparison")
    assert row["name"] == "q5.png"
    assert row["before"]["image_score"] != row["after"]["image_score"]

    client.post("fit/reject")
    assert client.image("q6.png")["role"] == "query"
    assert client.ask("state")["fit"]["state"] == "current"
    assert np.array_equal(score(client), before)

    client.post("tried/q6.png/false-alarm")
    client.wait()
    client.post("fit/accept")
    assert client.image("q6.png")["role"] == "good"
    state = client.ask("state")["fit"]
    assert (state["state"], state["proposed"], state["backgrounds"]) == ("current", False, 2)
    assert not np.array_equal(score(client), before)
    # What was missed is an example that is to be painted, and the fit is then of other guidance.
    client.post("tried/q5.png/missed")
    assert client.image("q5.png")["role"] == "defect"
    assert client.ask("state")["fit"]["state"] == "stale"


@pytest.mark.slow
def test_a_server_that_was_killed_goes_on_with_what_was_proposed(client, tmp_path, model_file):
    guide(client, tmp_path)
    client.add(photo(tmp_path / "q5.png", 5), "query")
    client.post("fit")
    client.wait()
    good = client.add(photo(tmp_path / "more.png", 7), "good")
    client.post("fit")
    client.wait()
    shutil.rmtree(client.page.trying.proposed_results)
    client.page.close()

    again = Client(Page(Workspace(client.page.workspace.folder), weights=model_file, device="cpu", threads=1))
    assert again.wait()["fit"]["proposed"]
    assert again.ask("fit/comparison")[0]["after"]
    # And where only the pack had been moved when it was killed, the results follow.
    trying = again.page.trying
    trying.proposed.replace(trying.pack)
    again.page.close()
    last = Client(Page(Workspace(client.page.workspace.folder), weights=model_file, device="cpu", threads=1))
    assert not last.ask("state")["fit"]["proposed"]
    assert last.image("q5.png")["tried"]
    assert last.image(good)["role"] == "good"
    assert not trying.proposed_results.exists()
    last.page.close()


@pytest.mark.slow
def test_a_worker_that_dies_is_told_and_begun_again(client, tmp_path):
    guide(client, tmp_path)
    client.post("fit")
    while (process := client.page.engine.process_id) is None:
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    assert client.wait()["fit"]["ended"]["state"] == "failed"
    client.post("fit")
    assert client.wait()["fit"]["state"] == "current"
