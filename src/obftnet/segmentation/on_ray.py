"""Workers that are actors of a Ray cluster, or of one that is started for the job on this machine.

Ray starts them, says which of them ended, and carries bytes; tasks, results and what is noted of them are the
job's own, as with processes. Its driver is a process of its own, the foreman: Ray prints, handles signals and
reads environments as it likes, which is not the job's. Tasks reach a worker by a connection to the foreman,
which is closed where the worker ends.
"""

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Client, Connection, Listener
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from pickle import loads
from typing import Any

from obftnet.children import end_with_parent, unsignalled
from obftnet.errors import InputError
from obftnet.files import mark
from obftnet.segmentation.crew import Bench, Message, Order
from obftnet.version import __version__

#: Address of a cluster of this machine alone, which lasts as long as the job.
LOCAL = "local"
#: Seconds after which it is said that there is no room for a worker, or that the foreman does not end.
_PATIENCE = 30.0
#: How often a cluster of the job's own is started before it is given up.
_STARTS = 3
#: Of the store that Ray shares objects in: the least that it takes, as nothing is put there.
_STORE = 80 << 20


@dataclass(frozen=True)
class Cluster:
    """Where Ray is, and what each worker asks of it.

    address: `LOCAL`, "auto" for the cluster that this machine belongs to, or "host:port" of that. gpus: of
    each worker, 0 or 1.
    """

    address: str
    gpus: int = 0

    def check(self) -> None:
        """Raises InputError where there is no Ray here, or no such address."""
        if find_spec("ray") is None:
            raise InputError("Ray is not installed; pip install 'obftnet[ray]'", "ray")
        host, _, port = self.address.rpartition(":")
        if self.address not in (LOCAL, "auto") and not (host and port.isdecimal() and "/" not in host):
            raise InputError(
                f"{self.address!r}: no address of a Ray cluster; local, auto or HOST:PORT is wanted", "ray"
            )


class OnRay:
    """As `workers.Place`."""

    def __init__(self, cluster: Cluster, order: Order, count: int) -> None:
        """For `count` workers, each of which has the order and as many processors as it has threads."""
        self._cluster, self._order = cluster, order
        self._processors = max(1, order.guided.threads or 1)
        self._all = self._processors * count
        self._block = contextlib.ExitStack()
        self._key = os.urandom(32)
        self._reached: Any = None
        self._begin: Any = None

    def __enter__(self) -> "OnRay":
        """Reach the cluster. Raises InputError where it cannot be, or results cannot be written."""
        with contextlib.ExitStack() as block:
            self._begin = (
                __version__,
                str(Path.cwd()),
                str(block.enter_context(mark(self._order.decider.out)).absolute()),
                bytes(ForkingPickler.dumps(self._order)),
            )
            folder = None
            if self._cluster.address == LOCAL:
                # Short: Ray puts sockets in it, whose paths a system cuts.
                short = "/tmp" if os.name == "posix" else None
                folder = tempfile.mkdtemp(prefix="obftnet-ray-", dir=short)
                block.callback(shutil.rmtree, folder, ignore_errors=True)
            context = get_context("spawn")
            here, there = context.Pipe()
            foreman = context.Process(
                target=_lead,
                args=(there, self._key, self._cluster, self._processors, self._all, folder),
                name="obftnet foreman",
            )
            with unsignalled("SIGINT", "SIGTERM"):
                foreman.start()
            there.close()

            def end() -> None:
                here.close()
                foreman.join(_PATIENCE)
                foreman.kill()
                foreman.join()

            block.callback(end)
            try:
                self._reached = here.recv()
            except EOFError as error:
                raise _no_foreman() from error
            if isinstance(self._reached, InputError):
                raise self._reached
            self._block = block.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """As `Place`."""
        self._block.close()

    def start(self) -> "Reached":
        """As `Place`."""
        try:
            connection = Client(self._reached, authkey=self._key)
            connection.send(self._begin)
        except OSError as error:
            raise _no_foreman() from error
        return Reached(connection)


class Reached:
    """As `workers.Hand`."""

    def __init__(self, connection: Connection) -> None:
        """By a connection to the foreman."""
        self.connection = connection

    def kill(self) -> None:
        """As `Hand`: the foreman ends with the place, and it with the foreman."""

    def end(self) -> str:
        """As `Hand`: a worker's end is a message."""
        return "the process that speaks with Ray ended"


def _no_foreman() -> InputError:
    return InputError("the process that speaks with Ray ended; see that there is memory for it", "ray")


def _lead(
    job: Connection, key: bytes, cluster: Cluster, processors: int, all_: int, folder: str | None
) -> None:
    """The foreman's life: the address at which workers are asked for, or an InputError, goes to the job."""
    end_with_parent()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):  # those of Ray's own processes, too
        os.dup2(nowhere, stream)
    here: dict[str, Any] = {}
    if cluster.address == LOCAL:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        here = {"num_cpus": all_, "object_store_memory": _STORE, "_temp_dir": folder}
        here |= {"include_dashboard": False} | ({} if cluster.gpus else {"num_gpus": 0})
    try:
        import ray

        _reach(cluster.address, here)
        worker = ray.remote(num_cpus=processors, num_gpus=cluster.gpus, max_restarts=0, max_task_retries=0)(
            Actor
        )
        listener = Listener(authkey=key)
    except Exception as error:
        job.send(InputError(f"Ray at {cluster.address!r} cannot be used ({_first_line(error)})", "ray"))
        return

    def listen() -> None:
        while True:
            connection = listener.accept()
            threading.Thread(target=_relay, args=(connection, worker), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    job.send(listener.address)
    with contextlib.suppress(EOFError):
        job.recv()
    ray.shutdown()
    listener.close()
    os._exit(0)  # threads that wait for a worker wait for ever now


def _reach(address: str, here: dict[str, Any]) -> None:
    """Connect to the cluster; `here`: how it is started, where it is the job's own."""
    import ray

    host, _, port = address.rpartition(":")
    if host:  # Ray itself goes on trying for minutes
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    for left in reversed(range(_STARTS if here else 1)):
        try:
            ray.init(address=address, log_to_driver=False, **here)
            return
        except Exception:
            # Of its own processes Ray waits 30 s for, whatever else the machine has to do.
            ray.shutdown()
            if not left:
                raise


def _relay(connection: Connection, worker: Any) -> None:
    """One worker's life, in a thread of the foreman: bytes to it and back, until one of the two ends."""
    import ray

    actor = worker.remote()
    try:
        begun = actor.begin.remote(*connection.recv())
        while not ray.wait([begun], timeout=_PATIENCE)[0]:
            line = "a worker waits for Ray to begin it; see that the cluster has processors for so many"
            connection.send(_message("waiting", None, [line]))
        connection.send_bytes(ray.get(begun))
        while True:
            connection.send_bytes(ray.get(actor.do.remote(connection.recv_bytes())))
    except (EOFError, ConnectionError):
        pass  # the job wants it no more
    except Exception as error:
        with contextlib.suppress(OSError):
            connection.send(_message("ended", _first_line(error), []))
    finally:
        with contextlib.suppress(Exception):
            ray.kill(actor)
        connection.close()


def _message(kind: Any, what: Any, said: list[str]) -> Message:
    return kind, what, said


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".:")[:160]


class Actor:
    """A worker as Ray has it."""

    def __init__(self) -> None:
        """With nothing yet."""
        self._bench: Bench | None = None
        self._mark = Path()

    def begin(self, version: str, folder: str, mark: str, order: bytes) -> bytes:
        """As `Bench.begin`, where this machine sees the job's folders and has its version of obftnet."""
        node, self._mark = socket.gethostname(), Path(mark)
        if version != __version__:
            return _failed(f"obftnet {__version__} on {node}, the job has {version}; install one version")
        try:
            os.chdir(folder)
        except OSError:
            return _failed(
                f"{folder}: not there on {node}; start the job in a folder that all machines of the cluster "
                "see"
            )
        if not self._mark.is_file():
            return _failed(
                f"{self._mark.parent}: not the job's folder on {node}; results, images and guidance must lie "
                "in folders that all machines of the cluster see by the same path"
            )
        self._bench = Bench(loads(order))
        return _bytes(self._bench.begin())

    def do(self, task: bytes) -> bytes:
        """As `Bench.do`."""
        if not self._mark.is_file():
            os._exit(0)  # the job has ended, however; another may have its folder
        assert self._bench is not None
        return _bytes(self._bench.do(loads(task)))


def _failed(reason: str) -> bytes:
    return _bytes(("failed", InputError(reason, "ray"), []))


def _bytes(message: Message) -> bytes:
    return bytes(ForkingPickler.dumps(message))
