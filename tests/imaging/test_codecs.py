"""What is read without imagecodecs is read as with it; what needs it is refused, and read by nothing else."""

import sys

import numpy as np
import pytest
import tifffile

from obftnet.errors import InputError
from obftnet.imaging.encoded import Encoded
from obftnet.imaging.read import image_size, read_picture

GREY = np.random.default_rng(0).integers(0, 256, (12, 16), dtype=np.uint8)
DEEP = GREY.astype(np.uint16) * 257
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], 2)


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)


@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (GREY, {}),
        (GREY, {"photometric": "miniswhite"}),
        (DEEP, {}),
        (DEEP, {"byteorder": ">"}),
        (COLOUR, {"photometric": "rgb"}),
        (COLOUR, {"photometric": "rgb", "rowsperstrip": 5}),
        (COLOUR, {"photometric": "rgb", "tile": (16, 16)}),
        (GREY.astype(np.float32) / 255, {}),
    ],
)
def test_plain_tiff_is_read_the_same(samples, options, tmp_path, without, monkeypatch):
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, samples, **{"photometric": "minisblack", **options})
    found = read_picture(path)
    monkeypatch.undo()
    np.testing.assert_array_equal(found.floats(), read_picture(path).floats())


@pytest.mark.parametrize(
    ("samples", "options", "said"),
    [
        (GREY, {"compression": "lzw"}, "TIFF of 8 bits, LZW"),
        (DEEP, {"compression": "zlib"}, "TIFF of 16 bits, ADOBE_DEFLATE"),
        (DEEP, {"compression": "zlib", "predictor": True}, "TIFF of 16 bits, ADOBE_DEFLATE"),
        (GREY, {"compression": "packbits"}, "TIFF of 8 bits, PACKBITS"),
        (COLOUR, {"compression": "jpeg", "photometric": "rgb"}, "TIFF of 8 bits, JPEG"),
        (GREY > 99, {}, "TIFF of 1 bits"),
    ],
)
def test_what_needs_it_is_one_line(samples, options, said, tmp_path, monkeypatch):
    path = tmp_path / "a.tiff"
    tifffile.imwrite(path, samples, **{"photometric": "minisblack", **options})
    assert read_picture(path).shape == (12, 16)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(InputError, match=rf"a\.tiff: a {said} needs imagecodecs, .*runtime\[codecs\]"):
        read_picture(path)
    assert image_size(path) == (12, 16)  # a header needs nothing


def test_png_of_16_bit_colour_needs_it_too(tmp_path, monkeypatch):
    import imagecodecs

    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(COLOUR.astype(np.uint16) * 257))
    assert read_picture(path).white == 65535
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(InputError, match="a PNG of 16-bit colour needs imagecodecs"):
        read_picture(path)
    with pytest.raises(InputError, match=r"^x\.png: a PNG of 16-bit colour"):
        Encoded("x.png", path.read_bytes()).picture()
