"""Hostile inputs to the Python interface: each is an InputError of one line."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from obftnet.errors import InputError
from obftnet.segmenter import Segmenter

from .cases import GREY

IMAGE = np.zeros((48, 60, 3), np.uint8)


IMAGE[::2] = 200


GOOD = IMAGE // 2


MASK = np.zeros((48, 60), bool)


MASK[10:20, 10:30] = True


BAD_IMAGES = {
    "masked": np.ma.masked_equal(IMAGE, 0),
    "complex": IMAGE.astype(np.complex64),
    "signed": IMAGE.astype(np.int16),
    "objects": IMAGE.astype(object),
    "text": np.full((48, 60), "a"),
    "float_255": IMAGE.astype(np.float32),
    "nan": np.full((48, 60), np.nan),
    "one_axis": np.zeros(48, np.uint8),
    "four_axes": IMAGE[None],
    "channels_first": IMAGE.transpose(2, 0, 1),
    "no_pixels": np.zeros((0, 60), np.uint8),
    "number": 3,
    "none": None,
    "bytes": b"x.png",
    "list": IMAGE.tolist(),
    "tensor": torch.zeros(3, 48, 60),
    "gone": "gone.png",
    "nul": "a\0b.png",
    "zero_axes": np.float32(0.5) * np.ones(()),
    "five_channels": np.zeros((48, 60, 5), np.uint8),
    "two_channels": np.zeros((48, 60, 2), np.uint8),
    "minus": np.full((48, 60), -0.5, np.float32),
    "infinite": np.full((48, 60), np.inf),
    "dates": np.zeros((48, 60), "datetime64[s]"),
    "records": np.zeros((48, 60), [("a", "u1")]),
    "generator": (row for row in IMAGE),
    "memory": memoryview(IMAGE),
    "too_large": np.broadcast_to(np.uint8(0), (20_000, 20_000)),
    "pil_lab": Image.new("LAB", (60, 48)),
    "pil_palette_without_colours": Image.new("P", (60, 48), 3),
    "pil_integers": Image.new("I", (60, 48), 70_000),
    "set": {1, 2},
}


BAD_SUPPORTS = {
    "none": [],
    "text": "s.png",
    "pair": (IMAGE, MASK),
    "three": [(IMAGE, MASK, MASK)],
    "alone": [IMAGE],
    "letters": ["ab"],
    "number": 5,
    "dict": {"a": IMAGE},
    "mask_empty": [(IMAGE, MASK & False)],
    "mask_shape": [(IMAGE, MASK.T)],
    "mask_grey": [(IMAGE, GREY)],
    "mask_nan": [(IMAGE, np.full((48, 60), np.nan))],
    "mask_complex": [(IMAGE, MASK.astype(complex))],
    "mask_masked": [(IMAGE, np.ma.masked_equal(MASK, False))],
    "mask_none": [(IMAGE, None)],
    "mask_zero_axes": [(IMAGE, np.True_)],
    "mask_dates": [(IMAGE, MASK.astype("datetime64[s]"))],
    "mask_objects": [(IMAGE, MASK.astype(object))],
    "mask_minus": [(IMAGE, MASK.astype(np.int8) - 2)],
    "mask_list": [(IMAGE, MASK.tolist())],
    "generator_of_nothing": iter(()),
    "a_string_pair": ["ab", "cd"],
    "a_kind_of_nothing": {"a": []},
    "a_kind_without_a_name": {"": [(IMAGE, MASK)]},
    "a_kind_that_is_a_number": {1: [(IMAGE, MASK)]},
}


BAD_SETTINGS = [
    *({"threshold": value} for value in (0, 1, -1, 5, float("nan"), float("inf"), "0.5", None, True, [0.5])),
    *({"tile": value} for value in (0, 63, 64.5, -64, 10**20, "64", True, float("nan"))),
    *({"bits": value} for value in (7, 17, 12.0, "12", 10**20)),
    *({"device": value} for value in ("abacus", "cuda:99", "meta", "", "cpu:1", "mps")),
    *({"threshold": value} for value in (1j, np.array([0.1, 0.2]), "x", b"0.5", np.float32("nan"))),
    *({"tile": value} for value in (np.float64(64), np.True_, float("inf"), 10_001)),
]


@pytest.fixture
def segmenter(tiny_model) -> Segmenter:
    return Segmenter(tiny_model, device="cpu")


def one_line(call: Callable[[], object]) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", BAD_IMAGES)
@pytest.mark.parametrize("place", ["support", "background", "query"])
def test_python_images(segmenter, place, name):
    bad = BAD_IMAGES[name]
    support, good = (bad if place == "support" else IMAGE), (bad if place == "background" else GOOD)
    if place != "query":
        return one_line(lambda: segmenter.fit([(support, MASK)], [good]))
    segmenter.fit([(support, MASK)], [good])
    return one_line(lambda: segmenter.predict(bad))


@pytest.mark.parametrize("name", BAD_SUPPORTS)
def test_python_supports(segmenter, name):
    one_line(lambda: segmenter.fit(BAD_SUPPORTS[name], [GOOD]))


@pytest.mark.parametrize("bad", [[], "x.png", GOOD, None, 5, {"a": GOOD}, [[GOOD]], [None]])
def test_python_backgrounds(segmenter, bad):
    one_line(lambda: segmenter.fit([(IMAGE, MASK)], bad))


@pytest.mark.parametrize("bad", BAD_SETTINGS, ids=str)
def test_python_settings(tiny_model, bad):
    one_line(lambda: Segmenter(tiny_model, **({"device": "cpu"} | bad)))


def test_python_predict_before_fit(segmenter):
    one_line(lambda: segmenter.predict(IMAGE))
