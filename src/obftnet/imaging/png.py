"""What Pillow does not look at in a PNG file: where its header is, what stands behind the pixels, and whether
all rows are there."""

import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from obftnet.errors import InputError
from obftnet.imaging.checks import decoding

#: Samples of a pixel by the header's colour type.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: First column and row of a pass of Adam7 and its steps (PNG specification, section 8.2).
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BLOCK = 1 << 16
#: What stands before the header where pixels are stored in an order and compression that is not PNG's.
_APPLES = b"CgBI"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Chunks that may say how an image is turned, and the largest that are looked at: an EXIF block fits into a
#: segment of a JPEG, and is twice as long as text.
_METADATA = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
_MOST_METADATA = 1 << 18


def check_header(path: Path) -> None:
    """Raises InputError unless the first chunk is the header, and no other is one (PNG specification, section
    5.6): Pillow takes whichever comes, and what was read before it by another."""
    names = [name for name, _, _ in _chunks(path)]
    if names[:1] == [_APPLES]:
        raise InputError(f"{path}: a PNG in the form of Apple's apps (CgBI); save it as a plain one")
    if names[:1] != [b"IHDR"] or names.count(b"IHDR") > 1:
        raise InputError(
            f"{path}: truncated or damaged (no header at its start); a whole image file is wanted"
        )


def with_metadata_first(path: Path) -> bytes | None:
    """The file without its pixels, and what says how it is turned before the place where they would be.

    Pillow looks for EXIF, and for what ImageMagick and XMP have in its place, as far as the pixels; what
    stands behind them it takes when they are decoded. Damaged chunks are left out.

    Returns:
        None where nothing stands behind the pixels.
    """
    parts, pixels, is_behind = [_SIGNATURE], False, False
    with path.open("rb") as file:
        for name, start, length in _chunks(path):
            pixels = pixels or name == b"IDAT"
            if name != b"IHDR" and not (name in _METADATA and length <= _MOST_METADATA):
                continue
            file.seek(start)
            content, check = file.read(length), file.read(4)
            if zlib.crc32(name + content).to_bytes(4, "big") == check:
                parts.append(length.to_bytes(4, "big") + name + content + check)
                is_behind = is_behind or pixels
    no_pixels = b"\0\0\0\0IDAT" + zlib.crc32(b"IDAT").to_bytes(4, "big")
    return b"".join((*parts, no_pixels)) if is_behind else None


def check_rows(path: Path, image: Image.Image) -> None:
    """Raises InputError where the data end before the last row: Pillow leaves the rest at zero.

    image: of the file, loaded; `check_header` has seen it.
    """
    with path.open("rb") as file:
        head = file.read(29)
    is_interlaced = head[28] != 0
    last = image.crop((0, image.height - 1, image.width, image.height))
    # Rows come in order; only where the last one is zero it may be missing.
    if not is_interlaced and any(last.tobytes()):
        return
    size = (int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big"))
    wanted = _stored(size, head[24] * _SAMPLES[head[25]], is_interlaced)
    with decoding(path):
        there = _inflated(path, wanted)
    if there < wanted:
        raise InputError(f"{path}: truncated (pixel data missing); a whole image file is wanted")


def _stored(size: tuple[int, int], bits: int, is_interlaced: bool) -> int:
    """Bytes of all rows of (width, height) pixels of so many bits, each with its filter's."""
    total = 0
    for left, top, across, down in _PASSES if is_interlaced else ((0, 0, 1, 1),):
        width, height = -((left - size[0]) // across), -((top - size[1]) // down)
        if width > 0 and height > 0:
            total += height * (1 + -(-width * bits // 8))
    return total


def _inflated(path: Path, most: int) -> int:
    """Bytes that the pixels' chunks hold, counted up to `most`."""
    stream, count = zlib.decompressobj(), 0
    with path.open("rb") as file:
        for name, start, length in _chunks(path):
            if name != b"IDAT":
                continue
            file.seek(start)
            while length and count < most and not stream.eof:
                block = file.read(min(length, _BLOCK))
                if not block:
                    break
                length -= len(block)
                while block and count < most:
                    count += len(stream.decompress(block, 1 << 20))
                    block = stream.unconsumed_tail
    return count


def _chunks(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and length of each chunk."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        at = 8
        while at + 12 <= end:
            file.seek(at)
            head = file.read(8)
            length = int.from_bytes(head[:4], "big")
            yield head[4:], at + 8, length
            at += 12 + length
