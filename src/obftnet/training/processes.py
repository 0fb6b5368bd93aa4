"""The processes that torchrun started, as it says in the environment."""

import os
from typing import NamedTuple

from obftnet.errors import InputError

_STARTED = "start with torchrun, or without these variables"


class Processes(NamedTuple):
    """rank: of this process, from 0. world: how many there are. local: rank on this machine."""

    rank: int
    world: int
    local: int


def processes() -> Processes:
    """What torchrun says; one process where it did not start this one.

    Raises:
        InputError: the variables do not say that.
    """
    rank, count = _number("RANK", 0), _number("WORLD_SIZE", 1)
    if not rank < count:
        raise InputError(f"RANK {rank} and WORLD_SIZE {count}: a rank below the size is wanted; {_STARTED}")
    if count > 1:
        if not os.environ.get("MASTER_ADDR"):
            raise InputError(f"WORLD_SIZE {count}: MASTER_ADDR says no machine to meet on; {_STARTED}")
        port = _number("MASTER_PORT", 0)
        if not 0 < port < 65536:
            raise InputError(f"MASTER_PORT {port}: not a port, 1 to 65535; {_STARTED}")
    return Processes(rank, count, _number("LOCAL_RANK", 0))


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or (
        name == "WORLD_SIZE" and int(text) < 1
    ):
        raise InputError(f"{name} {text!r}: not a number of a process; {_STARTED}")
    return int(text)
