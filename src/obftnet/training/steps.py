"""Which episodes a step trains on: a pure function of (seed, step, slot)."""

from collections.abc import Mapping, Sequence

import numpy as np

from obftnet.data.collection import Collection
from obftnet.data.episodes import Episode, draw_fold, more_queries, train_episode
from obftnet.training.config import TrainConfig
from obftnet.training.streams import stream


def episodes_of(
    collection: Collection, folds: Mapping[str, Sequence[str]], config: TrainConfig, step: int, slot: int
) -> list[Episode]:
    """The episodes in one slot of one step's batch, up to `config.queries` that share their guidance; folds
    are drawn equally often.

    With `config.episodes` = E > 0 each fold has E distinct episodes, the same in every run that trains on it.
    """
    fold = draw_fold(sorted(folds), seed=config.seed, step=step, slot=slot)
    index = step * config.batch + slot
    if config.episodes:
        index = int(stream("episode", config.seed, step, slot).integers(config.episodes))
    shots, backgrounds = config.shots, config.backgrounds
    if config.varied_shots:
        rng = stream("shots", config.seed, index)
        if rng.random() < 0.5:
            shots = backgrounds = 1
        else:
            shots = int(rng.integers(1, shots + 1))
            backgrounds = int((backgrounds + 1) ** rng.random())
    episode = train_episode(
        collection,
        fold,
        folds[fold],
        seed=config.seed,
        index=index,
        shots=shots,
        backgrounds=backgrounds,
        good_fraction=config.good_fraction,
        background_source=config.background_source,
    )
    more = more_queries(collection, episode, fold, config.queries - 1, good_fraction=config.good_fraction)
    return [episode, *more]


def learning_rate(config: TrainConfig, step: int, peak: float | None = None) -> float:
    """Rate of a step, 0-based, from `peak` (default lr) on; "cosine" and "poly" end at 0 after the last."""
    peak = config.lr if peak is None else peak
    if config.schedule == "constant":
        return peak
    if config.schedule == "poly":
        return float(peak * (1 - step / config.steps) ** 0.9)
    if config.schedule == "thirds":
        return peak * 0.1 ** (3 * step // config.steps)
    cosine = float(peak * 0.5 * (1 + np.cos(np.pi * step / config.steps)))
    return cosine * min(1, (step + 1) / (config.steps / 10)) if config.schedule == "warm_cosine" else cosine


def side_of(config: TrainConfig, size: int, step: int) -> int:
    """Side of a step's images, pixels: `size`, or drawn from `config.smallest` up to it in steps of 64.

    The chance of a side falls with its fourth power: a step costs as its square, and most of what there is to
    learn is learnt from small ones.
    """
    sides = np.array(sides_of(config, size))
    chances = (sides / size) ** -4.0
    return int(stream("side", config.seed, step).choice(sides, p=chances / chances.sum()))


def sides_of(config: TrainConfig, size: int) -> range:
    """The sides that `side_of` draws from, the largest first."""
    smallest = config.smallest if 0 < config.smallest < size else size
    return range(size, smallest - 1, -64)
