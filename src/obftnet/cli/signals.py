"""SIGINT, SIGTERM and SIGHUP end a command alike, with what is finished left in order."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: A terminal and a supervisor may both pass one wish on; the second must not disturb the end of the first.
_SAME_WISH = 2.0  # seconds
_AT_START = b"obftnet: interrupted before it began\n"


class Signals:
    """What was received, and what the program is at.

    received: number of the signal that ends the command; 0 where none did.
    """

    def __init__(self) -> None:
        self.received = 0
        self._at = 0.0
        self._loading = False
        self._process = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within it a signal raises KeyboardInterrupt. One that whoever started us wants ignored stays so."""
        self.received, self._process = 0, os.getpid()
        earlier = {}
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                earlier[number] = signal.signal(number, self._receive)
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Within it a signal ends the process at once: nothing was begun, and an import that is interrupted
        turns into whatever error it likes."""
        self._loading = True
        try:
            yield
        finally:
            self._loading = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            os._exit(128 + number)  # a forked worker: the parent speaks
        if self.received and time.monotonic() - self._at < _SAME_WISH:
            return
        self.received, self._at = number, time.monotonic()
        if self._loading:
            os.write(2, _AT_START)
            os._exit(128 + number)
        raise KeyboardInterrupt


signals = Signals()
