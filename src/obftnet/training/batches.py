"""What a step trains on: episodes become a batch of examples and the queries' truth."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from obftnet.data.episodes import Episode
from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError
from obftnet.loading.features import EpisodeReader
from obftnet.loading.relations import Relations
from obftnet.methods.base import Example, Trainable
from obftnet.model import OBFTNet
from obftnet.tensors import mask_fraction
from obftnet.training.augment import flip
from obftnet.training.config import TrainConfig
from obftnet.training.images import load_episode, relations_of
from obftnet.training.steps import side_of

#: (episodes of a step, their random generators, the step) -> examples, and truth (b, H, W) 0 or 1.
Batches = Callable[[Sequence[Episode], Sequence[np.random.Generator], int], tuple[list[Example], Tensor]]


def frozen_batches(
    model: Trainable[Any],
    config: TrainConfig,
    backbone_hash: str,
    hashes: FileHashes,
    cache: Path | None,
    device: torch.device,
) -> Batches:
    """Batches for a frozen backbone: what it computes of a file is kept, and turned over afterwards.

    `hashes`: of the data's files; with a cache, what is kept of an episode goes by them.

    Raises:
        InputError: a cache for a method that has nothing to keep.
    """
    size = (model.size, model.size)
    example_of = _examples(model, backbone_hash, hashes, cache)

    def batch(
        drawn: Sequence[Episode], randoms: Sequence[np.random.Generator], step: int
    ) -> tuple[list[Example], Tensor]:
        examples, targets = [], []
        for episode, rng in zip(drawn, randoms, strict=True):
            example = example_of(episode)
            target = mask_fraction(episode.query.load_mask(), size).round().unsqueeze(0).to(device)
            if config.augment == "flip":
                query, target = flip(example.query, target, rng)
                example = Example(query, example.guidance)
            examples.append(example)
            targets.append(target)
        return examples, torch.cat(targets)

    return batch


def taught_batches(model: OBFTNet, config: TrainConfig, device: torch.device) -> Batches:
    """Batches for a backbone that learns: images seen anew each time, at the step's side."""

    def batch(
        drawn: Sequence[Episode], randoms: Sequence[np.random.Generator], step: int
    ) -> tuple[list[Example], Tensor]:
        side = side_of(config, model.size, step)
        seen = [load_episode(episode, side, rng) for episode, rng in zip(drawn, randoms, strict=True)]
        # A reader must know both: the first look decides what the second one has to go by.
        twice = [model.config.self_support and bool(rng.random() < 0.5) for rng in randoms]
        relations = relations_of(model, seen, getattr(torch, config.precision), twice)
        target = torch.stack([one.target for one in seen]).to(device)
        return [Example(relation) for relation in relations], target

    return batch


def _examples(
    model: Trainable[Any], backbone_hash: str, hashes: FileHashes, cache: Path | None
) -> Callable[[Episode], Example]:
    """The function from an episode to what training reads of it."""
    episodes = EpisodeReader(model)
    if isinstance(model, OBFTNet):
        relations = Relations(model, episodes, backbone_hash, hashes, cache)
        return lambda episode: Example(relations.get(episode))
    if cache is not None:
        raise InputError(
            f"cache {cache}: only obftnet and hsnet have something to keep; leave it out", "cache"
        )
    return lambda episode: model.example(episodes.query(episode.query), episodes.guidance(episode))
