"""run.json: what a folder's run was asked for, so that going on means the same run."""

import json
from collections.abc import Mapping
from pathlib import Path

from obftnet.errors import InputError
from obftnet.files import output_folder, write_json


def check_run(folder: Path, asked: Mapping[str, object], *, write: bool = True) -> None:
    """Make sure that a folder holds no other run, and note this one in OUT/run.json.

    Args:
        folder: the run's; made where it is missing.
        asked: the run's settings as JSON values, mappings one level deep.
        write: False in all but one of several processes.

    Raises:
        InputError: the folder cannot be used, or holds a run with other settings; the first is named.
    """
    output_folder(folder)
    path = folder / "run.json"
    if not path.exists():
        if write:
            write_json(path, asked)
        return
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: not the JSON of a run ({error}); use another --out") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: not the JSON of a run; use another --out")
    for part, value in json.loads(json.dumps(asked)).items():
        if found.get(part) != value:
            raise InputError(
                f"{path}: this folder holds a run with another {_difference(part, found.get(part), value)}; "
                "use another --out, or ask for the same to go on"
            )


def _difference(part: str, found: object, asked: object) -> str:
    if isinstance(found, dict) and isinstance(asked, dict):
        for key in asked:
            if found.get(key) != asked[key]:
                return f"{part} setting: {key} was {found.get(key)!r} and is now {asked[key]!r}"
    return f"{part}: it was {found!r} and is now {asked!r}"
