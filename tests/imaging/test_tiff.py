"""Every way to store one picture in a TIFF gives that picture, or is refused by its name."""

import contextlib
import io
import logging
import struct

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from obftnet.errors import InputError
from obftnet.imaging import read, tiff
from obftnet.imaging.read import as_picture, image_size, read_image, read_picture

RAMP = np.add.outer(np.arange(40), 3 * np.arange(56)) / 204
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=2)


def stored(values: np.ndarray, bits: int) -> np.ndarray:
    """0..1 as integers of so many bits, or as floats."""
    if bits > 16:
        return values.astype(np.float32)
    return np.rint(values * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def check(path, expected: np.ndarray, atol: float) -> None:
    if expected.ndim == 2:
        expected = np.repeat(expected[:, :, None], 3, axis=2)
    np.testing.assert_allclose(read_image(path), expected, rtol=0, atol=atol)
    assert image_size(path) == expected.shape[:2]


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "packbits", "lzma"])
@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_one_picture_whatever_the_compression_depth_and_byte_order(tmp_path, compression, bits, byteorder):
    for name, values, photometric in (("g", RAMP, "minisblack"), ("c", COLOUR, "rgb")):
        path = tmp_path / f"{name}.tif"
        options = {"photometric": photometric, "compression": compression, "byteorder": byteorder}
        tifffile.imwrite(path, stored(values, bits), rowsperstrip=7, **options)
        check(path, values, 0.51 / (2 ** min(bits, 16) - 1))


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8, 10, 12, 14, 16, 32])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_depths_by_the_white_they_say(tmp_path, bits, photometric):
    """Packed samples of 12 bits say what white is; those of 12 in 16 do not (test_inputs)."""
    values = stored(RAMP, bits)
    path = tmp_path / "a.tif"
    if bits in (8, 16, 32):
        tifffile.imwrite(path, values, photometric=photometric)
    else:
        data = imagecodecs.packints_encode(values.astype("u1" if bits <= 8 else "u2"), bits)
        by_hand(path, data, bits=bits, photometric=0 if photometric == "miniswhite" else 1)
    shown = values / (1 if bits == 32 else 2**bits - 1)
    check(path, 1 - shown if photometric == "miniswhite" else shown, 1e-6)


def by_hand(path, data: bytes, *, bits: int, photometric: int | None, **more: object) -> None:
    """A little-endian TIFF of RAMP's size in one strip, with no tag that is not asked for.

    more: short tags, as `t266=2`, or `t320=[...]` of more than two; any of those always there as well.
    """
    height, width = RAMP.shape
    tags: dict[int, object] = {256: width, 257: height, 258: bits, 259: 1, 277: 1, 278: height}
    tags |= {} if photometric is None else {262: photometric}
    tags |= {int(name[1:]): value for name, value in more.items()}
    at = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries, behind = [], b""
    for tag, value in tags.items():
        if isinstance(value, int):
            entries.append((tag, 3, 1, value))
        else:
            entries.append((tag, 3, len(value), at + len(behind)))
            behind += np.asarray(value, "<u2").tobytes()
    entries += [(273, 4, 1, at + len(behind)), (279, 4, 1, len(data))]
    listed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    path.write_bytes(struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + listed + bytes(4) + behind + data)


def fax(values: np.ndarray, compression: str) -> tuple[bytes, int]:
    """Bilevel pixels as a fax has them, and the photometric they are meant by."""
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "TIFF", compression=compression)
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        page = file.pages[0]
        (offset,), (count,) = page.dataoffsets, page.databytecounts
        return stream.getvalue()[offset : offset + count], int(page.photometric)


FAX = {"tiff_ccitt": 2, "group3": 3, "group4": 4}
TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", [1, 4, 8, 16, *FAX])
def test_bits_of_a_byte_in_either_order(tmp_path, kind, order):
    path = tmp_path / "a.tif"
    if kind in FAX:
        values, bits = RAMP > 0.5, 1
        data, photometric = fax(values, kind)
    else:
        bits, photometric = kind, 1
        values = stored(RAMP, bits)
        data = values.astype("<u2" if bits > 8 else "u1").tobytes()
        data = imagecodecs.packints_encode(values, bits) if bits < 8 else data
    data = data.translate(TURNED) if order == 2 else data
    by_hand(path, data, bits=bits, photometric=photometric, t259=FAX.get(kind, 1), t266=order)
    check(path, values / (2**bits - 1), 1e-6)


NOISE = np.random.default_rng(0).integers(0, 256, RAMP.shape, dtype=np.uint8)
COMPRESSED = {
    5: imagecodecs.lzw_encode,
    7: imagecodecs.jpeg_encode,
    8: imagecodecs.zlib_encode,
    32773: imagecodecs.packbits_encode,
    34712: imagecodecs.jpeg2k_encode,
    34887: imagecodecs.lerc_encode,
    34925: imagecodecs.lzma_encode,
    34933: imagecodecs.png_encode,
    50000: imagecodecs.zstd_encode,
    50002: imagecodecs.jpegxl_encode,
}


@pytest.mark.parametrize("compression", COMPRESSED)
def test_a_cut_strip_is_refused_wherever_it_is_cut(tmp_path, compression):
    """Decoders of JPEG make grey of what is missing, and say nothing."""
    path = tmp_path / "a.tif"
    data = bytes(COMPRESSED[compression](NOISE))
    by_hand(path, data, bits=8, photometric=1, t259=compression)
    whole = read_image(path)
    for cut in (*range(1, len(data), 131), *range(len(data) - 9, len(data))):
        by_hand(path, data[:cut], bits=8, photometric=1, t259=compression)
        with contextlib.suppress(InputError):
            np.testing.assert_array_equal(read_image(path), whole, str(cut))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", FAX)
@pytest.mark.parametrize("end", ["marked", "blank"])
def test_fax_without_its_last_rows_is_refused(tmp_path, kind, order, end):
    """Decoders make white of them; many a fax ends in white."""
    path = tmp_path / "a.tif"
    values = NOISE > 180
    values[30:] = values[30:] if end == "marked" else values[0, 0] * 0

    def write(data: bytes) -> None:
        data = data.translate(TURNED) if order == 2 else data
        by_hand(path, data, bits=1, photometric=photometric, t259=FAX[kind], t266=order)

    data, photometric = fax(values, kind)
    write(data)
    check(path, values * 1.0, 1e-6)
    few, _ = fax(values[:20], kind)
    for short in (few, *(data[:cut] for cut in range(1, len(data) - 20, 7))):
        write(short)
        with pytest.raises(InputError, match="truncated"):
            read_image(path)


@pytest.mark.parametrize("bits", [8, 16])
def test_without_a_photometric_tag_zero_is_black(tmp_path, bits):
    by_hand(tmp_path / "a.tif", stored(RAMP, bits).tobytes(), bits=bits, photometric=None)
    check(tmp_path / "a.tif", RAMP, 0.51 / (2**bits - 1))


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 32)},
        {"tile": (64, 64), "compression": "zlib"},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "compression": "lzw", "rowsperstrip": 9},
        {"planarconfig": "separate", "tile": (32, 16)},
        {"compression": "zlib", "predictor": True},
        {"bigtiff": True},
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_one_picture_whatever_the_layout(tmp_path, options, bits):
    values = stored(COLOUR, bits)
    separate = options.get("planarconfig") == "separate"
    data = np.moveaxis(values, 2, 0) if separate else values
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", **options)
    check(tmp_path / "a.tif", COLOUR, 0.51 / (2**bits - 1))


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_opacity(tmp_path, bits):
    """Colours beside opacity are as stored; those multiplied by it are divided."""
    white = 1 if bits == 32 else 2**bits - 1
    alpha = stored(np.where(RAMP > 0.5, 0.5, 1.0), bits)
    for kind, colours in (("unassalpha", COLOUR), ("assocalpha", COLOUR * (alpha / white)[:, :, None])):
        pixels = np.concatenate([stored(colours, bits), alpha[:, :, None]], axis=2)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=[kind])
        check(tmp_path / "a.tif", COLOUR, 2.1 / (2 ** min(bits, 16) - 1))
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").alpha, alpha)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_palettes_of_any_depth(tmp_path, bits):
    values = stored(RAMP, bits)
    colours = np.random.default_rng(0).integers(0, 256, (2**bits, 3))
    data = values.astype("<u2" if bits > 8 else "u1").tobytes()
    data = imagecodecs.packints_encode(values, bits) if bits < 8 else data
    by_hand(tmp_path / "a.tif", data, bits=bits, photometric=3, t320=colours.T.ravel() * 257)
    check(tmp_path / "a.tif", colours[values] / 255, 1e-6)
    by_hand(tmp_path / "a.tif", data, bits=bits, photometric=3)
    with pytest.raises(InputError, match="without its colours"):
        read_image(tmp_path / "a.tif")


def test_palette_and_inks(tmp_path):
    indices = (RAMP * 3.99).astype(np.uint8)
    colours = np.array([[0, 255, 10, 40], [0, 0, 20, 50], [0, 0, 30, 60]], np.uint16)
    for table in (colours * 257, colours * 256, colours):  # 16 bits, as some writers round them, and 8
        colormap = np.zeros((3, 256), np.uint16)
        colormap[:, :4] = table
        tifffile.imwrite(tmp_path / "p.tif", indices, photometric="palette", colormap=colormap)
        check(tmp_path / "p.tif", colours.T[indices] / 255, 1e-6)
        np.testing.assert_array_equal(read.read_labels(tmp_path / "p.tif"), indices)
    inks = np.zeros((*RAMP.shape, 4))
    inks[:, :, 0], inks[:, :, 3] = RAMP, 0.5
    for bits in (8, 16):
        tifffile.imwrite(tmp_path / "k.tif", stored(inks, bits), photometric="separated")
        paper = np.stack([(1 - RAMP) / 2, np.full_like(RAMP, 0.5), np.full_like(RAMP, 0.5)], axis=2)
        check(tmp_path / "k.tif", paper, 2 / (2**bits - 1))


def test_jpeg_inside(tmp_path):
    Image.fromarray(stored(COLOUR, 8)).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    check(tmp_path / "a.tif", COLOUR, 0.05)


@pytest.mark.parametrize("code", ["3", "1", "7"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_orientation_of_any_type(tmp_path, code, orientation):
    """Short is right; bytes and undefined ones are seen."""
    upright = stored(RAMP, 8)
    turned = np.rot90(upright, 1) if orientation == 6 else upright
    value = bytes([orientation]) if code == "7" else orientation
    tifffile.imwrite(
        tmp_path / "a.tif", turned, photometric="minisblack", extratags=[(274, int(code), 1, value, True)]
    )
    check(tmp_path / "a.tif", upright / 255, 1e-6)
    with Image.open(io.BytesIO((tmp_path / "a.tif").read_bytes())) as opened:
        np.testing.assert_array_equal(as_picture(opened).samples, upright)


@pytest.mark.parametrize("is_loaded", [False, True])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_image_that_pillow_garbles_is_refused(tmp_path, orientation, colours, is_loaded):
    """It maps uncompressed grey into memory, and takes rows for as long as those of the turned image."""
    pixels = np.dstack([stored(RAMP, 8)] * colours).squeeze()
    tag = [(274, "H", 1, orientation, True)]
    kind = "rgb" if colours == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric=kind, extratags=tag)
    with Image.open(tmp_path / "a.tif") as opened:
        if is_loaded:
            opened.load()
        if orientation >= 5 and colours == 1:
            with pytest.raises(InputError, match="give the file's path"):
                as_picture(opened)
        else:
            wanted = read_picture(tmp_path / "a.tif").samples
            np.testing.assert_array_equal(as_picture(opened).samples, wanted)


def test_a_rounding_above_one_is_cut_and_no_more(tmp_path):
    values = RAMP.astype(np.float32)
    values[0, 0] = np.float32(1.0000001)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    assert read_image(tmp_path / "a.tif").max() == 1
    values[0, 0] = 1.01
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    with pytest.raises(InputError, match=r"to 1\.00999999; floats must lie in 0\.\.1"):
        read_image(tmp_path / "a.tif")


def test_the_image_beside_its_preview_is_read(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(stored(RAMP, 8), photometric="minisblack")
        file.write(stored(RAMP, 8)[::4, ::4], photometric="minisblack", subfiletype=1)
    check(path, RAMP, 0.002)
    with tifffile.TiffWriter(path) as file:
        file.write(stored(RAMP, 8), photometric="minisblack", subfiletype=1)
    with pytest.raises(InputError, match="only a preview"):
        read_image(path)


def retagged(path, tag: int, value: int) -> None:
    """A sound TIFF but for one short tag."""
    tifffile.imwrite(path, stored(RAMP, 8), photometric="minisblack")
    data = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for index in range(count):
        if struct.unpack_from("<H", data, start + 2 + 12 * index)[0] == tag:
            struct.pack_into("<H", data, start + 2 + 12 * index + 8, value)
    path.write_bytes(bytes(data))


def channels(path, count: int) -> None:
    pixels = np.repeat(stored(RAMP, 8)[:, :, None], count, axis=2)
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig")


REFUSED = {
    "compression SGILOG is not supported": lambda p: retagged(p, 259, 34676),
    "compression OJPEG is not supported": lambda p: retagged(p, 259, 6),
    "compression 64000 is not supported": lambda p: retagged(p, 259, 64000),
    "photometric CFA is not supported": lambda p: retagged(p, 262, 32803),
    "photometric YCBCR is not supported": lambda p: retagged(p, 262, 6),
    "samples of uint32 are not supported": lambda p: tifffile.imwrite(p, stored(RAMP, 16).astype("u4")),
    "samples of int8 are not supported": lambda p: tifffile.imwrite(p, stored(RAMP, 8).astype("i1")),
    "samples of complex64 are not supported": lambda p: tifffile.imwrite(p, RAMP.astype("c8")),
    "a TIFF of 3 pages": lambda p: tifffile.imwrite(p, np.zeros((3, 9, 9), "u1"), photometric="minisblack"),
    "a TIFF of 5 pages": lambda p: tifffile.imwrite(p, np.zeros((5, 9, 9), "u1"), imagej=True),
    "16 channels with photometric MINISBLACK": lambda p: channels(p, 16),
    "samples of int16 are not supported": lambda p: tifffile.imwrite(p, stored(RAMP, 8).astype("i2")),
    "photometric CIELAB is not supported": lambda p: tifffile.imwrite(
        p, stored(COLOUR, 8), photometric="cielab"
    ),
    "photometric SEPARATED is not supported": lambda p: tifffile.imwrite(
        p, np.zeros((9, 9, 4), "u1"), photometric="separated", extratags=[(332, 3, 1, 2, True)]
    ),
    "compression JPEGXR_NDPI is not supported": lambda p: retagged(p, 259, 22610),
    "predictor HORIZONTAL with compression NONE": lambda p: by_hand(
        p, bytes(40 * 56), bits=8, photometric=1, t317=2
    ),
    "predictor HORIZONTAL with compression ADOBE_DEFLATE and samples of 4 bits": lambda p: by_hand(
        p, imagecodecs.zlib_encode(bytes(40 * 28)), bits=4, photometric=1, t259=8, t317=2
    ),
    "predictor FLOATINGPOINT with compression LZW and samples of 8 bits": lambda p: by_hand(
        p, imagecodecs.lzw_encode(bytes(40 * 56)), bits=8, photometric=1, t259=5, t317=3
    ),
    "a TIFF of 4 planes": lambda p: tifffile.imwrite(
        p, np.zeros((4, 40, 56), "u1"), volumetric=True, tile=(1, 16, 16), photometric="minisblack"
    ),
    "2 channels with photometric MINISBLACK": lambda p: channels(p, 2),
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_is_not_supported_is_named_before_anything_is_decoded(tmp_path, says, monkeypatch):
    path = tmp_path / "a.tif"
    REFUSED[says](path)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda self: pytest.fail("decoded"))
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert says in str(caught.value)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("tag", [256, 257, 258, 262, 273, 277, 279])
def test_a_missing_strip_or_a_lost_tag_is_damage(tmp_path, tag, capfd, caplog):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored(COLOUR, 8), photometric="rgb", rowsperstrip=10, compression="zlib")
    data = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        entry = file.pages[0].tags[tag]
    broken = bytearray(data)
    # The values of the tag lie behind the file's end, or there is one fewer of them.
    if entry.count > 1:
        struct.pack_into("<I", broken, entry.offset + 8, len(data) + 9)
    else:
        struct.pack_into("<H", broken, entry.offset + 2, 99)
    path.write_bytes(bytes(broken))
    with pytest.raises(InputError, match="damaged"):
        read_image(path)
    if tag in (273, 279):
        broken = bytearray(data)
        struct.pack_into("<I", broken, entry.offset + 4, entry.count - 1)
        path.write_bytes(bytes(broken))
        with pytest.raises(InputError, match="damaged"):
            read_image(path)
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name == "tifffile"]


@pytest.mark.parametrize(
    "entry",
    [
        (284, 3, 1, 2),  # planes are said of samples that are not in planes
        (284, 3, 1, 9),
        (256, 1, 2, 56 + 256 * 40),  # a width of two numbers
        (257, 2, 1, 40),  # a height that is text
    ],
)
def test_an_entry_that_contradicts_the_rest_is_damage(tmp_path, entry):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored(COLOUR, 8), photometric="rgb", metadata=None)
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<H", entry[0]), int.from_bytes(data[4:8], "little"))
    data[at : at + 12] = struct.pack("<HHII", *entry)
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_picture(path)


@pytest.mark.parametrize("tag", [273, 279])
def test_a_table_of_strips_that_is_text_is_damage(tmp_path, tag):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored(COLOUR, 8), photometric="rgb", rowsperstrip=10, compression="zlib")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        entry = file.pages[0].tags[tag]
    struct.pack_into("<HI", data, entry.offset + 2, 2, 4 * entry.count)
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_picture(path)


def test_an_error_of_ours_is_not_called_damage(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", stored(RAMP, 8), photometric="minisblack")

    def broken(*given, **named):
        raise AttributeError("a slip")

    for name in ("_header", "_picture"):
        with monkeypatch.context() as patch:
            patch.setattr(tiff, name, broken)
            with pytest.raises(AttributeError, match="a slip"):
                read_image(tmp_path / "a.tif")


def test_the_log_of_others_is_theirs_again(tmp_path, caplog):
    tifffile.imwrite(tmp_path / "a.tif", stored(RAMP, 8), photometric="minisblack")
    read_image(tmp_path / "a.tif")
    logging.getLogger("tifffile").warning("heard")
    assert "heard" in caplog.text


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("white_is_zero_lzw.tif", 0.346),
        ("white_is_zero_plain.tif", 0.346),
        ("colour16_lzw.tif", 0.0212),
        ("colour16_zlib.tif", 0.0212),
        ("float_1.0000001.tif", 0.346),
        ("zstd.tif", 0.346),
        ("valid_f32_rgb_lzw.tif", 0.340),
        ("valid_u8_bigtiff_be.tif", 0.346),
        ("valid_libtiff_6bit.tif", 0.359),
        ("orientation_as_bytes.tif", 0.341),
        ("tiled_odd_edge.tif", 0.710),
    ],
)
def test_files_that_went_wrong_once(shared, name, mean):
    assert read_image(shared / "cases" / name).mean() == pytest.approx(mean, abs=6e-4)


def test_files_that_are_refused_rightly(shared):
    for name, says in (("last_strip_missing.tif", "1 of 2 strips"), ("valid_cfa_u16.tif", "photometric CFA")):
        with pytest.raises(InputError, match=says):
            read_image(shared / "cases" / name)
