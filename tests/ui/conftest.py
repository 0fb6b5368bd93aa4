"""A project, its server in this process, and files to give it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.ui.server import Page, create_app
from obftnet.ui.workspace import Workspace
from obftnet.weights import save_model

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

    def paint(self, name: str, do: str = "stroke", **stroke: object):
        body = {"revision": self.image(name)["revision"], "do": do}
        body |= {"stroke": stroke} if stroke else {}
        return self.http.post(f"/api/images/{name}/strokes", json=body)


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
    page = Page(Workspace(project), weights=model_file, device="cpu")
    yield Client(page)
    page.close()
