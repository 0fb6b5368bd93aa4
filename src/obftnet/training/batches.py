"""What a step trains on: episodes become a batch of examples and the queries' truth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from obftnet.contract import Trainable, TrainingInput
from obftnet.data.episodes import Episode
from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError
from obftnet.loading.features import EpisodeReader
from obftnet.loading.relations import Relations
from obftnet.model import OBFTNet
from obftnet.relation.relation import Relation
from obftnet.tensors import mask_fraction
from obftnet.training.augment import flip
from obftnet.training.config import TrainConfig
from obftnet.training.images import inputs_of, load_episodes
from obftnet.training.steps import side_of

#: (a step's episodes by their guidance, random generators, the step) -> inputs, and truth (b, H, W) 0 or 1.
Batches = Callable[
    [Sequence[Sequence[Episode]], Sequence[np.random.Generator], int], tuple[list[TrainingInput], Tensor]
]


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
    input_of = _inputs(model, backbone_hash, hashes, cache)

    def batch(
        drawn: Sequence[Sequence[Episode]], randoms: Sequence[np.random.Generator], step: int
    ) -> tuple[list[TrainingInput], Tensor]:
        inputs, targets = [], []
        for (episode,), rng in zip(drawn, randoms, strict=True):
            one = input_of(episode)
            target = mask_fraction(episode.query.load_mask(), size).round().unsqueeze(0).to(device)
            if config.augment == "flip":
                query, target = flip(one.query, target, rng)
                one = replace(one, query=query)
            inputs.append(one)
            targets.append(target)
        return inputs, torch.cat(targets)

    return batch


def taught_batches(model: OBFTNet, config: TrainConfig, device: torch.device) -> Batches:
    """Batches for a backbone that learns: images seen anew each time, at the step's side."""

    def batch(
        drawn: Sequence[Sequence[Episode]], randoms: Sequence[np.random.Generator], step: int
    ) -> tuple[list[TrainingInput], Tensor]:
        side = side_of(config, model.size, step)
        seen = [load_episodes(episodes, side, rng) for episodes, rng in zip(drawn, randoms, strict=True)]
        # A reader must know both: the first look decides what the second one has to go by.
        twice = [model.looks_twice and bool(rng.random() < 0.5) for rng in randoms]
        inputs = inputs_of(model, seen, getattr(torch, config.precision), twice)
        return inputs, torch.cat([one.target for one in seen]).to(device)

    return batch


def _inputs(
    model: Trainable[Any], backbone_hash: str, hashes: FileHashes, cache: Path | None
) -> Callable[[Episode], TrainingInput]:
    """The function from an episode to what training reads of it."""
    episodes = EpisodeReader(model)
    if isinstance(model, OBFTNet):
        relations = Relations(model, episodes, backbone_hash, hashes, cache)
        return lambda episode: _of_relation(relations.get(episode))
    if cache is not None:
        raise InputError(
            f"cache {cache}: only obftnet and hsnet have something to keep; leave it out", "cache"
        )
    return lambda episode: model.training_input(episodes.query(episode.query), episodes.guidance(episode))


def _of_relation(relation: Relation) -> TrainingInput:
    return TrainingInput(relation.tensors(), shots=relation.shots)
