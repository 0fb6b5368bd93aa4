"""What becomes of a thing in a data folder that cannot be used: it ends the reading, or it is listed."""

from collections.abc import Callable
from typing import TypeAlias

from obftnet.errors import InputError

Report: TypeAlias = Callable[[InputError], None]
"""Called with what cannot be used; where it returns, reading goes on with the rest."""


def refuse(error: InputError) -> None:
    """The first thing that cannot be used ends the reading."""
    raise error
