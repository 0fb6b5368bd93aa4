"""Hashes that pip recorded when it installed the package (RECORD, PEP 376 and 627)."""

import base64
from importlib import metadata
from pathlib import Path


def recorded_hash(path: Path) -> str | None:
    """SHA-256 of a file of the package as it was installed, hexadecimal; None where none was recorded."""
    try:
        files = metadata.files("obftnet") or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == path.name and file.hash is not None and file.hash.mode == "sha256":
            located = Path(str(file.locate()))
            if located.exists() and path.exists() and located.samefile(path):
                return base64.urlsafe_b64decode(file.hash.value + "==").hex()
    return None
