"""Warnings of ours as lines a person reads."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from obftnet.cli.terminal import note
from obftnet.errors import InputWarning


@contextmanager
def input_warnings() -> Iterator[None]:
    """Each InputWarning in the block is one line on standard error, once; other warnings are as they were."""
    told = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", InputWarning)
        other = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, InputWarning):
                other(message, category, *place, **more)
            elif str(message) not in told:
                told.add(str(message))
                note(str(message))

        warnings.showwarning = show
        yield
