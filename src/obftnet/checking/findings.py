"""What was found, in the words of the library's own errors and warnings."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from obftnet.errors import InputError, InputWarning, printable

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called with (looked at, all, name of the next file)."""


@dataclass(frozen=True)
class Finding:
    """One line about a file or folder.

    text: names it, what was found and what would do. refused: it cannot be used; else it is a note.
    """

    text: str
    refused: bool


class Findings:
    """What was found, each once."""

    def __init__(self) -> None:
        self._found: dict[str, Finding] = {}

    def refuse(self, error: InputError) -> None:
        """Something cannot be used: a `Report` of a layout."""
        self._add(str(error), refused=True)

    def note(self, text: str) -> None:
        """Something is likely not meant."""
        self._add(text, refused=False)

    @contextmanager
    def listed(self) -> Iterator[None]:
        """What the block raises and warns of is listed; an InputError ends the block and no more."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", InputWarning)
            other = warnings.showwarning

            def show(message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
                if issubclass(category, InputWarning):
                    self.note(str(message))
                else:
                    other(message, category, *place, **more)  # type: ignore[arg-type]

            warnings.showwarning = show
            try:
                yield
            except InputError as error:
                self.refuse(error)

    def all(self) -> tuple[Finding, ...]:
        """What was found, file by file: a text begins with its file's name."""
        return tuple(self._found[text] for text in sorted(self._found))

    def _add(self, text: str, refused: bool) -> None:
        text = printable(text)
        if text not in self._found or refused:
            self._found[text] = Finding(text, refused)
