import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.cli import main
from obftnet.weights import save_model


@pytest.fixture(scope="session")
def model_file(tmp_path_factory, tiny_model) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(path, tiny_model)
    return path


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., tuple[int, str, list[str]]]:
    """Runs the command line in this process; returns status, standard output, lines of standard error."""

    def run(*arguments: object) -> tuple[int, str, list[str]]:
        monkeypatch.setattr(sys, "argv", ["obftnet", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return run


@pytest.fixture
def world(tmp_path, model_file) -> Path:
    """A folder with everything a command needs, all of it sound: what a test then spoils.

    guidance/, queries/q.png, data/ (two materials in the layout of MVTec AD), model.safetensors.
    """
    rng = np.random.default_rng(0)

    def image(path: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)).save(tmp_path / path)

    def mask(path: str) -> None:
        values = np.zeros((48, 60), np.uint8)
        values[10:30, 20:40] = 255
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(tmp_path / path)

    for name in ("guidance/support/s.png", "guidance/background/b.png", "queries/q.png", "queries/r.png"):
        image(name)
    mask("guidance/support/s_mask.png")
    for material in ("cork", "slate"):
        for index in range(3):
            image(f"data/{material}/test/crack/{index}.png")
            mask(f"data/{material}/ground_truth/crack/{index}_mask.png")
            image(f"data/{material}/train/good/{index}.png")
    (tmp_path / "model.safetensors").write_bytes(model_file.read_bytes())
    return tmp_path
