"""Which episodes a step trains on: a pure function of (seed, step, slot)."""

from collections.abc import Mapping, Sequence

import numpy as np

from obftnet.data.collection import Collection
from obftnet.data.episodes import Episode, draw_fold, train_episode
from obftnet.training.config import TrainConfig


def episode_of(
    collection: Collection, folds: Mapping[str, Sequence[str]], config: TrainConfig, step: int, slot: int
) -> Episode:
    """The episode in one slot of one step's batch; folds are drawn equally often.

    With `config.episodes` = E > 0 each fold has E distinct episodes, the same in every run that trains on it.
    """
    fold = draw_fold(sorted(folds), seed=config.seed, step=step, slot=slot)
    index = step * config.batch + slot
    if config.episodes:
        index = int(np.random.default_rng([config.seed, step, slot, 1]).integers(config.episodes))
    return train_episode(
        collection,
        fold,
        folds[fold],
        seed=config.seed,
        index=index,
        shots=config.shots,
        backgrounds=config.backgrounds,
        good_fraction=config.good_fraction,
        background_source=config.background_source,
    )


def learning_rate(config: TrainConfig, step: int) -> float:
    """Rate of a step, 0-based; "cosine" and "poly" end at 0 after the last step."""
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "poly":
        return float(config.lr * (1 - step / config.steps) ** 0.9)
    if config.schedule == "thirds":
        return config.lr * 0.1 ** (3 * step // config.steps)
    return float(config.lr * 0.5 * (1 + np.cos(np.pi * step / config.steps)))
