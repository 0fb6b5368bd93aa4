"""PNG files: EXIF wherever it stands, and rows that are missing."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from obftnet.errors import InputError
from obftnet.imaging.read import as_picture, image_size, read_picture

#: Bits of a sample, colour type and samples of a pixel.
KINDS = [(1, 0, 1), (2, 0, 1), (8, 0, 1), (16, 0, 1), (8, 2, 3), (4, 3, 1), (8, 4, 2), (8, 6, 4)]
ORIENTATION_6 = bytes.fromhex("4d4d002a 00000008 0001 0112 0003 00000001 00060000 00000000")


def chunk(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def png(
    kind: tuple[int, int, int], rows: int, said: int, value: int = 0, behind: bytes = b"", before: bytes = b""
) -> bytes:
    """A file of 9 columns that has `rows` of the rows that it says it has, all of one value."""
    bits, colour, samples = kind
    header = (9).to_bytes(4, "big") + said.to_bytes(4, "big") + bytes([bits, colour, 0, 0, 0])
    row = b"\0" + bytes([value]) * -(-9 * bits * samples // 8)
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    data = zlib.compress(row * rows)
    parts = chunk(b"IDAT", data[:5]) + chunk(b"IDAT", data[5:])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + palette
        + before
        + parts
        + behind
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("rows", [0, 1, 6])
def test_missing_rows_are_damage_and_not_black(tmp_path, kind, value, rows):
    path = tmp_path / "a.png"
    path.write_bytes(png(kind, rows, 7, value))
    with pytest.raises(InputError, match="truncated"):
        read_picture(path)
    path.write_bytes(png(kind, 7, 7, value))
    assert read_picture(path).shape == (7, 9)


@pytest.mark.parametrize("order", ["missing first", "last", "twice"])
def test_the_header_is_the_first_chunk_and_the_only_one(tmp_path, order):
    """Pillow takes a header wherever it stands; what was read before it was read by none, or by another."""
    whole = png((8, 0, 1), 7, 7, 9)
    start, header, rest = whole[:8], whole[8:33], whole[33:]
    other = png((8, 2, 3), 7, 3)[8:33]
    path = tmp_path / "a.png"
    path.write_bytes(
        {
            "missing first": start + chunk(b"tEXt", b"a\0b") + header + rest,
            "last": start + rest[:-12] + header + rest[-12:],
            "twice": start + header + other + rest,
        }[order]
    )
    for read in (read_picture, image_size):
        with pytest.raises(InputError, match="no header at its start"):
            read(path)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (9, 7), (16, 16), (2, 9)])
def test_rows_of_an_interlaced_image(size):
    """Adam7: all pixels are in one of the passes, so that the stored size is theirs and a byte a row."""
    from obftnet.imaging.png import _PASSES, _stored

    seen = np.zeros(size[::-1], int)
    rows = 0
    for left, top, across, down in _PASSES:
        part = seen[top::down, left::across]
        part += 1
        rows += part.shape[0] if part.size else 0
    assert (seen == 1).all()
    assert _stored(size, 8, True) == seen.size + rows


def exif_block(kind: int, value: bytes) -> bytes:
    """EXIF of one tag, the orientation, of a TIFF type and 4 bytes."""
    return bytes.fromhex("4d4d002a 00000008 0001 0112") + struct.pack(">HI", kind, 1) + value + bytes(4)


_RAW = b"\nexif\n%8d\n" % (6 + len(ORIENTATION_6)) + (b"Exif\0\0" + ORIENTATION_6).hex().encode()
_XMP = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
#: A chunk that says how an image is turned, and whether it does.
TURNED_BY = {
    "nothing": (b"", False),
    "short": (chunk(b"eXIf", ORIENTATION_6), True),
    "byte": (chunk(b"eXIf", exif_block(1, b"\6\0\0\0")), True),
    "undefined": (chunk(b"eXIf", exif_block(7, b"\6\0\0\0")), True),
    "long": (chunk(b"eXIf", exif_block(4, b"\0\0\0\6")), True),
    "float": (chunk(b"eXIf", exif_block(11, struct.pack(">f", 6))), True),
    "a half": (chunk(b"eXIf", exif_block(11, struct.pack(">f", 6.5))), False),
    "text": (chunk(b"eXIf", exif_block(2, b"6\0\0\0")), False),
    "empty": (chunk(b"eXIf", b""), False),
    "the last": (chunk(b"eXIf", exif_block(3, b"\0\3\0\0")) + chunk(b"eXIf", ORIENTATION_6), True),
    "ImageMagick": (chunk(b"tEXt", b"Raw profile type exif\0" + _RAW), True),
    "packed": (chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(_RAW)), True),
    "XMP": (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _XMP), True),
}


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("said", TURNED_BY)
def test_orientation_is_one_by_path_and_by_object_wherever_it_stands(tmp_path, said, place, recwarn):
    content, turned = TURNED_BY[said]
    path = tmp_path / "a.png"
    path.write_bytes(png((8, 0, 1), 7, 7, 9, **{place: content}))
    shape = (9, 7) if turned else (7, 9)
    assert read_picture(path).shape == shape
    assert image_size(path) == shape
    with Image.open(path) as opened:
        assert as_picture(opened).shape == shape
    with Image.open(path) as loaded:
        loaded.load()
        assert as_picture(loaded).shape == shape
    assert not recwarn.list


def test_exif_that_is_damaged_is_not_followed(tmp_path):
    path = tmp_path / "a.png"
    damaged = bytearray(chunk(b"eXIf", ORIENTATION_6))
    damaged[-1] ^= 1
    path.write_bytes(png((8, 0, 1), 7, 7, 9, bytes(damaged)))
    assert read_picture(path).shape == image_size(path) == (7, 9)


def test_the_form_of_apples_apps_is_named(tmp_path):
    whole = png((8, 6, 4), 7, 7, 9)
    (tmp_path / "a.png").write_bytes(whole[:8] + chunk(b"CgBI", b"P\0\x20\6") + whole[8:])
    with pytest.raises(InputError, match="CgBI") as caught:
        read_picture(tmp_path / "a.png")
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_pixels_without_a_colour_are_damage_and_not_black(tmp_path, form):
    path = tmp_path / "a"
    indices = np.arange(63, dtype=np.uint8).reshape(7, 9) % 6
    image = Image.fromarray(indices)
    image.putpalette(bytes(range(3, 21)))
    image.save(path, form)
    np.testing.assert_array_equal(read_picture(path).samples[:, :, 0], 3 + 3 * indices)
    data = path.read_bytes()
    if form == "PNG":
        at = data.index(b"PLTE")
        short, none = data[: at - 4] + chunk(b"PLTE", bytes(9)), data[: at - 4]
        spoilt = [short + data[at + 8 + 18 :], none + data[at + 8 + 18 :]]
    else:
        # Colours that are used; the pixels stay where the file says that they are.
        spoilt = [data[:46] + (2).to_bytes(4, "little") + data[50:]]
    for content in spoilt:
        path.write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            read_picture(path)
    with pytest.raises(InputError, match="a palette of 0 colours"):
        as_picture(Image.new("P", (9, 7), 3))
