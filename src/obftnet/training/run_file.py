"""run.json: what a folder's run was asked for, so that going on means the same run."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from obftnet.errors import InputError
from obftnet.files import output_folder, refuse_existing, write_json
from obftnet.json_files import read_json

_OTHERWISE = "use another folder"


def check_run(folder: Path, asked: Mapping[str, object], files: Sequence[str], *, write: bool = True) -> str:
    """Make sure that a folder holds no other run, and note this one in FOLDER/run.json.

    Args:
        folder: the run's; made where it is missing.
        asked: all that the run's result depends on as JSON values, mappings one level deep.
        files: names of what a run writes there; a folder that has one but no run.json is not a run's.
        write: False in all but one of several processes.

    Returns:
        SHA-256 of what was asked: what tells this run from others.

    Raises:
        InputError: the folder cannot be used, or holds a run with other settings; the first is named.
    """
    output_folder(folder)
    path = folder / "run.json"
    wanted = json.loads(json.dumps(asked))
    if not path.exists() and not path.is_symlink():
        if write:
            refuse_existing((folder / name for name in files), "no run.json says that a run of ours wrote it")
            write_json(path, wanted)
    else:
        found = read_json(path, f"the JSON of a run is wanted; {_OTHERWISE}")
        if not isinstance(found, dict):
            raise InputError(f"{path}: not the JSON of a run; {_OTHERWISE}")
        for part in (*wanted, *found):
            if found.get(part) != wanted.get(part):
                raise InputError(
                    f"{path}: this folder holds a run with another "
                    f"{_difference(part, found.get(part), wanted.get(part))}; {_OTHERWISE}, or ask for "
                    "the same to go on"
                )
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def _difference(part: str, found: object, asked: object) -> str:
    if isinstance(found, dict) and isinstance(asked, dict):
        for key in (*asked, *found):
            if found.get(key) != asked.get(key):
                return f"{part} setting: {key} was {found.get(key)!r} and is now {asked.get(key)!r}"
    return f"{part}: it was {found!r} and is now {asked!r}"
