"""Workers: each has one image at a time and writes its results.

That an image is done is noted by the job's process alone. Where workers are is `Place`'s: processes of this
machine (`processes`), or of a Ray cluster (`on_ray`).
"""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Protocol

from obftnet.errors import InputError
from obftnet.segmentation.crew import Begun, Done, Tell
from obftnet.segmentation.decider import RefusedError
from obftnet.segmentation.record import Entry
from obftnet.segmentation.work import Task

#: How many workers may end under an image before it is refused, or before they begin before the job ends.
_TRIES = 2


class Hand(Protocol):
    """A worker as it is reached.

    connection: tasks go out by it, `crew.Message` comes back; its end is the worker's.
    """

    connection: Connection

    def kill(self) -> None:
        """End it at once. An image that it is at is left as it was."""

    def end(self) -> str:
        """How it ended, once it has: waits for that."""


class Place(Protocol):
    """Where workers are: a block, which ends what is left of them."""

    def __enter__(self) -> object:
        """Raises InputError where there can be none."""

    def __exit__(self, *error: object) -> None:
        """End what is left."""

    def start(self) -> Hand:
        """Another worker; its first message says whether it has the network."""


class Workers:
    """Several workers of a place, which end with the block."""

    def __init__(self, place: Place, count: int, tell: Tell) -> None:
        """`count` of them."""
        self._place, self._count, self._tell = place, count, tell
        self._all: list[_Worker] = []
        self.bits: int | None = None

    def __enter__(self) -> "Workers":
        """Start them, and wait for the first that has the network.

        Raises:
            InputError: as `Order.segmenter`, or a worker ended before it had it.
        """
        self._place.__enter__()
        try:
            self._all = [_Worker(self._place.start()) for _ in range(self._count)]
            while not any(worker.ready for worker in self._all):
                for worker in self._heard():
                    if not self._received(worker):
                        raise _no_worker(worker)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End them. An image that one is at is left as it was."""
        for worker in self._all:
            worker.hand.kill()
        for worker in self._all:
            worker.hand.end()
            worker.hand.connection.close()
        self._all = []
        self._place.__exit__(*error)

    def go_through(self, tasks: Iterable[Task], begun: Begun) -> Iterator[Done]:
        """As `Crew`, in the order in which they are done.

        Where a worker ends under an image, another looks at it; where that ends, too, the image is refused.
        One that ends before it has begun is replaced once.
        """
        waiting = deque(tasks)
        ended: dict[str, int] = {}
        never_began = 0

        def feed() -> None:
            for worker in self._all:
                if waiting and worker.ready and worker.task is None:
                    task = waiting.popleft()
                    if task.name not in ended:
                        begun(task)
                    worker.give(task)

        feed()
        while waiting or any(worker.task is not None for worker in self._all):
            for worker in self._heard():
                task = worker.task
                if self._received(worker):
                    if worker.outcome is not None and task is not None:
                        yield task, worker.outcome
                        worker.outcome = None
                    continue
                if not worker.ready:
                    never_began += 1
                    if never_began == _TRIES:
                        raise _no_worker(worker)
                self._replace(worker)
                if task is not None:
                    ended[task.name] = ended.get(task.name, 0) + 1
                    if ended[task.name] < _TRIES:
                        waiting.appendleft(task)
                        continue
                    yield (
                        task,
                        RefusedError(
                            f"{task.query}: {_TRIES} processes ended while they looked at it "
                            f"({worker.ended}); see that there is memory for it"
                        ),
                    )
            feed()

    def _heard(self) -> "list[_Worker]":
        """The workers that have something to say, or ended; there is one at least."""
        heard = wait([worker.hand.connection for worker in self._all])
        return [worker for worker in self._all if worker.hand.connection in heard]

    def _received(self, worker: "_Worker") -> bool:
        """Take in what a worker says; False where it has ended.

        Raises InputError where it cannot go on, and nor can the others.
        """
        try:
            message, what, said = worker.hand.connection.recv()
        except (EOFError, OSError):
            worker.ended = worker.hand.end()
            return False
        for line in said:
            self._tell(line)
        if message == "failed":
            raise what
        if message == "broken":
            raise RuntimeError(f"a worker's error:\n{what}")
        if message == "ended":
            worker.ended = what
            return False
        if message == "ready":
            worker.ready, self.bits = True, what
        elif message == "done":
            worker.task, worker.outcome = None, what
        return True

    def _replace(self, worker: "_Worker") -> None:
        worker.hand.connection.close()
        self._all[self._all.index(worker)] = _Worker(self._place.start())


@dataclass(eq=False)
class _Worker:
    """A worker, and what is known of it. outcome: of the task that it has just done. ended: how it did."""

    hand: Hand
    ready: bool = False
    task: Task | None = None
    outcome: Entry | RefusedError | None = None
    ended: str = ""

    def give(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # it has ended, which is heard next
            self.hand.connection.send(task)


def _no_worker(worker: _Worker) -> InputError:
    return InputError(
        f"a process for the work ended before it began ({worker.ended}); see that there is memory for as "
        "many workers, or ask for fewer",
        "workers",
    )
