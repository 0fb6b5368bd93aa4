"""Files that are no image, and masks that are none, wherever one is wanted."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .cases import (
    EVALUATE,
    EXPLAIN,
    FIT,
    GREY,
    HUGE,
    PICTURE,
    PLAIN,
    PNG,
    SEGMENT,
    B,
    Case,
    D,
    M,
    Q,
    S,
    T,
    check,
    encoded,
    in_each,
    put,
    thinned,
    tiff,
)

#: Files that are no image to look at.
IMAGES: dict[str, bytes] = {
    "empty": b"",
    "text": b"hello",
    "png_half": PNG[: len(PNG) // 2],
    "png_crc": PNG[:60] + bytes([PNG[60] ^ 255]) + PNG[61:],
    "png_no_data": PNG[:33],
    "png_huge": HUGE,
    "png_no_width": PNG[:16] + bytes(4) + PNG[20:],
    "jpeg_half": (jpeg := encoded(PICTURE, "JPEG"))[: len(jpeg) // 2],
    "jpeg_head": jpeg[:20],
    "webp_half": (webp := encoded(PICTURE, "WEBP"))[: len(webp) // 2],
    "bmp_half": (bmp := encoded(PICTURE, "BMP"))[: len(bmp) // 2],
    "gif": encoded(PICTURE, "GIF"),
    "heic": b"\0\0\0\x18ftypheic" + bytes(100),
    "avif": b"\0\0\0\x18ftypavif" + bytes(100),
    "photoshop": b"8BPS\0\1" + bytes(100),
    "pdf": b"%PDF-1.7\n" + bytes(100),
    "dicom": bytes(128) + b"DICM" + bytes(100),
    "pnm": encoded(PICTURE, "PPM"),
    "zip": b"PK\3\4" + bytes(100),
    "gzip": b"\x1f\x8b\x08" + bytes(100),
    "pickle": pickle.dumps([1, 2, 3]),
    "tiff_half": PLAIN[: len(PLAIN) // 2],
    "tiff_head": PLAIN[:8],
    "tiff_pages": tiff(np.stack([GREY] * 3), photometric="minisblack"),
    "tiff_int8": tiff(GREY.astype(np.int8), photometric="minisblack"),
    "tiff_uint32": tiff(GREY.astype(np.uint32), photometric="minisblack"),
    "tiff_complex": tiff(GREY.astype(np.complex64), photometric="minisblack"),
    "tiff_float_255": tiff(GREY.astype(np.float32), photometric="minisblack"),
    "tiff_nan": tiff(np.full((48, 60), np.nan, np.float32), photometric="minisblack"),
    "tiff_16_channels": tiff(
        np.repeat(GREY[:, :, None], 16, 2), photometric="minisblack", planarconfig="contig"
    ),
}


#: Where an image is wanted: the command that reads it, and its place.
PLACES = {
    "query": (SEGMENT.replace("queries", Q), Q),
    "explained": (EXPLAIN, Q),
    "support": (SEGMENT, S),
    "background": (SEGMENT, B),
    "evaluated": (EVALUATE, D),
    "fitted": (FIT, S),
}


def images() -> list[Case]:
    return in_each("image", PLACES, IMAGES)


def masks() -> list[Case]:
    two = np.zeros((48, 60), np.uint8)
    two[10:20, 10:20] = 255
    bad = {
        "grey": PNG,
        "empty": encoded(Image.fromarray(two * 0), "PNG"),
        "small": encoded(Image.fromarray(two[:40]), "PNG"),
        "turned": encoded(Image.fromarray(two.T), "PNG"),
        "no_black": encoded(Image.fromarray(two // 2 + 9), "PNG"),
        "three_colours": encoded(Image.fromarray(np.stack([two, np.roll(two, 5, 0), two * 0], 2)), "PNG"),
        "classes": encoded(Image.fromarray((two > 0).astype(np.uint8) + (np.roll(two, 9) > 0)), "PNG"),
        "nan": tiff(np.where(two > 0, np.float32("nan"), 0).astype(np.float32), photometric="minisblack"),
        "text": b"hello",
        "no_bytes": b"",
        "half": encoded(Image.fromarray(two), "PNG")[:60],
    }
    return [
        Case("mask", f"{place}_{name}", command, put(path, content), Path(path).name)
        for place, (command, path) in {
            "support": (SEGMENT, M),
            "evaluated": (EVALUATE, T),
            "fitted": (FIT, M),
        }.items()
        for name, content in bad.items()
    ]


CASES = [*images(), *masks()]


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
