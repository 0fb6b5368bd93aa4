"""The queue, and the processes that take from it."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from obftnet.errors import InputError
from obftnet.serving.child import Child, EndedError
from obftnet.serving.folder import PackFolder, Served
from obftnet.serving.limits import Limits
from obftnet.serving.metrics import Metrics
from obftnet.serving.worker import Asked, Broken, Drop, Load, Look, Message, Refused

#: How many processes may end under an image before it is given up.
_TRIES = 2
#: How many processes in a row may end before they begin, before the server is given up: what ends them, such
#: as too little memory, can pass. Seconds before the next; each pause is twice the one before.
_BEGINNINGS, _PAUSE = 5, 0.2
#: Bytes of images that are in hand at a time; one image may be more.
_IN_HAND = 512 << 20
#: Seconds between two looks into the folder.
EVERY = 1.0


class FullError(Exception):
    """No room for another request. seconds: after which there may be."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class StoppingError(Exception):
    """Nothing new is taken in."""


class LateError(Exception):
    """The time for an answer is over."""


class UnusableError(Exception):
    """The pack cannot be looked at by, for the reason that it has."""


class FailedError(Exception):
    """The server could not look at an image, for the reason that it has."""


@dataclass(eq=False)
class Job:
    """An image in the queue. size: (h, w). deadline, arrived: by the loop's clock."""

    served: Served
    asked: Asked
    size: tuple[int, int]
    arrived: float
    deadline: float
    answer: "asyncio.Future[dict[str, Any] | Refused]"
    tries: int = 0
    begun: float = 0.0

    @property
    def alike(self) -> object:
        """Jobs of which this is equal may be looked at together."""
        return (self.served.sha256, self.size) if not self.tries else id(self)


@dataclass
class _Room:
    taken: int = 0
    bytes: int = 0
    empty: asyncio.Event = field(default_factory=asyncio.Event)


class Pool:
    """Takes images in, as long as there is room, and has processes look at them.

    Requests of one pack and size that come within a few milliseconds are looked at together. A process that
    ends is replaced, and what it was at is looked at once more by another, each image by itself.
    """

    def __init__(
        self,
        folder: PackFolder,
        limits: Limits,
        metrics: Metrics,
        log: Callable[[str], None],
        *,
        workers: int,
        weights: str | None,
        device: str,
        threads: int | None,
    ) -> None:
        """workers: processes. weights, device: as `Segmenter.load`. threads: of each; None for PyTorch's."""
        self.folder, self.limits, self.metrics, self._log = folder, limits, metrics, log
        self._of_child = (weights, device, threads, workers)
        self._count = workers
        self.stopping = False
        self._room = _Room()
        self._room.empty.set()
        self._asked: set[Job] = set()
        self._waiting: list[Job] = []
        self._changed = asyncio.Condition()
        self._children: set[Child] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._pace = 1.0  # seconds an image takes, as of late

    @property
    def able(self) -> int:
        """How many processes can look: they have the packs."""
        return sum(child.able for child in self._children)

    @property
    def why_not(self) -> str:
        """Why no image would be looked at now; "" where one would be."""
        if self.stopping:
            return "the server is stopping"
        if not self.able:
            return "no process is ready yet"
        if not any(one.state == "ready" for one in self.folder.served.values()):
            return f"no pack in {self.folder.path} is ready"
        return ""

    async def run(self) -> None:
        """Look, until cancelled. Raises InputError where no process can."""
        self._tasks = [asyncio.create_task(self._watch())]
        self._tasks += [asyncio.create_task(self._drive()) for _ in range(self._count)]
        try:
            await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            for child in list(self._children):
                child.process.kill()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for job in self._asked:
                _fail(job, UnusableError("the server ended"))

    async def emptied(self, seconds: float) -> None:
        """Wait until all that was taken in is answered, but no longer."""
        self.stopping = True
        async with self._changed:
            self._changed.notify_all()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._room.empty.wait(), seconds)

    @contextmanager
    def admitted(self, size: int) -> Iterator[None]:
        """Room for a request whose body has so many bytes, while the block lasts.

        Raises:
            StoppingError, FullError: there is none.
        """
        if self.stopping:
            raise StoppingError
        room = self._room
        if room.taken >= self.limits.queue or (room.taken and room.bytes + size > _IN_HAND):
            ahead = math.ceil(len(self._waiting) * self._pace / max(1, self._count))
            raise FullError(min(max(ahead, 1), 60))
        room.taken += 1
        room.bytes += size
        room.empty.clear()
        self.metrics.in_hand.set(room.taken)
        try:
            yield
        finally:
            room.taken -= 1
            room.bytes -= size
            self.metrics.in_hand.set(room.taken)
            if not room.taken:
                room.empty.set()

    async def ask(
        self, served: Served, asked: Asked, size: tuple[int, int], deadline: float
    ) -> tuple[dict[str, Any] | Refused, float]:
        """What a process answers, and how long the image waited for one, in seconds.

        Raises:
            LateError, UnusableError, FailedError.
        """
        loop = asyncio.get_running_loop()
        job = Job(served, asked, size, loop.time(), deadline, loop.create_future())
        async with self._changed:
            self._asked.add(job)
            self._waiting.append(job)
            self._changed.notify_all()
        try:
            answer = await asyncio.wait_for(job.answer, max(0.0, deadline - loop.time()))
        except TimeoutError:
            raise LateError from None
        finally:
            self._asked.discard(job)
            if job in self._waiting:
                self._waiting.remove(job)
        return answer, job.begun - job.arrived

    async def _watch(self) -> None:
        """Look into the folder again and again."""
        while True:
            before = self.folder.served
            await asyncio.to_thread(self.folder.look)
            if self.folder.served is not before:
                async with self._changed:
                    self._changed.notify_all()
            await asyncio.sleep(EVERY)

    async def _drive(self) -> None:
        """A process, and the next where it ends."""
        never_began = 0
        while True:
            child = await self._started()
            self._children.add(child)
            try:
                why = await self._speak(child, child.begun)
                if why:
                    raise InputError(why, "device")
                never_began = -1
                await self._feed(child)
            except EndedError as error:
                self._log(f"a process ended ({error}); another begins")
                self.metrics.ended.inc()
                never_began += 1
                if never_began == _BEGINNINGS:
                    raise InputError(
                        f"a process for the work ended before it began ({error}); see that there is memory "
                        "for as many workers, or ask for fewer",
                        "workers",
                    ) from error
                if never_began > 0:
                    await asyncio.sleep(_PAUSE * 2 ** (never_began - 1))
            finally:
                self._children.discard(child)
                self.metrics.workers.set(self.able)
                child.process.kill()
                await asyncio.shield(asyncio.to_thread(child.close))

    async def _started(self) -> Child:
        """A process; where this is cancelled meanwhile, it is ended again."""
        starting = asyncio.create_task(asyncio.to_thread(Child, *self._of_child))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.to_thread((await starting).close)
            raise

    async def _feed(self, child: Child) -> None:
        """Give a process what there is to do, until it ends (EndedError)."""
        while True:
            todo = await self._next(child)
            if isinstance(todo, Load):
                await self._load(child, todo)
            elif isinstance(todo, Drop):
                await self._speak(child, child.ask, todo)
                child.loaded.discard(todo.sha256)
            else:
                await self._look(child, todo)

    async def _next(self, child: Child) -> Load | Drop | list[Job]:
        """What a process is to do next: images first, then packs that it has not."""
        loop = asyncio.get_running_loop()
        async with self._changed:
            while True:
                self._waiting = [job for job in self._waiting if not job.answer.done()]
                self.metrics.waiting.set(len(self._waiting))
                usable = [one for one in self.folder.served.values() if one.state != "refused"]
                wanted = {one.sha256: one for one in usable}
                for one in usable:
                    if one.sha256 in child.loaded:
                        one.state = "ready"
                if wanted.keys() <= child.loaded and not child.able:
                    child.able = True
                    self.metrics.workers.set(self.able)
                wait = None
                if self._waiting:
                    first = self._waiting[0]
                    if first.served.state == "refused":
                        self._waiting.remove(first)
                        _fail(first, UnusableError(first.served.problem))
                        continue
                    if first.served.sha256 not in child.loaded:
                        return Load(first.served.sha256, first.served.pack)
                    alike = [job for job in self._waiting if job.alike == first.alike][: self.limits.batch]
                    wait = first.arrived + self.limits.window - loop.time()
                    if len(alike) == self.limits.batch or wait <= 0 or self.stopping or first.tries:
                        for job in alike:
                            self._waiting.remove(job)
                            job.begun = loop.time()
                        return alike
                else:
                    for stale in child.loaded - wanted.keys():
                        return Drop(stale)
                    for digest, one in wanted.items():
                        if digest not in child.loaded:
                            return Load(digest, one.pack)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), wait)

    async def _load(self, child: Child, load: Load) -> None:
        why = await self._speak(child, child.ask, load)
        if isinstance(why, Broken):
            self._log(why.trace)
            why = "a fault of the program; the log says more"
        waiting = [job.served for job in self._waiting]
        for served in {*self.folder.served.values(), *waiting}:
            if served.sha256 == load.sha256:
                served.state, served.problem = ("refused" if why else "ready"), why
                if why:
                    self._log(f"pack {served.name}: {why}")
        if not why:
            child.loaded.add(load.sha256)

    async def _look(self, child: Child, jobs: list[Job]) -> None:
        loop = asyncio.get_running_loop()
        asked = Look(jobs[0].served.sha256, tuple(job.asked for job in jobs))
        try:
            speaking = asyncio.ensure_future(self._speak(child, child.ask, asked))
            done, _ = await asyncio.wait({speaking}, timeout=max(job.deadline for job in jobs) - loop.time())
            if not done:
                self._log("a process was still at an image whose time was over, and is ended")
                child.process.kill()
            answers = await speaking
        except EndedError as error:
            why = (
                f"{_TRIES} processes ended while they looked at it ({error}); see that there is memory for it"
            )
            self._again(jobs, why)
            raise
        if isinstance(answers, Broken):
            self._log(answers.trace)
            self._again(jobs, "a fault of the program; the log says more")
            return
        self.metrics.batch.observe(len(jobs))
        self._pace += 0.2 * ((loop.time() - jobs[0].begun) / len(jobs) - self._pace)
        for job, answer in zip(jobs, answers, strict=True):
            if not job.answer.done():
                job.answer.set_result(answer)

    def _again(self, jobs: list[Job], why: str) -> None:
        """Have images looked at once more, each by itself; the second time that is its end."""
        for job in reversed(jobs):
            job.tries += 1
            if job.answer.done():
                continue
            if job.tries < _TRIES:
                self._waiting.insert(0, job)
            else:
                _fail(job, FailedError(why))

    async def _speak(self, child: Child, call: Callable[..., Any], *message: Message) -> Any:
        return await asyncio.get_running_loop().run_in_executor(child.thread, call, *message)


def _fail(job: Job, error: Exception) -> None:
    if not job.answer.done():
        job.answer.set_exception(error)
