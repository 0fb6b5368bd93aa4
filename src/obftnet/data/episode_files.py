"""Episodes as a file: the same questions for another method, another machine, another day."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from obftnet.data.by_protocol import check_episodes
from obftnet.data.collection import Collection, Sample
from obftnet.data.episodes import Background, Episode
from obftnet.errors import InputError
from obftnet.files import check_output, write_json
from obftnet.json_files import read_json


def write_episodes(path: str | Path, episodes: Sequence[Episode], collection: Collection) -> None:
    """Write episodes as JSON, atomically, with paths relative to the collection's root.

    Raises:
        InputError: the file cannot be written.
    """
    write_json(path, episodes_content(episodes, collection))


def check_episodes_place(path: Path, others: Sequence[Path]) -> None:
    """Make sure that `write_episodes` would replace nothing but episodes that it wrote.

    Args:
        path: to write to.
        others: files that are read, or written by the same command.

    Raises:
        InputError: it is one of the others, holds something else, or cannot be written.
    """
    check_output(path, others)
    if any(path.absolute() == other.absolute() for other in others):
        raise InputError(f"{path}: named for something else, too; name another file for the episodes")
    wanted = "episodes may be replaced, nothing else; name another file"
    if path.exists():
        content = read_json(path, wanted)
        if not isinstance(content, dict) or not {"layout", "episodes"} <= content.keys():
            raise InputError(f"{path}: not a list of episodes, and would be overwritten; {wanted}")


def episodes_content(episodes: Sequence[Episode], collection: Collection) -> dict[str, Any]:
    """What `write_episodes` writes, as JSON values."""
    entries = [
        _EpisodeRecord(
            index=episode.index,
            seed=episode.seed,
            query=_record(episode.query, collection),
            supports=[_record(support, collection) for support in episode.supports],
            backgrounds=[
                _BackgroundRecord(
                    **_record(background.sample, collection).model_dump(),
                    window=background.window,
                    complement=background.complement,
                )
                for background in episode.backgrounds
            ],
        )
        for episode in episodes
    ]
    return _EpisodesFile(layout=collection.layout, episodes=entries).model_dump(mode="json")


def read_episodes(path: str | Path, collection: Collection) -> list[Episode]:
    """Read what `write_episodes` wrote.

    Raises:
        InputError: not such a file, of another layout, an image that the collection does not have, or an
            episode that no draw by the protocol gives.
    """
    path = Path(path)
    wanted = "a file written by write_episodes is wanted"
    found = read_json(path, wanted)
    try:
        content = _EpisodesFile.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{path}: not a list of episodes ({place}: {first['msg']}); {wanted}") from error
    if content.layout != collection.layout:
        raise InputError(
            f"{path}: episodes of layout {content.layout!r}, but {collection.root} is read as "
            f"{collection.layout}; read the collection that the episodes were drawn from"
        )

    def sample(record: _SampleRecord) -> Sample:
        found = collection.find(record.image, record.kind)
        if found is None:
            raise InputError(
                f"{path}: names {record.image} of kind {record.kind}, which {collection.root} does not have; "
                "read the collection that the episodes were drawn from"
            )
        return found

    episodes = [
        Episode(
            query=sample(entry.query),
            supports=tuple(sample(record) for record in entry.supports),
            backgrounds=tuple(
                Background(sample(record), record.window, record.complement) for record in entry.backgrounds
            ),
            index=entry.index,
            seed=entry.seed,
        )
        for entry in content.episodes
    ]
    check_episodes(episodes, collection, str(path))
    return episodes


class _SampleRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")
    image: str
    kind: str


class _BackgroundRecord(_SampleRecord):
    window: (
        tuple[
            Annotated[int, Field(ge=0, strict=True)],
            Annotated[int, Field(ge=0, strict=True)],
            Annotated[int, Field(ge=1, strict=True)],
            Annotated[int, Field(ge=1, strict=True)],
        ]
        | None
    ) = None
    complement: bool = Field(default=False, strict=True)


class _EpisodeRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")
    index: int = Field(ge=0, lt=2**63, strict=True)
    seed: int = Field(ge=0, lt=2**63, strict=True)
    query: _SampleRecord
    supports: list[_SampleRecord] = Field(min_length=1)
    backgrounds: list[_BackgroundRecord] = Field(min_length=1)


class _EpisodesFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["obftnet-episodes-1"] = "obftnet-episodes-1"
    layout: str
    episodes: list[_EpisodeRecord] = Field(min_length=1)


def _record(sample: Sample, collection: Collection) -> _SampleRecord:
    return _SampleRecord(image=collection.relative(sample.image), kind=sample.kind)
