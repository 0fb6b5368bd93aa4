"""The header of a safetensors file: what is said of it before its tensors are loaded. No torch here."""

import json
from pathlib import Path

from obftnet.errors import InputError
from obftnet.imaging.decode import check_file


def check_no_pickle(path: Path, wanted: str) -> None:
    """Raises InputError unless the path is a file that holds something and is no pickle, which is named."""
    check_file(path, wanted)
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    # A safetensors file is an 8-byte length, which may be any bytes, and then JSON.
    if head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80"):
        raise InputError(
            f"{path}: a pickle (.pt, .pth), which can run code when it is opened and is never loaded here; "
            "convert it to safetensors where you trust it"
        )


def in_order(data: bytes) -> bytes:
    """The header's metadata in order: the library's differs from run to run, and so would the file's hash."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    # The tensors begin at a multiple of 8 bytes; spaces may follow the header.
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]
