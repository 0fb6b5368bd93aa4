from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from obftnet.annotations import import_annotations
from obftnet.imaging.orientation import ORIENTATION
from obftnet.imaging.read import read_mask

HEIGHT, WIDTH = 80, 120


@pytest.fixture
def photo(tmp_path) -> Callable[..., Path]:
    """Writes an image of 120 x 80 stored pixels below the test's folder, under an EXIF orientation."""
    rng = np.random.default_rng(0)

    def write(name: str, orientation: int = 1, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path, exif=exif)
        return path

    return write


@pytest.fixture
def truth() -> NDArray[np.bool_]:
    """A frame with a hole in it, and a second part: (80, 120)."""
    marked = np.zeros((HEIGHT, WIDTH), np.bool_)
    marked[20:50, 30:70] = True
    marked[30:40, 40:60] = False
    marked[60:64, 100:110] = True
    return marked


@pytest.fixture
def imported(tmp_path) -> Callable[..., dict[str, NDArray[np.bool_] | None]]:
    """Imports, and gives what was written: name of the image below the folder -> mask, None of a good one."""

    def run(tool: str, source: Path, **settings: object) -> dict[str, NDArray[np.bool_] | None]:
        out = tmp_path / "out"
        run.result = import_annotations(tool, source, out, **settings)
        found: dict[str, NDArray[np.bool_] | None] = {}
        for path in sorted(out.rglob("*")):
            name = path.relative_to(out).as_posix()
            if path.is_file() and not path.stem.endswith("_mask"):
                mask = out / name.replace("/test/", "/ground_truth/").replace(
                    path.name, f"{path.stem}_mask.png"
                )
                found[name] = read_mask(mask, image=path) if mask.exists() else None
        return found

    return run


@pytest.fixture
def rectangle() -> Callable[..., NDArray[np.bool_]]:
    """(h, w) bool: columns x0..x1 - 1 of rows y0..y1 - 1."""

    def make(
        x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = (HEIGHT, WIDTH)
    ) -> NDArray[np.bool_]:
        marked = np.zeros(size, np.bool_)
        marked[y0:y1, x0:x1] = True
        return marked

    return make
