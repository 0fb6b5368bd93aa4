"""made.json in a generated material's folder: by which settings it was made, and what its files hold."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from obftnet.errors import InputError
from obftnet.files import write_json
from obftnet.json_files import read_json

_FILE = "made.json"
_OTHERWISE = "remove it, or name another folder"


def seal(folder: Path, settings: Mapping[str, object]) -> None:
    """Note in a material's folder how it was made. Raises InputError where that cannot be written."""
    write_json(folder / _FILE, {"settings": settings, "sha256": _content(folder)})


def check_settings(folder: Path, settings: Mapping[str, object]) -> str:
    """Make sure that a material's folder was made by these settings.

    Returns:
        SHA-256 of what its files held.

    Raises:
        InputError: it was made by others, of which the first is named, or nothing says by which.
    """
    path = folder / _FILE
    if not path.exists() and not path.is_symlink():
        raise InputError(f"{folder}: no {_FILE} in it says how it was made; {_OTHERWISE}")
    found = read_json(path, f"what a generated material's folder says of itself is wanted; {_OTHERWISE}")
    before = found.get("settings") if isinstance(found, dict) else None
    if not isinstance(before, dict) or not isinstance(found.get("sha256"), str):
        raise InputError(f"{path}: does not say how the material was made; {_OTHERWISE}")
    for name in (*settings, *before):
        if before.get(name) != settings.get(name):
            raise InputError(
                f"{folder}: made with {name} {before.get(name)!r}, now {settings.get(name)!r} is asked for; "
                "name another folder, or ask for the same to go on"
            )
    return str(found["sha256"])


def check_sealed(folder: Path, settings: Mapping[str, object]) -> None:
    """Make sure that a material's folder is as it was made. Raises InputError as `check_settings`, or where a
    file is missing, new or changed."""
    if check_settings(folder, settings) != _content(folder):
        raise InputError(f"{folder}: changed since it was made; {_OTHERWISE}")


def _content(folder: Path) -> str:
    """SHA-256 over the names and the bytes of the files below a folder, but for `_FILE`."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name == _FILE or path.is_dir():
            continue
        if not path.is_file():
            raise InputError(f"{path}: not a regular file; {_OTHERWISE}")
        try:
            held = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error}); {_OTHERWISE}") from error
        digest.update(f"{name}\0{held}\0".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()
