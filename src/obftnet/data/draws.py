"""Random choices that are a pure function of a key: the same on every machine, version and run."""

import hashlib
import json
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """A stream of choices that its key alone decides.

    Only `random.Random(int).random()` is used, which Python promises to keep; the streams of its other
    methods, and of NumPy's Generator, may change with the version.

    Args:
        key: strings and integers that name the stream.
    """

    def __init__(self, *key: str | int) -> None:
        digest = hashlib.sha256(json.dumps(key).encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:16], "big"))

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    def one(self, items: Sequence[T]) -> T:
        """One of the items, each equally likely."""
        return items[int(self._random.random() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All the items in random order."""
        rest = list(items)
        for i in range(len(rest) - 1):
            j = i + int(self._random.random() * (len(rest) - i))
            rest[i], rest[j] = rest[j], rest[i]
        return rest
