"""The relations that a training step reads: computed from features, or kept on disk from an earlier time."""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from obftnet.data.episodes import Episode
from obftnet.features.guidance import GuidanceFeatures
from obftnet.files import atomic
from obftnet.loading.features import EpisodeReader
from obftnet.model import OBFTNet
from obftnet.relation.relate import Relation

#: What in a model's configuration does not change its relations.
_NOT_RELATION = {"fusion", "shots_rule", "self_support"}


class Relations:
    """Relations of episodes. With a folder, each is computed once, by whichever run needs it first: runs that
    leave different folds out share their episodes."""

    def __init__(
        self,
        model: OBFTNet,
        reader: EpisodeReader[GuidanceFeatures],
        weights_hash: str,
        folder: Path | None = None,
    ) -> None:
        """`weights_hash`: of the backbone's tensors; it is part of an episode's key."""
        self._model = model
        self._reader = reader
        self._folder = folder
        config = model.config.model_dump(exclude=_NOT_RELATION)
        self._prefix = json.dumps([config, weights_hash], sort_keys=True)

    def get(self, episode: Episode) -> Relation:
        """One episode's relation, b = 1."""
        if self._folder is None:
            return self._compute(episode)
        key = hashlib.sha256((self._prefix + repr(_identity(episode))).encode()).hexdigest()
        path = self._folder / key[:2] / f"{key}.npz"
        levels = _kept(path, len(self._model.levels) + self._model.config.query_skip)
        if levels is None:
            # Half the bytes; every reader of the folder, the first one too, gets the rounded values.
            levels = [level.cpu().numpy().astype(np.float16) for level in self._compute(episode)]
            with atomic(path) as temporary, temporary.open("wb") as file:
                np.savez(file, *levels)
        return tuple(torch.from_numpy(level.astype(np.float32)).to(self._reader.device) for level in levels)

    def _compute(self, episode: Episode) -> Relation:
        query, guidance = self._reader.query(episode.query), self._reader.guidance(episode)
        return self._model.relate(query, guidance)


def _kept(path: Path, count: int) -> list[NDArray[np.float16]] | None:
    """The `count` levels of a file; None where there is no whole one, which is then written anew."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return [kept[f"arr_{index}"] for index in range(count)]
    except FileNotFoundError:
        return None
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None  # cut off by a full disk or a crash: the episode says all that is needed to make it again


def _identity(episode: Episode) -> tuple[object, ...]:
    """What an episode's relation depends on; a file that was written anew is another file."""
    supports = [(_file(s.image), _file(s.mask), s.mask_value) for s in episode.supports]
    backgrounds = [
        (_file(b.sample.image), _file(b.sample.mask), b.window, b.complement) for b in episode.backgrounds
    ]
    return (_file(episode.query.image), supports, backgrounds)


def _file(path: Path | None) -> tuple[str, int, int] | None:
    if path is None:
        return None
    found = path.stat()
    return str(path.resolve()), found.st_size, found.st_mtime_ns
