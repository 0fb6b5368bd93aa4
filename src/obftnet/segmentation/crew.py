"""Who does the work of a job: the job's own process, or workers elsewhere, each with a network of its own."""

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from obftnet.data.hashes import FileHashes
from obftnet.errors import InputError, InputWarning
from obftnet.segmentation.decider import Decider, RefusedError
from obftnet.segmentation.guided import Guided, Predicts
from obftnet.segmentation.record import Entry
from obftnet.segmentation.work import Task, do

Done: TypeAlias = tuple[Task, Entry | RefusedError]
Begun: TypeAlias = Callable[[Task], None]
Tell: TypeAlias = Callable[[str], None]
#: What a worker says, or is said of it: which kind of message; what (bits, what came of a task, why it cannot
#: go on, how it ended); lines for a person.
Message: TypeAlias = tuple[Literal["waiting", "ready", "done", "failed", "broken", "ended"], Any, list[str]]


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


class Bench:
    """A worker's side of the work, wherever it is: what it has, and what it says of each thing it is asked.

    What it says to be "failed" (an InputError) or "broken" (a traceback) stops all tasks.
    """

    def __init__(self, order: Order) -> None:
        """By an order; nothing is loaded yet."""
        self._order = order
        self._segmenter: Predicts | None = None
        self._bits = order.bits

    def begin(self) -> Message:
        """Load the network: "ready", with the bits of `Crew`."""
        return self._said("ready", self._begun)

    def do(self, task: Task) -> Message:
        """Do a task: "done", with its entry, or the RefusedError."""
        return self._said(
            "done", lambda: _outcome(task, self._order.decider, self._bits, self._segmenter, FileHashes())
        )

    def _begun(self) -> int | None:
        self._segmenter = self._order.segmenter(FileHashes())
        if self._segmenter is not None:
            self._bits = self._segmenter.bits
        return self._bits

    @staticmethod
    def _said(message: Literal["ready", "done"], work: Callable[[], Any]) -> Message:
        said: list[str] = []
        try:
            with telling(said.append):
                what = work()
        except InputError as error:
            return "failed", error, said
        except Exception:
            return "broken", traceback.format_exc(), said
        return message, what, said


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
