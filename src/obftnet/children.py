"""Processes that this one starts: they end with it, and hear no signals that are meant for it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """To be called in a process that was started: it ends at once where the one ends that started it."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def unsignalled(*names: str) -> Iterator[None]:
    """Processes that are started within never hear of these signals (`"SIGINT"`), which may be sent to all
    processes of a terminal or a service at once: whoever started them ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in names})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
