"""A rate of false alarms asked for in the page: the command's own result, and what becomes of it."""

import json
import shutil

import pytest

from obftnet.packs import read_pack
from obftnet.ui.server import Page
from obftnet.ui.workspace import Workspace

from .conftest import Client, guide, photo


@pytest.fixture(scope="module")
def ready(tmp_path_factory, model_file):
    """A client that is fitted, with five good images and two others to calibrate by, and one to try."""
    folder = tmp_path_factory.mktemp("ready")
    page = Page(Workspace(folder / "project"), weights=model_file, device="cpu", threads=1)
    client = Client(page)
    guide(client, folder)
    for index in range(5):
        client.add(photo(folder / f"line/g{index}.png", 30 + index), "held_good")
    for index in range(2):
        client.add(photo(folder / f"bad/d{index}.png", 50 + index), "held_defect")
    client.add(photo(folder / "q.png", 70), "query")
    client.post("fit")
    client.wait()
    yield client
    page.close()


def ask(client: Client, **asked: object) -> dict:
    settings = client.ask("state")["settings"]
    settings["calibration"] |= asked
    answer = client.http.put("/api/settings", json=settings)
    assert answer.status_code == 200, answer.text
    return answer.json()["calibration"]


def calibrate(client: Client, **asked: object) -> dict:
    ask(client, **asked)
    client.post("calibration")
    state = client.wait()
    assert state["fit"]["ended"]["state"] == "done", state["fit"]["ended"]
    return state


def test_it_is_the_command_s_to_the_bit(ready, tmp_path, obftnet, model_file):
    folder = ready.page.workspace.folder
    copy = shutil.copy(folder / "fit.pack", tmp_path / "by_command.pack")
    state = calibrate(ready, false_alarms=0.4)
    common = ["--weights", model_file, "--device", "cpu", "--threads", 1]
    good = ["--good", folder / "calibration/good", "--defects", folder / "calibration/defects"]
    status, _, said = obftnet("calibrate", "--pack", copy, *good, "--false-alarms", "40%", *common)
    assert status == 0, said
    page, command = read_pack(folder / "fit.pack").content, read_pack(copy).content
    assert page.decision == command.decision
    assert page.calibration == command.calibration
    assert page.calibration["images"] == 5
    assert page.calibration["defects"] == 2
    # It decides in the page, too, and the images that it was chosen by are there to be looked at.
    assert state["settings"]["decision"] == page.decision.model_dump(mode="json")
    assert state["calibration"]["holds"]
    found = [image["tried"] for image in state["images"] if image["role"] == "held_good"]
    above = sum(one["image_score"] > page.decision.threshold for one in found)
    assert above <= 5 - page.calibration["rank"]
    assert above == sum(one["verdict"] == "fail" for one in found)
    # And a folder is run by it.
    photo(tmp_path / "line/part.png", 80)
    number = ready.http.post("/api/batches", json={"folder": str(tmp_path / "line")}).json()["number"]
    used = read_pack(folder / f"batches/{number}/used.pack").content
    assert (used.decision, used.calibration) == (page.decision, page.calibration)


def test_what_can_be_promised_is_said_before(ready, tmp_path):
    said = ask(ready, false_alarms=0.05)
    assert (said["images"], said["enough"]) == (5, 19)
    assert said["promised"] == pytest.approx(1 / 6)
    for index in range(15):
        photo(tmp_path / f"more/g{index}.png", 60 + index)
    said = ask(ready, folder=str(tmp_path / "more"))
    assert said["images"] == 20
    assert said["promised"] <= 0.05
    ask(ready, folder=None)


def test_a_moved_threshold_is_said_and_taken_back(ready):
    calibrated = calibrate(ready, false_alarms=0.4)["settings"]
    moved = calibrated | {"decision": calibrated["decision"] | {"threshold": 0.123, "low_threshold": None}}
    state = ready.http.put("/api/settings", json=moved).json()["calibration"]
    assert (state["holds"], state["found"]["asked"]) == (False, 0.4)
    assert ready.post("calibration/return")["settings"] == calibrated
    assert ready.ask("state")["calibration"]["holds"]


@pytest.mark.parametrize(("folder", "said"), [("more", "whole path"), ("/no/such", "no such file or folder")])
def test_a_folder_that_is_not_there_is_named(ready, folder, said):
    ask(ready, folder=folder)
    assert said in ready.post("calibration", 422)["error"]
    ask(ready, folder=None)


@pytest.mark.parametrize("rate", [0, 1, -0.5, "many"])
def test_a_rate_that_is_none_is_refused(client, rate):
    settings = client.ask("state")["settings"]
    settings["calibration"] |= {"false_alarms": rate}
    assert client.http.put("/api/settings", json=settings).status_code == 422


def test_without_a_fit_or_images_it_says_what_is_missing(client, tmp_path):
    assert "nothing was fitted" in client.post("calibration", 422)["error"]
    guide(client, tmp_path)
    client.post("fit")
    client.wait()
    client.post("calibration")
    ended = client.wait()["fit"]["ended"]
    assert ended["state"] == "refused"
    assert "no good image to calibrate by" in ended["error"]


def test_a_new_fit_ends_it_once_it_is_accepted(ready):
    calibrate(ready, false_alarms=0.4)
    ready.post("tried/g3.png/false-alarm")
    ready.wait()
    assert "a new fit waits" in ready.post("calibration", 422)["error"]
    assert ready.image("g3.png")["role"] == "good"
    ready.post("fit/reject")
    assert ready.image("g3.png")["role"] == "held_good"
    assert ready.ask("state")["calibration"]["holds"]
    ready.post("tried/g3.png/false-alarm")
    ready.wait()
    ready.post("fit/accept")
    state = ready.ask("state")
    assert state["calibration"]["found"] is None
    assert [image["tried"] for image in state["images"] if image["role"] == "held_good"] == [None] * 4
    assert not ready.page.trying.calibrated.exists()


def test_a_killed_server_goes_on_with_it(ready, project, model_file):
    folder = ready.page.workspace.folder
    asked = {"false_alarms": 0.4, "folder": None}
    ask(ready, **asked)
    ready.page.close()
    shutil.copytree(folder, project)
    folder = project
    (folder / "calibrating.json").write_text(json.dumps(asked))
    again = Client(Page(Workspace(folder), weights=model_file, device="cpu", threads=1))
    state = again.wait()
    assert state["calibration"]["holds"]
    assert state["calibration"]["found"]["images"] == 4
    assert not (folder / "calibrating.json").exists()
    again.page.close()
