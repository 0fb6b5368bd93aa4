"""What kind of image a file is, told by its first bytes."""

import re
from pathlib import Path

from obftnet.imaging.checks import check_file, unreadable

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".tif", ".tiff", ".webp", ".bmp")
"""Endings by which a folder's images are known, in any case."""

READ = ("PNG", "JPEG", "TIFF", "WebP", "BMP")
"""The kinds that are read."""

_START = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"GIF8": "GIF",
    b"8BPS": "Photoshop",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xffO\xffQ": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"v/1\x01": "OpenEXR",
    b"SIMPLE  =": "FITS",
    b"#?RADIANCE": "Radiance HDR",
    b"%PDF": "PDF",
}
_FTYP = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"
)
# The frame of JPEG-LS comes first, or behind a SPIFF header.
_JPEG_LS = re.compile(rb"\xff\xd8(\xff\xe8..SPIFF.*)?\xff\xf7", re.DOTALL)
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


def image_format(path: Path) -> str | None:
    """The name of the image format of a file, such as "PNG" or "HEIC"; None for one that is not known.

    Raises:
        InputError: no regular file, empty, or not readable.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError as error:
        raise unreadable(path, error) from error
    if _JPEG_LS.match(head):
        return "JPEG-LS"
    for start, name in _START.items():
        if head.startswith(start):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        return _FTYP.get(head[8:12])
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PNM"
    return "DICOM" if head[128:132] == b"DICM" else None
