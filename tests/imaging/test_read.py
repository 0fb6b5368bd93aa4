import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from obftnet.errors import InputError
from obftnet.imaging import checks
from obftnet.imaging.read import as_image, image_size, list_images, read_image, read_labels

RAMP8 = np.arange(256, dtype=np.uint8).reshape(16, 16)
RAMP16 = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
RAMP = np.arange(256).reshape(16, 16) / 255


def png_by_hand(path: Path, pixels: np.ndarray, *, bits: int, colour: int) -> None:
    height, width = pixels.shape[:2]
    data = pixels.astype(f">u{bits // 8}").reshape(height, pixels[0].size if height else 0)
    rows = b"".join(b"\0" + row.tobytes() for row in data)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def check(path: Path, expected: np.ndarray, atol: float = 1e-6) -> np.ndarray:
    image = read_image(path)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    if expected.ndim == 2:
        expected = np.repeat(expected[:, :, None], 3, axis=2)
    assert image.shape == expected.shape
    np.testing.assert_allclose(image, expected, atol=atol)
    assert image_size(path) == expected.shape[:2]
    return image


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_eight_bit_grey_and_colour_are_exact(tmp_path, suffix):
    Image.fromarray(RAMP8).save(tmp_path / f"grey{suffix}")
    check(tmp_path / f"grey{suffix}", RAMP)
    colour = np.stack([RAMP8, RAMP8.T, 255 - RAMP8], axis=2)
    Image.fromarray(colour).save(tmp_path / f"colour{suffix}")
    check(tmp_path / f"colour{suffix}", colour / 255)


def test_jpeg_is_near(tmp_path):
    Image.fromarray(RAMP8).save(tmp_path / "a.jpg", quality=98)
    check(tmp_path / "a.jpg", RAMP, atol=0.05)
    Image.fromarray(RAMP8).convert("CMYK").save(tmp_path / "b.jpg", quality=98)
    check(tmp_path / "b.jpg", RAMP, atol=0.08)


def test_alpha_is_dropped_and_palette_resolved(tmp_path):
    rgba = np.stack([RAMP8, RAMP8.T, 255 - RAMP8, np.full_like(RAMP8, 7)], axis=2)
    for suffix in (".png", ".tif"):
        Image.fromarray(rgba).save(tmp_path / f"a{suffix}")
        check(tmp_path / f"a{suffix}", rgba[:, :, :3] / 255)
    Image.fromarray(rgba[:, :, [0, 3]], mode="LA").save(tmp_path / "la.png")
    check(tmp_path / "la.png", RAMP)
    palette = Image.fromarray((RAMP8 % 3).astype(np.uint8), mode="P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 10, 20, 30])
    palette.save(tmp_path / "p.png")
    colours = np.array([[0, 0, 0], [255, 0, 0], [10, 20, 30]]) / 255
    check(tmp_path / "p.png", colours[RAMP8 % 3])
    palette.save(tmp_path / "t.png", transparency=1)
    check(tmp_path / "t.png", colours[RAMP8 % 3])


def test_one_bit(tmp_path):
    bits = RAMP8 > 100
    for suffix in (".png", ".bmp", ".tif"):
        Image.fromarray(bits).save(tmp_path / f"a{suffix}")
        check(tmp_path / f"a{suffix}", bits.astype(float))


def test_sixteen_bit_grey_png_stays_a_ramp(tmp_path):
    """Pillow's convert("RGB") would make it white above 255/65535."""
    fine = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64)
    Image.fromarray(fine).save(tmp_path / "a.png")
    image = check(tmp_path / "a.png", fine / 65535, atol=1e-7)
    assert len(np.unique(image)) == 4096
    png_by_hand(tmp_path / "b.png", fine, bits=16, colour=0)
    check(tmp_path / "b.png", fine / 65535, atol=1e-7)


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_colour_png_keeps_all_sixteen(tmp_path, colour, channels):
    fine = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64)
    png_by_hand(tmp_path / "a.png", np.repeat(fine[:, :, None], channels, axis=2), bits=16, colour=colour)
    check(tmp_path / "a.png", fine / 65535, atol=1e-7)
    with Image.open(tmp_path / "a.png") as image, pytest.raises(InputError, match="Pillow keeps 8; give the"):
        as_image(image)


def test_webp_and_jfif(tmp_path):
    colour = np.stack([RAMP8, RAMP8.T, 255 - RAMP8], axis=2)
    Image.fromarray(colour).save(tmp_path / "a.webp", lossless=True)
    check(tmp_path / "a.webp", colour / 255)
    Image.fromarray(RAMP8).save(tmp_path / "b.jfif", format="JPEG", quality=98)
    check(tmp_path / "b.jfif", RAMP, atol=0.05)
    assert [path.name for path in list_images(tmp_path)] == ["a.webp", "b.jfif"]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"GIF89a", "GIF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"P6\n2 2\n255\n", "PNM"),
        (b"\xff\xd8\xff\xf7\0\x0b", "JPEG-LS"),
        (b"\xff\xd8\xff\xe8\0\x20SPIFF\0" + bytes(23) + b"\xff\xf7\0\x0b", "JPEG-LS"),
    ],
)
def test_kinds_that_are_not_read_are_named(tmp_path, head, kind):
    (tmp_path / "a.png").write_bytes(head + bytes(200))
    with pytest.raises(InputError, match=f"a {kind} image, a kind that is not read") as caught:
        read_image(tmp_path / "a.png")
    assert "damaged" not in str(caught.value)


def test_animations_and_special_files(tmp_path):
    frames = [Image.fromarray(RAMP8), Image.fromarray(RAMP8.T)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="an animation of 2 frames"):
        read_image(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for path, says in (
        (tmp_path / "pipe.png", "not a regular file"),
        (tmp_path / "link.png", "a link to nothing"),
        (Path("/dev/zero"), "not a regular file"),
    ):
        with pytest.raises(InputError, match=says):
            read_image(path)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_tiff(tmp_path, dtype, compression, big):
    grey = {"uint8": RAMP8, "uint16": RAMP16}.get(dtype, RAMP.astype(dtype))
    path = tmp_path / "a.TIFF"
    tifffile.imwrite(path, grey, photometric="minisblack", compression=compression, bigtiff=big)
    check(path, RAMP)
    colour = np.stack([grey, grey.T, grey[::-1]], axis=2)
    expected = np.stack([RAMP, RAMP.T, RAMP[::-1]], axis=2)
    tifffile.imwrite(path, colour, photometric="rgb", compression=compression, bigtiff=big)
    check(path, expected)
    with_alpha = np.concatenate([colour, grey[:, :, None]], axis=2)
    tifffile.imwrite(
        path, with_alpha, photometric="rgb", extrasamples=["unassalpha"], compression=compression
    )
    check(path, expected)
    if dtype != "uint8":
        tifffile.imwrite(
            path,
            np.moveaxis(colour, 2, 0),
            photometric="rgb",
            planarconfig="separate",
            compression=compression,
        )
        check(path, expected)


def test_tiff_white_is_zero(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RAMP16, photometric="miniswhite")
    check(tmp_path / "a.tif", 1 - RAMP)
    tifffile.imwrite(tmp_path / "b.tif", RAMP8, photometric="miniswhite")
    check(tmp_path / "b.tif", 1 - RAMP)


def test_tiff_with_lzw_by_pillow(tmp_path):
    Image.fromarray(RAMP16).save(tmp_path / "a.tif", compression="tiff_lzw")
    check(tmp_path / "a.tif", RAMP)
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "b.tif", compression="tiff_lzw")
    check(tmp_path / "b.tif", RAMP)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "tif8", "tif16"])
def test_exif_orientation_is_followed(tmp_path, orientation, kind):
    upright = np.zeros((24, 40), dtype=np.uint8)
    upright[:8, :16] = 255  # a corner tells all eight apart only with another mark
    upright[:8, 32:] = 120
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    stored = np.ascontiguousarray(undo(upright))
    path = tmp_path / f"a.{kind[:3]}"
    if kind == "tif16":
        tifffile.imwrite(
            path,
            stored.astype(np.uint16) * 257,
            photometric="minisblack",
            extratags=[(274, 3, 1, orientation)],
        )
    elif kind == "tif8":
        tifffile.imwrite(path, stored, photometric="minisblack", extratags=[(274, 3, 1, orientation)])
    else:
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(stored).save(path, exif=exif, quality=98)
    check(path, upright / 255, atol=0.06 if kind == "jpg" else 1e-6)


def test_content_counts_not_the_suffix(tmp_path):
    Image.fromarray(RAMP8).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    check(tmp_path / "a.tif", RAMP)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: p.write_bytes(b""), "empty"),
        (lambda p: p.write_text("hello, this is text"), "not an image"),
        (lambda p: p.write_bytes(b"II*\0" + b"\0" * 4), "truncated or damaged"),
        (lambda p: Image.fromarray(RAMP8).save(p, format="GIF"), "a GIF image, a kind that is not read"),
        (lambda p: png_by_hand(p, np.zeros((0, 5)), bits=8, colour=0), "damaged"),
        (lambda p: tifffile.imwrite(p, np.zeros((3, 8, 8), np.uint8), photometric="minisblack"), "3 pages"),
        (lambda p: tifffile.imwrite(p, RAMP16.astype(np.int16)), "int16"),
        (lambda p: tifffile.imwrite(p, RAMP16.astype(np.uint32)), "uint32"),
        (lambda p: tifffile.imwrite(p, np.full((8, 8), 1.5, np.float32)), "from 1.5 to 1.5"),
        (lambda p: tifffile.imwrite(p, np.full((8, 8), np.nan, np.float32)), "nan"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_bad_files_answer_in_one_line_with_their_name(tmp_path, write, says):
    path = tmp_path / "bad.png"
    write(path)
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert says in message
    assert "\n" not in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable(tmp_path):
    Image.fromarray(RAMP8).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(InputError, match=r"a\.png.*denied"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif", "deep.tif", "zip.tif", "lzw.tif"])
def test_a_cut_file_is_refused_or_whole(tmp_path, name):
    """Wherever it is cut: InputError, or all pixels where only a trailer is missing; never a part."""
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    if name == "deep.tif":
        tifffile.imwrite(path, noise.astype(np.uint16) * 257, photometric="rgb")
    elif name == "zip.tif":
        tifffile.imwrite(path, noise.astype(np.uint16) * 257, photometric="rgb", compression="zlib")
    elif name == "lzw.tif":
        Image.fromarray(noise).save(path, compression="tiff_lzw")
    else:
        Image.fromarray(noise).save(path)
    whole, pixels = path.read_bytes(), read_image(path)
    refused = 0
    for length in [1, 3, 10, *np.linspace(20, len(whole) - 1, 40).astype(int)]:
        path.write_bytes(whole[:length])
        try:
            got = read_image(path)
        except InputError:
            refused += 1
            continue
        np.testing.assert_array_equal(got, pixels)
    assert refused >= 40


def test_the_limit_is_checked_before_decoding(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "MAX_PIXELS", 255)
    Image.fromarray(RAMP8).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", RAMP16)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    for name in ("a.png", "a.tif"):
        with pytest.raises(InputError, match=r"16 x 16 = 256 pixels.*limit of 255"):
            read_image(tmp_path / name)
    with pytest.raises(InputError, match="limit of 255"):
        as_image(RAMP8)


def test_a_huge_header_is_refused(tmp_path):
    """A file of a few bytes that claims gigabytes; Pillow's own guard is an InputError too."""
    for side in (10_001, 200_000):
        path = tmp_path / f"{side}.png"
        png_by_hand(path, np.zeros((1, 1)), bits=8, colour=0)
        data = bytearray(path.read_bytes())
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        path.write_bytes(bytes(data))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with pytest.raises(InputError, match="limit of 100,000,000"):
                read_image(path)


@pytest.mark.parametrize("depth", ["bool", "uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("shape", ["hw", "hw1", "hw3", "hw4"])
def test_arrays(depth, shape):
    grey = {"bool": RAMP > 0.5, "uint8": RAMP8, "uint16": RAMP16}.get(depth)
    grey = RAMP.astype(depth) if grey is None else grey
    expected = (RAMP > 0.5).astype(float) if depth == "bool" else RAMP
    array = grey if shape == "hw" else np.repeat(grey[:, :, None], int(shape[2]), axis=2)
    before = array.copy()
    image = as_image(array)
    assert image.shape == (16, 16, 3)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, np.repeat(expected[:, :, None], 3, axis=2), atol=1e-6)
    image[:] = 0.5
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (np.zeros((3, 8, 8)), r"\(3, 8, 8\)"),
        (np.zeros((8, 8, 2)), r"\(8, 8, 2\)"),
        (np.zeros(8), r"\(8,\)"),
        (np.zeros((0, 8)), "8 x 0"),
        (np.zeros((8, 8), np.int64), "int64"),
        (np.full((8, 8), 255.0), "from 255 to 255"),
        (np.full((8, 8), -0.1), "from -0.1"),
        (np.where(np.eye(8) > 0, np.nan, 0.5), "nan"),
        ([[0, 1]], "a list"),
        (None, "a NoneType"),
    ],
)
def test_arrays_refused(source, says):
    with pytest.raises(InputError, match=f"^query: .*{says}"):
        as_image(source, "query")


def test_pil_images_keep_their_depth():
    np.testing.assert_allclose(as_image(Image.fromarray(RAMP16))[:, :, 1], RAMP, atol=1e-6)
    np.testing.assert_allclose(as_image(Image.fromarray(RAMP16.astype(np.int32)))[:, :, 1], RAMP, atol=1e-6)
    np.testing.assert_allclose(as_image(Image.fromarray(RAMP.astype(np.float32)))[:, :, 1], RAMP, atol=1e-6)
    with pytest.raises(InputError, match="32 bits"):
        as_image(Image.fromarray(np.full((4, 4), 70_000, np.int32)))


def test_path_and_string_and_array_agree(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RAMP8).save(path)
    for source in (path, str(path), RAMP8, Image.open(path)):
        np.testing.assert_array_equal(as_image(source), read_image(path))


def test_labels_are_palette_indices(tmp_path):
    labels = (RAMP8 % 4).astype(np.uint8)
    palette = Image.fromarray(labels, mode="P")
    palette.putpalette([9, 9, 9] * 4)
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "p.png"), labels)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "rgb.png")
    with pytest.raises(InputError, match=r"rgb\.png: 3 channel"):
        read_labels(tmp_path / "rgb.png")


def test_list_images(tmp_path):
    for name in ("b.PNG", "a.jpeg", "c.Tiff", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.jpeg", "b.PNG", "c.Tiff", "folder.png"]
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / "none")
    with pytest.raises(InputError, match="is a file"):
        list_images(tmp_path / "notes.txt")
