"""The random streams of training, each a pure function of its name and a key: no state has to be kept."""

from typing import Literal

import numpy as np

Stream = Literal["episode", "augmentation", "held_out", "pairs", "positions", "shots", "dropout", "side"]

#: The last number of a stream's key. Two may share one where their keys differ in length.
_NUMBER: dict[Stream, int] = {
    "episode": 1,
    "augmentation": 2,
    "held_out": 3,
    "pairs": 4,
    "positions": 5,
    "shots": 6,
    "dropout": 6,
    "side": 7,
}


def stream(name: Stream, *key: int) -> np.random.Generator:
    """A generator that the stream's name and the key (seed, then step, slot and the like) decide."""
    return np.random.default_rng([*key, _NUMBER[name]])
