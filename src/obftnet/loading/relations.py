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
from obftnet.data.hashes import FileHashes
from obftnet.files import atomic
from obftnet.guidance.guidance import Guidance
from obftnet.loading.features import EpisodeReader
from obftnet.model import OBFTNet
from obftnet.relation.relation import Relation, relation_of

#: What in a model's configuration does not change its relations.
_NOT_RELATION = {"fusion", "width", "shots_rule", "self_support", "presence"}


class Relations:
    """Relations of episodes. With a folder, each is computed once, by whichever run needs it first: runs that
    leave different folds out share their episodes."""

    def __init__(
        self,
        model: OBFTNet,
        reader: EpisodeReader[Guidance],
        weights_hash: str,
        hashes: FileHashes,
        folder: Path | None = None,
    ) -> None:
        """`weights_hash`, of the backbone's tensors, and `hashes`, of the data's files, make a key."""
        self._model = model
        self._reader = reader
        self._hashes = hashes
        self._folder = folder
        config = model.config.model_dump(exclude=_NOT_RELATION)
        self._prefix = json.dumps([config, weights_hash], sort_keys=True)

    def get(self, episode: Episode) -> Relation:
        """One episode's relation, b = 1."""
        if self._folder is None:
            return self._compute(episode)
        key = hashlib.sha256((self._prefix + repr(self._identity(episode))).encode()).hexdigest()
        path = self._folder / key[:2] / f"{key}.npz"
        arrays = _kept(path, key, len(self._model.levels) + self._model.changes + self._model.reads_early)
        if arrays is None:
            # Half the bytes; every reader of the folder, the first one too, gets the rounded values.
            arrays = [x.cpu().numpy().astype(np.float16) for x in self._compute(episode).tensors()]
            self._identity(episode)  # raises where a file is no longer what it was
            with atomic(path) as temporary, temporary.open("wb") as file:
                np.savez(file, *arrays, key=np.array(key))
        tensors = [torch.from_numpy(x.astype(np.float32)).to(self._reader.device) for x in arrays]
        # Of one query, so that what is left of the first axis are the shots.
        return relation_of(tensors, len(self._model.levels), len(tensors[0]), self._model.changes)

    def _compute(self, episode: Episode) -> Relation:
        query, guidance = self._reader.query(episode.query), self._reader.guidance(episode)
        return self._model.relate(query, guidance)

    def _identity(self, episode: Episode) -> tuple[object, ...]:
        """What an episode's relation depends on: what its files hold, wherever they lie."""
        supports = [(self._file(s.image), self._file(s.mask), s.mask_value) for s in episode.supports]
        backgrounds = [
            (self._file(b.sample.image), b.window, self._file(b.sample.mask) if b.complement else None)
            for b in episode.backgrounds
        ]
        return (self._file(episode.query.image), supports, backgrounds)

    def _file(self, path: Path | None) -> str | None:
        return None if path is None else self._hashes.of(path)


def _kept(path: Path, key: str, count: int) -> list[NDArray[np.float16]] | None:
    """The `count` levels of a file; None where there is no whole one of this key."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["key"]) != key:
                return None  # under another's name
            return [kept[f"arr_{index}"] for index in range(count)]
    except (
        OSError,
        ValueError,
        NotImplementedError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None  # cut off by a full disk or a crash: the episode says all that is needed to make it again
