"""JSON that a person or a program wrote, or a disk has damaged: read, or refused in one line."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from obftnet.errors import InputError
from obftnet.imaging.decode import check_file

#: Largest file that is read; a list of a hundred thousand episodes has a tenth of it.
MAX_BYTES = 1 << 28


def read_json(path: str | Path, wanted: str) -> Any:
    """The content of a JSON file (UTF-8, with or without a byte order mark).

    Args:
        path: of the file.
        wanted: what should be in it, for the message, such as "a JSON object {...} is wanted".

    Raises:
        InputError: no such file, not a regular one, empty, not JSON, a name twice in one object, NaN or
            infinity, nested beyond any use, or of more than MAX_BYTES.
    """
    path = Path(path)
    check_file(path, wanted)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: {size:,} bytes, more than the limit of {MAX_BYTES:,}; {wanted}")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); {wanted}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not JSON (not UTF-8 text); {wanted}") from error
    return parse_json(text, str(path), wanted)


def parse_json(text: str, name: str, wanted: str) -> Any:
    """The value of a JSON text. Raises InputError as `read_json`, which calls it `name`."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
    except RecursionError as error:
        raise InputError(f"{name}: not JSON that can be read (nested too deeply); {wanted}") from error
    except ValueError as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{name}: not JSON ({reason}); {wanted}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands in it twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _no_number(text)
    return value
