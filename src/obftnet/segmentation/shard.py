"""A job in parts that many machines do, each for itself."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from obftnet.errors import InputError

_MOST = 1_000_000


@dataclass(frozen=True)
class Shard:
    """Part `number` of `count`, from 1.

    >>> Shard.of("3/16").folder
    'shard-00003-of-00016'
    """

    number: int
    count: int

    @classmethod
    def of(cls, text: str) -> Self:
        """A shard by its words, `3/16`. Raises InputError where they are none."""
        found = re.fullmatch(r"(\d{1,7})/(\d{1,7})", text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count <= _MOST:
            raise InputError(f"shard {text!r}: part i of n as i/n is wanted, from 1/n to n/n", "shard")
        return cls(number, count)

    @property
    def folder(self) -> str:
        """What the folder of its results is called."""
        return f"shard-{self.number:05}-of-{self.count:05}"

    def has(self, name: str) -> bool:
        """Whether a file of this name (folders by slashes) is in it. Of all shards of a count one has it."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1
