"""Workers that are processes of this machine. They end with the job's process, however it ends."""

from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from obftnet.children import end_with_parent, unsignalled
from obftnet.segmentation.crew import Bench, Order


class Processes:
    """As `workers.Place`."""

    def __init__(self, order: Order) -> None:
        """Each has the order."""
        self._order = order

    def __enter__(self) -> "Processes":
        """Nothing is needed."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left."""

    def start(self) -> "Spawned":
        """A new one."""
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(
            target=_serve, args=(self._order, there), name="obftnet worker", daemon=True
        )
        with unsignalled("SIGINT"):
            process.start()
        there.close()
        return Spawned(process, here)


class Spawned:
    """As `workers.Hand`."""

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        """A process that was started."""
        self._process, self.connection = process, connection

    def kill(self) -> None:
        """As `Hand`."""
        self._process.kill()

    def end(self) -> str:
        """As `Hand`."""
        self._process.join()
        code = self._process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"


def _serve(order: Order, connection: Connection) -> None:
    """A worker's life."""
    end_with_parent()
    bench = Bench(order)
    connection.send(bench.begin())
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(bench.do(task))
