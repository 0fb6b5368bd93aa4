"""What `obftnet serve` answers in a second, to how many clients, and whether every answer is right.

    python benchmarks/serve.py [--clients 1,4,16] [--requests 200] [--size 64] [--network tiny|shipped]
                               [--workers 1] [--threads 1] [--batch 1] [--kill REQUESTS]
                               [--seconds MOST]

A server in a process of its own, one pack, sixteen generated images, clients in threads that each keep one
connection. `tiny` is a network of 64 x 64 pixels with random weights, which takes little, so that the server
is what is measured; `shipped` the network that ships. Of every answer the score map and the mask are compared
with those of `Segmenter.predict` of the same image: equal to the bit, or with `--batch` above 1 within 2e-6.
A 429 is asked again after the time that it says. With `--kill` a process that looks is ended (SIGKILL) after
each so many answers; what is answered with 500 then is counted, as nothing may be lost.

    python benchmarks/serve.py --at-once 8

asks no server: processor seconds of the shipped network for so many generated images of 512 x 512, one by one
and at once (`Segmenter.predict_batch`), and by how much the scores differ.
"""

import argparse
import base64
import hashlib
import http.client
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

IMAGES = 16


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--clients", default="1,4,16")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--network", choices=("tiny", "shipped"), default="tiny")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--at-once", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.at_once:
        at_once(arguments.at_once, arguments.threads)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights, images, expected = prepared(folder, arguments)
        with Server(folder / "packs", weights, arguments) as server:
            for clients in map(int, arguments.clients.split(",")):
                line = run(server, images, expected, clients, arguments)
                print(line, flush=True)
        print(f"server ended with status {server.process.returncode}")


def at_once(images: int, threads: int) -> None:
    """Say what a batch costs."""
    import numpy as np
    import torch

    from obftnet.segmenter import Segmenter
    from obftnet.synthetic import Material

    torch.set_num_threads(threads)
    material = Material.from_seed(20_000_000, "leather")
    kind = material.defect_kinds(1)[0]
    segmenter = Segmenter.from_pretrained(device="cpu", tile=None)
    segmenter.fit([material.defective(0, kind, size=512)], [material.good(0, size=512)])
    seen = [material.defective(index, kind, size=512)[0] for index in range(1, images + 1)]
    segmenter.predict(seen[0])
    alone, together = [], []
    for _ in range(2):
        start = time.process_time()
        one_by_one = [segmenter.predict(image).score for image in seen]
        middle = time.process_time()
        batch = [found.score for found in segmenter.predict_batch(seen)]
        alone.append(middle - start)
        together.append(time.process_time() - middle)
    largest = np.abs(np.stack(one_by_one) - np.stack(batch)).max()
    print(
        f"{images} images, processor: {min(alone):.1f} s one by one, {min(together):.1f} s at once "
        f"(the lesser of two); scores differ by at most {largest:.1e}"
    )


def prepared(folder: Path, arguments: argparse.Namespace) -> tuple[Path | None, list[bytes], list[object]]:
    """A pack in a folder of packs, images as PNG, and what is to be answered to each."""
    import torch
    from PIL import Image

    from obftnet.backbones.weights import load_backbone
    from obftnet.config import CuesConfig
    from obftnet.model import OBFTNet
    from obftnet.segmenter import Segmenter
    from obftnet.synthetic import Material
    from obftnet.weights import save_model

    torch.set_num_threads(arguments.threads)
    weights = None
    if arguments.network == "tiny":
        torch.manual_seed(0)
        config = CuesConfig(backbone="compact", size=64)
        weights = folder / "tiny.safetensors"
        save_model(weights, OBFTNet(config, load_backbone("compact", "random", seed=0)).eval())
    material = Material.from_seed(20_000_000, "leather")
    kind = material.defect_kinds(1)[0]

    def png(pixels: object) -> bytes:
        stream = io.BytesIO()
        Image.fromarray((pixels * 255).astype("uint8")).save(stream, "png")
        return stream.getvalue()

    def opened(data: bytes) -> Image.Image:
        return Image.open(io.BytesIO(data))

    support, mask = material.defective(0, kind, arguments.size)
    segmenter = Segmenter.from_pretrained(weights, "cpu", tile=None)
    segmenter.fit([(opened(png(support)), mask)], [opened(png(material.good(0, arguments.size)))])
    (folder / "packs").mkdir()
    segmenter.save(folder / "packs/leather.pack")
    images = [png(material.defective(index, kind, arguments.size)[0]) for index in range(1, IMAGES + 1)]
    return weights, images, [segmenter.predict(opened(image)).score for image in images]


class Server:
    """`obftnet serve` in a process of its own."""

    def __init__(self, packs: Path, weights: Path | None, arguments: argparse.Namespace) -> None:
        command = [sys.executable, "-m", "obftnet", "serve", "--packs", str(packs), "--port", "0"]
        command += ["--device", "cpu", "--threads", str(arguments.threads)]
        command += ["--workers", str(arguments.workers), "--batch", str(arguments.batch), "--timeout", "600"]
        command += [] if weights is None else ["--weights", str(weights)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def __enter__(self) -> "Server":
        self.port = int(self.process.stdout.readline().split(":")[-1])
        while True:
            connection = self.connection()
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return self
            time.sleep(0.1)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=900)

    def workers(self) -> list[int]:
        import psutil

        children = psutil.Process(self.process.pid).children()
        return [
            one.pid for one in children if one.status() != "zombie" and "spawn_main" in str(one.cmdline())
        ]

    def processor(self) -> dict[str, float]:
        """Seconds so far; of processes that were killed no more."""
        import psutil

        def spent(process: int) -> float:
            return sum(psutil.Process(process).cpu_times()[:2])

        return {"server": spent(self.process.pid), "workers": sum(map(spent, self.workers()))}

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(120)


def run(
    server: Server, images: list[bytes], expected: list[object], clients: int, arguments: argparse.Namespace
) -> str:
    """Ask; what came of it, in a line."""
    import numpy as np
    import psutil
    import tifffile

    numbers, asked, seconds, statuses = count(), [], [], Counter()
    lock = threading.Lock()
    known: dict[str, set[str]] = {}

    def right(index: int, answer: dict) -> bool:
        if answer["image"]["sha256"] != hashlib.sha256(images[index]).hexdigest():
            return False
        data = answer["score"]["data"]
        if data in known.get(index, ()):
            return True
        score = tifffile.imread(io.BytesIO(base64.b64decode(data)))
        bound = 0 if arguments.batch == 1 else 2e-6
        if score.shape != expected[index].shape or np.abs(score - expected[index]).max() > bound:
            return False
        known.setdefault(index, set()).add(data)
        return True

    def client() -> None:
        connection = server.connection()
        while time.perf_counter() < end and (number := next(numbers)) < arguments.requests:
            with lock:
                asked.append(number)
            index = number % len(images)
            while True:
                start = time.perf_counter()
                connection.request(
                    "POST",
                    "/packs/leather/segment?score=true",
                    images[index],
                    {"Content-Type": "application/octet-stream", "X-Request-Id": str(number)},
                )
                response = connection.getresponse()
                answer = json.loads(response.read())
                took = time.perf_counter() - start
                if response.status != 429:
                    break
                time.sleep(int(response.headers["Retry-After"]))
            with lock:
                if response.status != 200:
                    statuses[str(response.status)] += 1
                elif answer["request_id"] == str(number) and right(index, answer):
                    statuses["right"] += 1
                    seconds.append(took)
                else:
                    statuses["WRONG"] += 1
                if arguments.kill and statuses.total() % arguments.kill == 0:
                    kill()

    killed = []

    def kill() -> None:
        """The one that has worked most: it is at it, and not still beginning."""
        worked = {one: psutil.Process(one).cpu_times().user for one in server.workers()}
        killed.append(max(worked, key=worked.get))
        os.kill(killed[-1], signal.SIGKILL)

    start, before = time.perf_counter(), server.processor()
    end = start + arguments.seconds
    with ThreadPoolExecutor(clients) as pool:
        for one in [pool.submit(client) for _ in range(clients)]:
            one.result()
    whole = time.perf_counter() - start
    each = {name: 1000 * (now - before[name]) / len(asked) for name, now in server.processor().items()}
    ranked = statistics.quantiles(seconds, n=100)
    said = ", ".join(f"{number} {what}" for what, number in sorted(statuses.items()))
    lost = len(asked) - sum(statuses.values())
    return (
        f"{clients} client(s): {len(asked)} requests in {whole:.1f} s, "
        f"{len(asked) / whole:.2f} a second; p50 {ranked[49]:.3f} s, p99 {ranked[98]:.3f} s; "
        f"{said}, {lost} lost; processor a request: {each['server']:.0f} ms of the server, "
        # What killed processes have spent is not known any more.
        + (f"{len(killed)} processes killed" if killed else f"{each['workers']:.0f} ms of those that look")
    )


if __name__ == "__main__":
    main()
