"""Numbers of absurd size: one line and exit status 2, and nothing is begun."""

import numpy as np
import pytest
from PIL import Image

TRAIN = ("train", "--data", "none", "--backbone", "compact", "--backbone-weights", "random")
EVALUATE = ("evaluate", "--data", "none", "--method", "prototype")
CASES = [
    *(
        (TRAIN, option, value)
        for option, values in {
            "--size": ("0", "-1", "63", "1000000", "9" * 5000),
            "--epsilon": ("0", "-1", "nan", "inf", "1e30"),
            "--iterations": ("0", "1000000000"),
            "--steps": ("0", "-1", "1" + "0" * 30),
            "--batch": ("0", "1000000000"),
            "--seed": ("-1", "1" + "0" * 30),
            "--shots": ("0", "1000000"),
            "--backgrounds": ("0", "1000000"),
            "--lr": ("0", "-1", "nan", "inf", "1e30"),
            "--backbone-lr": ("-1", "nan", "1e30"),
            "--good-fraction": ("-0.1", "1.1", "nan"),
            "--episodes": ("-1", "1" + "0" * 30),
            "--smallest": ("-1", "1000000"),
            "--validate-every": ("0", "1" + "0" * 30),
        }.items()
        for value in values
    ),
    *((EVALUATE, "--size", value) for value in ("0", "-5", "1000000")),
    *((EVALUATE, "--seeds", value) for value in ("0", "1000000000")),
    *((EVALUATE, "--shots", value) for value in ("0", "1000000000")),
    *((EVALUATE, "--threshold", value) for value in ("-1", "2", "nan")),
    *((EVALUATE, "--pictures", value) for value in ("-1", "1000000000")),
    *((("synthesize",), "--size", value) for value in ("0", "31", "1000000")),
    *((("synthesize",), "--largest", value) for value in ("0", "1000000")),
    *((("synthesize",), "--kinds", value) for value in ("0", "1000000")),
    *((("synthesize",), "--materials", value) for value in ("0", "1000000000")),
    *((("synthesize",), "--seed", value) for value in ("-1", "1" + "0" * 30)),
    *((("synthesize",), "--workers", value) for value in ("0", "1000000")),
    *((("distill", "--data", "none"), "--steps", value) for value in ("0", "1" + "0" * 30)),
    *((("distill", "--data", "none"), "--size", value) for value in ("0", "1000000")),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two materials in the layout of MVTec AD, so small that only their names matter."""
    root = tmp_path_factory.mktemp("data")
    pixels = np.zeros((16, 16), np.uint8)
    pixels[4:9, 4:9] = 255
    for material in ("cloth", "wood"):
        for place in ("train/good/{}", "test/hole/{}", "ground_truth/hole/{}_mask"):
            for number in range(2):
                path = root / material / f"{place.format(number)}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    return root


@pytest.mark.parametrize(("command", "option", "value"), CASES)
def test_one_line(obftnet, data, tmp_path, command, option, value):
    command = [data if part == "none" else part for part in command]
    status, out, err = obftnet(*command, option, value, "--out", tmp_path / "out")
    assert status == 2
    assert not out
    assert len(err.splitlines()) == 1
    assert option in err
    assert not list(tmp_path.rglob("*.png"))
