"""Packs of an untrained network, and servers in processes of their own."""

import contextlib
import dataclasses
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from obftnet.decision import Decision
from obftnet.segmenter import Segmenter
from obftnet.weights import save_model

httpx = pytest.importorskip("httpx", reason="the server's tests need httpx: pip install 'obftnet[test]'")
pytest.importorskip("prometheus_client", reason="the server is not installed: pip install 'obftnet[serve]'")
pytest.importorskip("fastapi", reason="the server is not installed: pip install 'obftnet[serve]'")

SIZE = (48, 60)


def picture(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


@dataclasses.dataclass
class Packs:
    """Two packs of one network that see images otherwise."""

    weights: Path
    files: dict[str, Path]


@pytest.fixture(scope="session")
def packs(tmp_path_factory, tiny_model) -> Packs:
    folder = tmp_path_factory.mktemp("packs")
    save_model(folder / "model.safetensors", tiny_model)
    mask = np.zeros(SIZE, bool)
    mask[10:30, 20:40] = True
    files = {}
    for number, name in enumerate(("leather", "tile")):
        segmenter = Segmenter.from_pretrained(folder / "model.safetensors", "cpu")
        seen = 1000 + 10 * number
        segmenter.fit([(Image.fromarray(picture(seen)), mask)], [Image.fromarray(picture(seen + 1))])
        scores = [float(segmenter.predict(picture(seed)).score.max()) for seed in range(4)]
        # Some images are good by it and others not; regions of 3 pixels.
        segmenter.decision = Decision(sorted(scores)[2] - 0.01, min_area=3)
        segmenter.scale = 10.0
        files[name] = folder / f"{name}.pack"
        segmenter.save(files[name])
    return Packs(folder / "model.safetensors", files)


class Server:
    """`obftnet serve` in a process of its own."""

    def __init__(self, folder: Path, weights: Path, *options: str) -> None:
        command = [sys.executable, "-m", "obftnet", "serve", "--packs", str(folder), "--port", "0"]
        command += ["--weights", str(weights), "--device", "cpu", "--threads", "1", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        first = self.process.stdout.readline()
        assert " at http" in first, (first, self.log)
        self.address = first.split()[-1]
        self.token = self.process.stdout.readline().split()[-1] if "0.0.0.0" in options else None
        port = self.address.rsplit(":", 1)[1]
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line)

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def until_ready(self, packs: int = 2) -> "Server":
        end = time.monotonic() + 120
        while time.monotonic() < end:
            answer = self.http.get("/ready")
            if answer.status_code == 200 and answer.json()["packs"] >= packs:
                return self
            assert self.process.poll() is None, self.log
            time.sleep(0.05)
        raise AssertionError(self.log)

    def ask(self, pack: str, image: bytes, **parameters: object) -> httpx.Response:
        headers = {"Content-Type": "application/octet-stream"}
        return self.http.post(f"/packs/{pack}/segment", content=image, params=parameters, headers=headers)

    def until(self, condition) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(self.log)

    def workers(self) -> list[int]:
        """Process ids of those that look."""
        found = []
        for one in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):  # it has just ended
                if "spawn_main" in " ".join(one.cmdline()):
                    found.append(one.pid)
        return found

    def metric(self, name: str) -> float:
        found = re.findall(rf"^{name} ([0-9.e+]+)$", self.http.get("/metrics").text, re.M)
        return float(found[0])

    def end(self, number: int = signal.SIGTERM) -> int:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(60)
        finally:
            if self.process.poll() is None:
                os.kill(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(10)
        return code


@pytest.fixture
def folder(tmp_path, packs) -> Path:
    """A folder with both packs, for one server alone."""
    place = tmp_path / "packs"
    place.mkdir()
    for name, path in packs.files.items():
        (place / f"{name}.pack").write_bytes(path.read_bytes())
    return place


@pytest.fixture
def started(packs):
    """Starts servers, and ends them."""
    servers = []

    def start(folder: Path, *options: str) -> Server:
        servers.append(Server(folder, packs.weights, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.end(signal.SIGKILL)


@pytest.fixture(scope="session")
def server(tmp_path_factory, packs):
    """One that several tests ask; leave its packs as they are."""
    place = tmp_path_factory.mktemp("served")
    for name, path in packs.files.items():
        (place / f"{name}.pack").write_bytes(path.read_bytes())
    found = Server(place, packs.weights, "--max-bytes", "100000", "--max-pixels", "40000").until_ready()
    yield found
    assert found.end() == 0, found.log
