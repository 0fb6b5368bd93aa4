"""The regions of one image as a small JSON file, from which tables of many are made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from obftnet.errors import InputError
from obftnet.files import write_json
from obftnet.regions.coco import compressed, expanded
from obftnet.regions.region import Region

_Score = Annotated[float, Field(ge=0, le=1)]


class _Stored(BaseModel):
    """`Region`, its runs as COCO's string of the image's run lengths."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    area: int
    box: tuple[int, int, int, int]
    center: tuple[float, float]
    length: float
    width: float
    orientation: float
    mean_score: _Score
    largest_score: _Score
    counts: str


_LIST = TypeAdapter(list[_Stored])


def write_regions(path: str | Path, regions: Sequence[Region]) -> None:
    """Write regions, whole or not at all. Raises InputError where they cannot be written."""
    stored = [{**vars(region), "counts": compressed(region.runs)} for region in regions]
    write_json(path, [{key: value for key, value in one.items() if key != "runs"} for one in stored])


def read_regions(path: str | Path) -> list[Region]:
    """What `write_regions` wrote. Raises InputError where it cannot be read, or holds something else."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file, or not a regular one; segment the image again")
    try:
        stored = _LIST.validate_json(Path(path).read_bytes())
        return [Region(**one.model_dump(exclude={"counts"}), runs=expanded(one.counts)) for one in stored]
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); segment the image again"
        ) from error
    except (ValidationError, ValueError) as error:
        raise InputError(
            f"{path}: not regions as obftnet segment writes them; segment the image again"
        ) from error
