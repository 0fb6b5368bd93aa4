"""Who does the work of a job: its own process, or several that each have the network.

A worker has one image at a time and writes its results; that it is done is noted by the job's process alone.
Workers end with that process, however it ends.
"""

import contextlib
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal, Protocol, TypeAlias

from obftnet.children import end_with_parent, unsignalled
from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError, InputWarning
from obftnet.segmentation.decider import Decider, RefusedError
from obftnet.segmentation.guided import Guided, Predicts
from obftnet.segmentation.record import Entry
from obftnet.segmentation.work import Task, do

#: How many processes may end under an image before it is refused, or before they begin before the job ends.
_TRIES = 2

Done: TypeAlias = tuple[Task, Entry | RefusedError]
Begun: TypeAlias = Callable[[Task], None]
Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What a process needs for the work.

    guided: by what images are looked at. network: whether it is wanted. weights_sha256, guidance_sha256: of
    what was recorded. decider: by which results are made. bits: of samples stored in 16, where there is no
    network that says.
    """

    guided: Guided
    network: bool
    weights_sha256: str
    guidance_sha256: str
    decider: Decider
    bits: int | None

    def segmenter(self, hashes: FileHashes) -> Predicts | None:
        """The network, fitted, where it is wanted; what of its files was hashed is still as it was.

        Raises:
            InputError: as `Guided.segmenter`; or it was made of other files than were recorded.
        """
        if not self.network:
            return None
        segmenter = self.guided.segmenter()
        hashes.check()
        if self.guided.record(hashes).sha256 != self.guidance_sha256:
            raise InputError("the guidance changed while it was read; run again when it is whole")
        if segmenter.weights_hash != self.weights_sha256:
            raise InputError("the weights changed while they were read; run again when they are whole")
        return segmenter


class Crew(Protocol):
    """Who does the work. bits: of samples stored in 16, None where the guidance has no such."""

    bits: int | None

    def go_through(self, tasks: Iterable[Task], begun: Begun) -> Iterator[Done]:
        """Do the tasks and yield each as it is done; `begun` is called as one begins.

        Raises:
            InputError: results cannot be written.
        """


class Alone:
    """The job's own process."""

    def __init__(self, order: Order, tell: Tell, hashes: FileHashes) -> None:
        """Load the network. Raises InputError as `Order.segmenter`."""
        self._order, self._tell, self._hashes = order, tell, hashes
        with telling(tell):
            self._segmenter = order.segmenter(hashes)
        self.bits = order.bits if self._segmenter is None else self._segmenter.bits

    def go_through(self, tasks: Iterable[Task], begun: Begun) -> Iterator[Done]:
        """As `Crew`, in order."""
        for task in tasks:
            begun(task)
            with telling(self._tell):
                outcome = _outcome(task, self._order.decider, self.bits, self._segmenter, self._hashes)
            yield task, outcome


class Workers:
    """Processes of their own, which end with the block."""

    def __init__(self, order: Order, count: int, tell: Tell) -> None:
        """`count` of them."""
        self._order, self._count, self._tell = order, count, tell
        self._all: list[_Worker] = []
        self.bits = order.bits

    def __enter__(self) -> "Workers":
        """Start them, and wait for the first that has the network.

        Raises:
            InputError: as `Order.segmenter`, or a process ended before it had it.
        """
        try:
            self._all = [self._start() for _ in range(self._count)]
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
            worker.process.kill()
        for worker in self._all:
            worker.process.join()
            worker.connection.close()
        self._all = []

    def go_through(self, tasks: Iterable[Task], begun: Begun) -> Iterator[Done]:
        """As `Crew`, in the order in which they are done.

        Where a process ends under an image, another looks at it; where that ends, too, the image is refused.
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
                            f"({worker.end}); see that there is memory for it"
                        ),
                    )
            feed()

    def _heard(self) -> "list[_Worker]":
        """The workers that have something to say, or ended; there is one at least."""
        heard = wait([worker.connection for worker in self._all])
        return [worker for worker in self._all if worker.connection in heard]

    def _received(self, worker: "_Worker") -> bool:
        """Take in what a worker says; False where it has ended.

        Raises InputError where it cannot go on, and nor can the others.
        """
        try:
            message, what, said = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join()
            return False
        for line in said:
            self._tell(line)
        if message == "failed":
            raise what
        if message == "broken":
            raise RuntimeError(f"a worker's error:\n{what}")
        if message == "ready":
            worker.ready, self.bits = True, what
        else:
            worker.task, worker.outcome = None, what
        return True

    def _replace(self, worker: "_Worker") -> None:
        worker.connection.close()
        self._all[self._all.index(worker)] = self._start()

    def _start(self) -> "_Worker":
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(
            target=_serve, args=(self._order, there), name="obftnet worker", daemon=True
        )
        with unsignalled("SIGINT"):
            process.start()
        there.close()
        return _Worker(process, here)


@dataclass(eq=False)
class _Worker:
    """A process, and what is known of it. outcome: of the task that it has just done."""

    process: BaseProcess
    connection: Connection
    ready: bool = False
    task: Task | None = None
    outcome: Entry | RefusedError | None = None

    def give(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # it has ended, which is heard next
            self.connection.send(task)

    @property
    def end(self) -> str:
        code = self.process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"


def _no_worker(worker: _Worker) -> InputError:
    return InputError(
        f"a process for the work ended before it began ({worker.end}); see that there is memory for as many "
        "workers, or ask for fewer",
        "workers",
    )


def _serve(order: Order, connection: Connection) -> None:
    """A worker's life."""
    end_with_parent()
    said: list[str] = []

    def say(message: Literal["ready", "done", "failed", "broken"], what: Any) -> None:
        connection.send((message, what, list(said)))
        said.clear()

    try:
        with telling(said.append):
            segmenter = order.segmenter(FileHashes())
        bits = order.bits if segmenter is None else segmenter.bits
        say("ready", bits)
        while True:
            task = connection.recv()
            with telling(said.append):
                outcome = _outcome(task, order.decider, bits, segmenter, FileHashes())
            say("done", outcome)
    except EOFError:
        return
    except InputError as error:
        say("failed", error)
    except Exception:
        say("broken", traceback.format_exc())


@contextmanager
def telling(tell: Tell) -> Iterator[None]:
    """Warnings of what is likely a mistake are told; others are not the user's."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        try:
            yield
        finally:
            for warning in caught:
                if issubclass(warning.category, InputWarning):
                    tell(str(warning.message))


def _outcome(
    task: Task, decider: Decider, bits: int | None, segmenter: Predicts | None, hashes: FileHashes
) -> Entry | RefusedError:
    try:
        return do(task, decider, bits, segmenter, hashes)
    except RefusedError as refusal:
        return refusal
