"""What is killed: a world to read, and a process that runs command lines and kills them where asked to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.weights import save_model


@dataclass(frozen=True)
class Ended:
    """How a command ended: its status, its writes below the folder, and all that it said."""

    status: int
    writes: int
    said: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def world(tmp_path_factory, tiny_model) -> Path:
    """guidance/, queries/, data/ in the layout of MVTec AD and model.safetensors: all that is read."""
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    mask = np.zeros((48, 60), np.uint8)
    mask[10:30, 20:40] = 255

    def save(path: str, pixels: np.ndarray) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / path)

    def picture(path: str) -> None:
        save(path, rng.integers(0, 256, (48, 60, 3), dtype=np.uint8))

    for name in ("guidance/support/s.png", "guidance/background/b.png", *(f"queries/{n}.png" for n in "abc")):
        picture(name)
    save("guidance/support/s_mask.png", mask)
    for material in ("cork", "slate"):
        for index in range(3):
            picture(f"data/{material}/test/crack/{index}.png")
            save(f"data/{material}/ground_truth/crack/{index}_mask.png", mask)
            picture(f"data/{material}/train/good/{index}.png")
    save_model(folder / "model.safetensors", tiny_model)
    return folder


@pytest.fixture(scope="module")
def run(world) -> Iterator[Run]:
    """Runs a command line, and kills it where asked to; `out` stands for the folder of its results."""
    server = Path(__file__).with_name("server.py")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, str(server)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=world,
        env=environment,
    ) as process:

        def ask(arguments: tuple[object, ...], out: Path, kill_at: int | None = None) -> Ended:
            argv = [str(part).replace("OUT", str(out)) for part in arguments]
            log = out.with_name("log.txt")
            asked = {"argv": argv, "out": str(out), "kill_at": kill_at, "log": str(log)}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            return Ended(answer["status"], answer["writes"], log.read_text())

        yield ask
        process.stdin.close()
