"""Folders that are run: the command line's results, whatever pauses, kills and windows come between."""

import io
import json
import shlex
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from obftnet.imaging.read import read_picture
from obftnet.segmentation import Outputs
from obftnet.ui.server import Page
from obftnet.ui.workspace import Workspace

from .conftest import Client, Server, guide, photo


@pytest.fixture
def ready(client, tmp_path):
    """A client whose guidance is fitted, with a folder of photographs to run."""
    guide(client, tmp_path)
    for index in range(6):
        photo(tmp_path / f"line/part{index}.png", 20 + index)
    client.post("fit")
    client.wait()
    return client


def begin(client: Client, folder: Path | None = None) -> int:
    answer = client.http.post("/api/batches", json={} if folder is None else {"folder": str(folder)})
    assert answer.status_code == 200, answer.text
    return answer.json()["number"]


def until(client: Client, number: int, *states: str) -> dict:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        state = client.ask(f"batches/{number}")
        if state["state"] in states:
            return state
        time.sleep(0.02)
    raise AssertionError(state)


def same(one: Path, other: Path) -> None:
    """Both folders hold the same results, to the bit."""
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*_score.tiff"))
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*_score.tiff"))
    assert names
    for name in names:
        result = name.removesuffix("_score.tiff")
        first, second = (Outputs.of(folder, result) for folder in (one, other))
        assert np.array_equal(read_picture(first.score).samples, read_picture(second.score).samples)
        assert first.mask.read_bytes() == second.mask.read_bytes()


def test_a_folder_is_run_as_by_its_command_line_and_taken_away(ready, tmp_path, obftnet):
    number = begin(ready, tmp_path / "line")
    state = until(ready, number, "done")
    assert len(state["images"]) == 6
    results = ready.page.batches.results(number)

    words = shlex.split(state["command"])
    words[words.index("--out") + 1] = str(tmp_path / "found")
    status, _, said = obftnet(*words[1:])
    assert status == 0, said
    same(results, tmp_path / "found")

    masks = zipfile.ZipFile(io.BytesIO(ready.http.get(f"/api/export/batches/{number}/masks").content))
    assert sorted(masks.namelist()) == [f"part{index}_mask.png" for index in range(6)]
    assert masks.read("part3_mask.png") == (results / "part3_mask.png").read_bytes()
    for name in ("images.csv", "regions.csv", "coco.json"):
        taken = ready.http.get(f"/api/export/batches/{number}/{name}")
        assert taken.content == (results / name).read_bytes()
        assert "attachment" in taken.headers["content-disposition"]
    report = ready.http.get(f"/api/export/batches/{number}/report")
    assert report.content.startswith(b"<!DOCTYPE html>") or report.content.startswith(b"<!doctype html>")
    assert b"part3" in report.content
    pack = ready.http.get("/api/export/pack").content
    assert pack == (ready.page.workspace.folder / "fit.pack").read_bytes()
    assert list(ready.page.workspace.folder.glob(".received-*")) == []


def test_a_paused_batch_keeps_what_is_finished_and_goes_on(ready, tmp_path):
    number = begin(ready, tmp_path / "line")
    while not (before := ready.ask(f"batches/{number}")["images"]):
        time.sleep(0.005)
    ready.post(f"batches/{number}/pause")
    paused = until(ready, number, "pause", "done")
    kept = {image["result"]: image for image in paused["images"]}
    assert {image["result"] for image in before} <= set(kept)
    results = ready.page.batches.results(number)
    written = {name: (results / f"{name}_score.tiff").stat().st_mtime_ns for name in kept}
    ready.post(f"batches/{number}/start")
    assert len(until(ready, number, "done")["images"]) == 6
    for name, when in written.items():
        assert (results / f"{name}_score.tiff").stat().st_mtime_ns == when


def test_a_batch_says_when_the_page_has_gone_on(ready, tmp_path):
    number = begin(ready, tmp_path / "line")
    assert until(ready, number, "done")["outdated"] is None
    settings = ready.ask("state")["settings"]
    other = settings["decision"] | {"threshold": 0.3}
    ready.http.put("/api/settings", json=settings | {"decision": other})
    assert ready.ask(f"batches/{number}")["outdated"] == "decision"
    ready.http.put("/api/settings", json=settings)
    assert ready.ask(f"batches/{number}")["outdated"] is None
    ready.add(photo(tmp_path / "more.png", 77), "good")
    ready.post("fit")
    ready.wait()
    assert ready.ask(f"batches/{number}")["outdated"] == "fit"


def test_what_the_page_decides_by_is_what_a_batch_is_run_by(ready, tmp_path):
    settings = ready.ask("state")["settings"]
    decision = settings["decision"] | {"threshold": 0.3, "min_area": 25, "review": [0.2, 0.4]}
    assert ready.http.put("/api/settings", json=settings | {"decision": decision}).status_code == 200
    number = begin(ready, tmp_path / "line")
    state = until(ready, number, "done")
    assert (state["threshold"], state["review"]) == (0.3, [0.2, 0.4])
    record = json.loads((ready.page.batches.results(number) / "segment.json").read_text())
    assert record["settled"]["decision"]["min_area"] == 25


def test_dropped_files_are_run_shown_and_judged(ready, tmp_path):
    number = begin(ready)
    for index in (0, 1):
        answer = ready.upload(f"batches/{number}/images", tmp_path / f"line/part{index}.png", name="part.png")
        assert answer.status_code == 200, answer.text
    ready.post(f"batches/{number}/start")
    state = until(ready, number, "done")
    assert [image["name"] for image in state["images"]] == ["part-2.png", "part.png"]
    for what in ("overlay", "image"):
        address = f"/api/batches/{number}/picture/0/0/0"
        answer = ready.http.get(address, params={"result": "part-2", "what": what})
        assert answer.headers["content-type"] == "image/png"
    result = {"result": "part-2"}
    assert ready.post(f"batches/{number}/judged", judged="fail", **result)["judged"]
    assert ready.ask(f"batches/{number}")["images"][0]["judged"] == "fail"
    assert ready.http.get(f"/api/export/batches/{number}/judged.json").json() == {"part-2": "fail"}
    assert ready.post(f"batches/{number}/judged", **result)["images"][0]["judged"] is None


@pytest.mark.parametrize(
    ("folder", "said"), [("relative/folder", "whole path"), ("/no/such/folder", "no such file or folder")]
)
def test_a_folder_that_is_not_there_is_named(ready, folder, said):
    answer = ready.http.post("/api/batches", json={"folder": folder})
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert ready.ask("state")["batches"] == []


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("POST", "batches", "fit the guidance"),
        ("GET", "batches/7", "there is none"),
        ("GET", "export/pack", "nothing was fitted"),
        ("GET", "export/batches/7/masks", "no mask"),
        ("GET", "export/batches/7/..%2f..%2fproject.json", ""),
        ("GET", "export/batches/7/project.json", "not among"),
    ],
)
def test_what_is_not_there_cannot_be_taken(client, method, path, said):
    answer = client.http.request(method, f"/api/{path}", json={} if method == "POST" else None)
    assert answer.status_code in (404, 422)
    assert said in answer.json()["error"]


@pytest.mark.slow
def test_a_server_killed_in_the_middle_of_a_batch_goes_on_with_it(project, tmp_path, model_file):
    page = Page(Workspace(project), weights=model_file, device="cpu", threads=1)
    client = Client(page)
    guide(client, tmp_path)
    client.post("fit")
    client.wait()
    page.close()
    for index in range(20):
        photo(tmp_path / f"line/part{index:02}.png", 20 + index, size=(160, 200))
    server = Server(project, model_file)
    number = server.ask("batches", {"folder": str(tmp_path / "line")})["number"]
    while not (before := server.ask(f"batches/{number}")["images"]):
        time.sleep(0.01)
    stroke = {"tool": "brush", "points": [[10, 10]], "radius": 4}
    revision = server.ask("state")["images"][0]["revision"]
    server.ask("images/s.png/strokes", {"revision": revision, "do": "stroke", "stroke": stroke})
    server.kill()

    server = Server(project, model_file)
    assert server.ask("state")["images"][0]["revision"] == revision + 1
    end = time.monotonic() + 600
    while (state := server.ask(f"batches/{number}"))["state"] != "done":
        assert time.monotonic() < end, state
        time.sleep(0.1)
    assert len(state["images"]) == 20
    assert {image["result"] for image in before} <= {image["result"] for image in state["images"]}
    server.end()
