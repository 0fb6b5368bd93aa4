"""A process that looks, as the server has it."""

from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

from obftnet.children import unsignalled
from obftnet.serving.worker import Message, work


class EndedError(Exception):
    """The process is gone."""


class Child:
    """A process, and a thread that speaks with it: one message at a time."""

    def __init__(self, weights: str | None, device: str, threads: int | None, workers: int) -> None:
        """As `worker.work`."""
        context = get_context("spawn")
        self._connection, there = context.Pipe()
        self.process = context.Process(
            target=work,
            args=(there, weights, device, threads, workers),
            name="obftnet serve worker",
            daemon=True,
        )
        # A supervisor ends a service by a signal to all its processes; this one answers first.
        with unsignalled("SIGINT", "SIGTERM"):
            self.process.start()
        there.close()
        self.thread = ThreadPoolExecutor(1, "serve-worker")
        #: Hashes of the packs that it has; and whether it has had all that there were.
        self.loaded: set[str] = set()
        self.able = False

    def begun(self) -> str:
        """Wait until it can be asked. Returns "", or why it cannot be. Raises EndedError."""
        said: str = self._heard()
        return said

    def ask(self, message: Message) -> Any:
        """What it answers. Raises EndedError where it does not, and never will."""
        try:
            self._connection.send(message)
        except OSError as error:
            self.process.join()
            raise EndedError(self.end) from error
        return self._heard()

    def _heard(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            raise EndedError(self.end) from error

    @property
    def end(self) -> str:
        """How it ended."""
        code = self.process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.join()
        self.thread.shutdown()
        self._connection.close()
