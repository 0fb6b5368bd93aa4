"""One line of what was found."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "note", "fails"]


@dataclass(frozen=True)
class Line:
    """One thing that was looked at.

    Attributes:
        name: of the thing.
        state: "ok"; "note": works, and something may be better; "fails": commands will fail by it.
        text: what was found and, unless it is ok, what to do.
    """

    name: str
    state: State
    text: str
