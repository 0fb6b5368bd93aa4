"""Whether the strips or tiles of a TIFF hold all of its rows: decoders fill what is missing in silence."""

import re
from pathlib import Path
from typing import Any

from tifffile import COMPRESSION

from obftnet.errors import InputError
from obftnet.imaging import checks
from obftnet.imaging.checks import decoding

_FAX = (COMPRESSION.CCITTRLE, COMPRESSION.CCITT_T4, COMPRESSION.CCITT_T6)
_T4_OPTIONS = 292
_END_OF_JPEG = b"\xff\xd9"
# Codes of ITU-T T.4 and T.6: an end of line, which zeros may go before; a white run of 0 and a black one of
# 1; what says in T.6 that two such runs follow.
_END_OF_LINE = "0{11,}1"
_BLACK = "00110101010"
_HORIZONTAL = "001"


def check_segments(page: Any, wanted: int, file_size: int, path: Path) -> None:
    """Raises InputError where strips or tiles are missing, or lie behind the file's end.

    Args:
        page: of tifffile.
        wanted: how many there must be.
        file_size: in bytes.
        path: for the message.
    """
    offsets, counts = tuple(page.dataoffsets), tuple(page.databytecounts)
    if not all(isinstance(number, int) for number in (*offsets, *counts)):
        raise InputError(f"{path}: damaged (its table of strips or tiles holds no whole numbers)")
    if page.is_tiled and page.tilelength * page.tilewidth > checks.MAX_PIXELS:
        raise InputError(
            f"{path}: truncated or damaged (tiles of {page.tilewidth} x {page.tilelength} pixels)"
        )
    if len(offsets) != wanted or len(counts) != wanted or 0 in offsets or 0 in counts:
        there = sum(1 for offset, count in zip(offsets, counts, strict=False) if offset and count)
        what = "tiles" if page.is_tiled else "strips"
        raise InputError(
            f"{path}: truncated or damaged ({there} of {wanted} {what} are there); "
            "a whole image file is wanted"
        )
    if any(offset >= file_size for offset in offsets) or (
        # Of uncompressed data a strip may be said to be longer than it has rows; tifffile counts those.
        page.compression != COMPRESSION.NONE
        and any(offset + count > file_size for offset, count in zip(offsets, counts, strict=True))
    ):
        raise _truncated(path)


def check_contents(page: Any, path: Path) -> None:
    """Raises InputError where a strip or tile that decoders would fill, JPEG or fax, is cut short."""
    if page.compression not in (COMPRESSION.JPEG, *_FAX):
        return
    handle = page.parent.filehandle
    for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        with decoding(path):
            handle.seek(offset)
            data = handle.read(count)
            is_jpeg = page.compression == COMPRESSION.JPEG
            whole = _END_OF_JPEG in data if is_jpeg else _is_whole_fax(page, data, index)
        if not whole:
            raise _truncated(path)


def _is_whole_fax(page: Any, data: bytes, index: int) -> bool:
    """Whether fax data (ITU-T T.4 and T.6) have all rows: of missing ones decoders make white.

    Of the last row alone a cut within it is not always noticed.
    """
    turned = page.fillorder == 2
    bits = "".join(f"{byte:08b}" for byte in (_bits_turned(data) if turned else data))
    found = page.decode(data, index)[0]
    black = _BLACK * 8
    if page.compression == COMPRESSION.CCITT_T4:
        # Each row begins with one.
        if len(re.findall(_END_OF_LINE, bits)) < found.shape[1]:
            return False
    elif found[:, -1].any():  # rows come in order
        return True
    elif page.compression == COMPRESSION.CCITT_T6:
        block_end = re.search(f"(?:{_END_OF_LINE}){{2}}0*$", bits)
        if block_end is None:
            return False
        # Its first pixel black, and the rest as in the row before.
        bits, black = bits[: block_end.start()], _HORIZONTAL + _BLACK + "1" * found.shape[2]
    # Black pixels behind the last row must not come up in the rows that are wanted.
    bits += black + "0" * (-len(bits + black) % 8)
    longer = int(bits, 2).to_bytes(len(bits) // 8, "big")
    more = page.decode(_bits_turned(longer) if turned else longer, index)[0]
    return bool((found == more).all())


def _bits_turned(data: bytes) -> bytes:
    import imagecodecs  # without which no fax data are read at all (`tiff`)

    return bytes(imagecodecs.bitorder_decode(data))


def _truncated(path: Path) -> InputError:
    return InputError(f"{path}: truncated (pixel data missing); a whole image file is wanted")
