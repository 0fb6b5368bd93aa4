"""Where an evaluation writes: its results, and what lies beside them by the name of their file."""

from collections.abc import Iterable
from pathlib import Path

from obftnet.errors import InputError
from obftnet.files import check_output, refuse_existing
from obftnet.json_files import read_json


def queries_file(out: Path) -> Path:
    """The table of every query."""
    return out.with_name(f"{out.stem}_queries.csv")


def picture_file(out: Path, fold: str) -> Path:
    """The picture of a fold."""
    return out.with_name(f"{out.stem}_{fold}.png")


def check_place(out: Path, folds: Iterable[str]) -> None:
    """Make sure before the work that nothing but an earlier evaluation's results is replaced.

    Args:
        out: the results, a JSON file.
        folds: names of those that are tested.

    Raises:
        InputError: there is another file in one of the places, or none can be written there.
    """
    others = [queries_file(out), *(picture_file(out, fold) for fold in folds)]
    for path in (out, *others):
        check_output(path)
    if not out.exists():
        refuse_existing(others, f"there is no {out.name} beside it whose part it would be")
        return
    wanted = "the results of an evaluation may be replaced, nothing else; name another file"
    content = read_json(out, wanted)
    if not isinstance(content, dict) or not {"method", "folds", "mean_miou"} <= content.keys():
        raise InputError(f"{out}: not the results of an evaluation, and would be overwritten; {wanted}")
