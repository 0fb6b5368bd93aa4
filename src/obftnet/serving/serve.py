"""`obftnet serve`: a folder of packs, a port, and answers until it is ended."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from obftnet.errors import InputError
from obftnet.serving.app import create_app
from obftnet.serving.folder import PackFolder
from obftnet.serving.limits import Limits
from obftnet.serving.metrics import Metrics
from obftnet.serving.pool import Pool
from obftnet.web.access import is_here, new_token, shown_host
from obftnet.web.listening import listening

#: Processes that look at most: each has the network in its memory.
MOST_WORKERS = 256
#: Seconds that answers on their way may take after the last is made.
_LEAVE = 10


def serve(
    packs: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8766,
    token_file: str | Path | None = None,
    weights: str | Path | None = None,
    device: str = "auto",
    workers: int = 1,
    threads: int | None = None,
    limits: Limits | None = None,
    ready: Callable[[str, str | None], None] | None = None,
    log: Callable[[str], None] | None = None,
) -> None:
    """Judge images by the packs of a folder until SIGTERM or SIGINT: then what was taken in is answered.

    Args:
        packs: folder of packs; each is asked by its file's name, and may come, change and go.
        host: address to listen at. Of any other than this machine's own, everyone needs a token.
        port: 0 for any that is free.
        token_file: file that holds the token, also wanted at this machine's own address then; None for one
            that is made up, and told by `ready`.
        weights: as `Segmenter.load`, for all packs.
        device: as `Segmenter.load`.
        workers: processes that look, each with the network in its memory.
        threads: of each; None for as many as PyTorch takes.
        limits: what is refused.
        ready: told the address, and a token that was made up, when it can be asked.
        log: told a line about each request for an image, and whatever else a person should read.

    Raises:
        InputError: no such folder; a token that is none; the port cannot be had; or no process can look.
        KeyboardInterrupt: a second signal, after which nothing more is answered.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise InputError(f"{workers} workers: 1 to {MOST_WORKERS} processes are wanted", "workers")
    given = None if token_file is None else read_token(token_file)
    log = log or (lambda line: None)
    folder = PackFolder(packs, log)
    with listening(host, port) as place:
        number = place.getsockname()[1]
        token = given or (None if is_here(host) else new_token())
        shown = shown_host(host)
        names = [shown, "localhost", "127.0.0.1"]
        if host in ("0.0.0.0", "::"):
            shown = socket.gethostname()
        address = f"http://{shown}:{number}"
        hosts = [f"{name}:{number}".lower() for name in names]
        folder.look()

        async def run() -> None:
            pool = Pool(
                folder,
                limits or Limits(),
                Metrics(),
                log,
                workers=workers,
                weights=None if weights is None else str(weights),
                device=device,
                threads=threads,
            )
            config = uvicorn.Config(
                create_app(pool, hosts, token, log),
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=_LEAVE,
            )
            if ready is not None:
                ready(address, None if given else token)
            await _run(_Server(config), pool, place, log)

        asyncio.run(run())


def read_token(path: str | Path) -> str:
    """The token in a file, its only line.

    Raises:
        InputError: it cannot be read, or holds no word of 16 letters or more.
    """
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not of plain letters"
        raise InputError(f"{path}: cannot be read ({reason}); a file with a token is wanted") from error
    if len(token) < 16 or not token.isprintable() or " " in token:
        raise InputError(f"{path}: holds no token; one word of 16 letters or more is wanted")
    return token


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are `_signals`': the queue is emptied before this ends."""
        yield


async def _run(server: uvicorn.Server, pool: Pool, place: socket.socket, log: Callable[[str], None]) -> None:
    """Serve until a signal, and then until all is answered."""
    stop, now = asyncio.Event(), asyncio.Event()
    with _signals(stop, now):
        looking = asyncio.create_task(pool.run())
        serving = asyncio.create_task(server.serve(sockets=[place]))
        try:
            await _first(looking, serving, stop.wait())
            if stop.is_set():
                log("stopping: what was taken in is answered, nothing new is taken in")
                await _first(looking, now.wait(), pool.emptied(pool.limits.seconds + _LEAVE))
        finally:
            if now.is_set():
                server.force_exit = True
            server.should_exit = True
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError, InputError):
                await looking
            await serving
        if looking.done() and not looking.cancelled() and (error := looking.exception()) is not None:
            raise error
    if now.is_set():
        raise KeyboardInterrupt


async def _first(*awaited: Awaitable[object]) -> None:
    """Wait for the first of them; coroutines among them are not waited for any longer."""
    tasks = [asyncio.ensure_future(one) for one in awaited]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, one in zip(tasks, awaited, strict=True):
            if task is not one:
                task.cancel()


@contextmanager
def _signals(stop: asyncio.Event, now: asyncio.Event) -> Iterator[None]:
    """Within it the first SIGINT, SIGTERM or SIGHUP sets `stop`, the second `now`."""
    loop = asyncio.get_running_loop()

    def receive(*_: object) -> None:
        loop.call_soon_threadsafe(lambda: (now if stop.is_set() else stop).set())

    earlier = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                earlier[number] = signal.signal(number, receive)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
