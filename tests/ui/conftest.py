"""A project, its server in this process, and files to give it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from obftnet.ui.server import Page, create_app
from obftnet.ui.workspace import Workspace
from obftnet.weights import save_model

from .browser import chromium as chromium  # fixtures
from .browser import window as window

TestClient = pytest.importorskip(
    "starlette.testclient", reason="the page's server is not installed: pip install 'obftnet[ui]'"
).TestClient

HOST = "127.0.0.1:8765"


def photo(path: Path, seed: int = 0, size: tuple[int, int] = (96, 128), dtype: type = np.uint8) -> Path:
    """A noisy photograph of (h, w)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, 3) if dtype is np.uint8 else size
    pixels = np.random.default_rng(seed).integers(0, 256 if dtype is np.uint8 else 4096, shape, dtype=dtype)
    Image.fromarray(pixels).save(path)
    return path


class Client:
    """A browser's requests: paths below /api, files as bodies."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.http = TestClient(create_app(page, [HOST]), base_url=f"http://{HOST}")

    def ask(self, path: str, **parameters: object) -> dict:
        answer = self.http.get(f"/api/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def add(self, file: Path, role: str, name: str | None = None) -> str:
        answer = self.upload("images", file, name=name or file.name, role=role)
        assert answer.status_code == 200, answer.text
        return answer.json()["name"]

    def upload(self, path: str, file: Path, **parameters: object):
        headers = {"content-type": "application/octet-stream"}
        return self.http.post(f"/api/{path}", content=file.read_bytes(), params=parameters, headers=headers)

    def image(self, name: str) -> dict:
        return next(image for image in self.ask("state")["images"] if image["name"] == name)

    def post(self, path: str, status: int = 200, **parameters: object) -> dict:
        answer = self.http.post(f"/api/{path}", params=parameters)
        assert answer.status_code == status, answer.text
        return answer.json()

    def wait(self) -> dict:
        """The state once nothing is under way."""
        end = time.monotonic() + 600
        while time.monotonic() < end:
            state = self.ask("state")
            if not (state["checking"] or state["fit"]["job"]):
                return state
            time.sleep(0.05)
        raise AssertionError(state)

    def paint(self, name: str, do: str = "stroke", **stroke: object):
        body = {"revision": self.image(name)["revision"], "do": do}
        body |= {"stroke": stroke} if stroke else {}
        return self.http.post(f"/api/images/{name}/strokes", json=body)


class Server:
    """`obftnet ui` in a process of its own."""

    started: ClassVar[list["Server"]] = []

    def __init__(self, project: Path, weights: Path | None, port: int = 0) -> None:
        command = [sys.executable, "-m", "obftnet", "ui", str(project), "--port", str(port)]
        command += ["--device", "cpu", "--threads", "1"]
        command += [] if weights is None else ["--weights", str(weights)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.started.append(self)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]

    def ask(self, path: str, body: object = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"{self.address}api/{path}", data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)

    def add(self, file: Path, role: str) -> None:
        """Give it an image."""
        asked = urllib.request.Request(
            f"{self.address}api/images?name={file.name}&role={role}",
            data=file.read_bytes(),
            headers={"Content-Type": "application/octet-stream"},
        )
        with urllib.request.urlopen(asked):
            pass

    def until(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + 600
        while not there():
            assert time.monotonic() < end
            time.sleep(0.1)

    def idle(self) -> dict:
        """The state once nothing is under way."""
        self.until(lambda: not self.ask("state")["fit"]["job"])
        return self.ask("state")

    def end(self) -> None:
        self.process.terminate()
        self.process.communicate()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def guide(client: Client, folder: Path, seed: int = 0) -> None:
    """One painted defect image and one good one."""
    name = client.add(photo(folder / "given/s.png", seed), "defect")
    client.add(photo(folder / "given/g.png", seed + 1), "good")
    assert client.paint(name, tool="brush", points=[(40, 40), (70, 60)], radius=9).status_code == 200


def guide_server(server: Server, folder: Path) -> None:
    """The same of a server in a process of its own."""
    server.add(photo(folder / "given/s.png", 0), "defect")
    server.add(photo(folder / "given/g.png", 1), "good")
    stroke = {"tool": "brush", "points": [[40, 40], [70, 60]], "radius": 9}
    server.ask("images/s.png/strokes", {"revision": 0, "do": "stroke", "stroke": stroke})


@pytest.fixture(scope="session", autouse=True)
def no_server_is_left() -> Iterator[None]:
    """End those that a failed test has left."""
    yield
    for server in Server.started:
        if server.process.poll() is None:
            server.end()


@pytest.fixture
def project(tmp_path) -> Path:
    return tmp_path / "project"


@pytest.fixture(scope="session")
def model_file(tmp_path_factory, tiny_model) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(path, tiny_model)
    return path


@pytest.fixture
def client(project, model_file):
    page = Page(Workspace(project), weights=model_file, device="cpu", threads=1)
    yield Client(page)
    page.close()


@pytest.fixture(scope="module")
def tried(tmp_path_factory, model_file):
    """A client of a project that is fitted and tried on two images; leave it as it is."""
    folder = tmp_path_factory.mktemp("tried")
    page = Page(Workspace(folder / "project"), weights=model_file, device="cpu", threads=1)
    client = Client(page)
    guide(client, folder)
    for index in (5, 6):
        client.add(photo(folder / f"q{index}.png", index, (80, 130)), "query")
    client.post("fit")
    client.wait()
    yield client
    page.close()
