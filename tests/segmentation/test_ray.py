"""Workers of a Ray cluster do what one process does; whoever ends, nothing is lost and nothing done twice."""

import contextlib
import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from pickle import loads

import psutil
import pytest

from obftnet.errors import InputError
from obftnet.files import mark
from obftnet.segmentation import on_ray
from obftnet.segmentation.decider import RefusedError
from obftnet.segmentation.on_ray import Actor
from obftnet.segmentation.work import Task
from obftnet.segmentation.workers import Workers
from obftnet.version import __version__

from .test_workers import content, fatal, nothing_left, one_thread, photographs, run  # noqa: F401

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'obftnet[ray]'"
)


@pytest.mark.parametrize("address", ["", "locale", "ray://head:10001", "head", "head:x", "http://head:1"])
@pytest.mark.parametrize("there", [True, False])
def test_what_is_no_address_or_no_ray_is_one_line(case, monkeypatch, address, there):
    monkeypatch.setattr(on_ray, "find_spec", lambda name: there or None)
    with pytest.raises(InputError, match="HOST:PORT" if there else r"obftnet\[ray\]") as error:
        run(case, ray=address)
    assert error.value.parameters == ("ray",)
    assert not case.out.exists()


def begun(actor: Actor, folder: Path, place: Path, version: str = __version__) -> tuple:
    return loads(actor.begin(version, str(folder), str(place), bytes(ForkingPickler.dumps(fatal()))))


def test_a_machine_that_does_not_see_the_job_s_folders_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gone = tmp_path / "gone"
    for call, said in (
        ((tmp_path, gone, "0.0.0"), "the job has 0.0.0; install one version"),
        ((gone, gone), "gone: not there on"),
        ((tmp_path, gone / "mark"), "gone: not the job's folder on"),
    ):
        kind, error, _ = begun(Actor(), *call)
        assert kind == "failed"
        assert isinstance(error, InputError)
        assert said in str(error)


def test_a_worker_ends_with_the_job_whose_folder_it_writes_into(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(b"1")
    task = bytes(ForkingPickler.dumps(Task("a", Path("a.png"), ())))

    def end(code):
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", end)
    actor = Actor()
    with mark(tmp_path) as place:
        assert begun(actor, tmp_path, place)[0] == "ready"
        kind, outcome, _ = loads(actor.do(task))
        assert (kind, str(outcome)) == ("done", "a.png: read")
    with pytest.raises(SystemExit):
        actor.do(task)


class Threads:
    """A place whose workers are threads; they end, by a message, at a task whose name is in `fatal`."""

    def __init__(self, fatal: dict[str, int]) -> None:
        self.fatal, self.started = fatal, 0

    def __enter__(self) -> "Threads":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def start(self):
        here, there = multiprocessing.Pipe()
        threading.Thread(target=self.lived, args=(there, self.started), daemon=True).start()
        self.started += 1

        class Hand:
            connection = here

            def kill(self) -> None:
                here.close()

            def end(self) -> str:
                return "gone"

        return Hand()

    def lived(self, connection: Connection, number: int) -> None:
        with contextlib.suppress(OSError, EOFError):  # the job wants it no more
            self.live(connection, number)

    def live(self, connection: Connection, number: int) -> None:
        if number == 0:
            connection.send(("waiting", None, ["no room"]))
        connection.send(("ready", 12, []))
        while True:
            task = connection.recv()
            if self.fatal.get(task.name, 0):
                self.fatal[task.name] -= 1
                connection.send(("ended", "its node died", []))
                connection.close()
                return
            connection.send(("done", RefusedError(task.name), []))


def test_what_a_worker_that_ended_was_at_is_given_to_another():
    place = Threads({"b": 1, "d": 2})
    tasks = [Task(name, Path(name), ()) for name in "abcde"]
    begun, said = [], []
    with Workers(place, 2, said.append) as workers:
        assert workers.bits == 12
        done = [(task.name, str(outcome)) for task, outcome in workers.go_through(tasks, begun.append)]
    assert sorted(name for name, _ in done) == list("abcde")
    assert [task.name for task in begun] == list("abcde")
    assert dict(done)["b"] == "b"
    assert "2 processes ended while they looked at it (its node died)" in dict(done)["d"]
    assert place.started == 2 + 3
    assert said == ["no room"]


def ray_processes(job: int) -> list[psutil.Process]:
    """What a job has started for Ray and in it."""
    return [one for one in psutil.Process(job).children(recursive=True) if one.status() != "zombie"]


def workers_of(job: int) -> list[psutil.Process]:
    found = []
    for one in ray_processes(job):
        try:
            found += [one] if any("Actor" in word for word in one.cmdline()) else []
        except psutil.NoSuchProcess:
            continue
    return found


@needs_ray
@pytest.mark.slow
def test_a_ray_worker_that_is_killed_costs_nothing(case, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    photographs(case.queries, 8)
    (case.queries / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    killed = []

    def kill_one(done, total, name):
        if done == 3 and not killed:
            victim = workers_of(os.getpid())[0]
            killed.append(victim.pid)
            victim.kill()

    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    temporary = set(Path("/tmp").glob("obftnet-ray-*"))
    summary = run(case, Path("out"), ray="local", workers=2, progress=kill_one)
    assert killed
    assert (summary.done, len(summary.refused)) == (11, 1)
    assert content(summary.out) == content(run(case, case.out.parent / "alone").out)
    assert nothing_left(summary.out)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert set(Path("/tmp").glob("obftnet-ray-*")) == temporary
    assert not workers_of(os.getpid())
    assert capfd.readouterr() == ("", "")


_JOB = """
import sys, torch
from obftnet.segmentation import segment_files

if __name__ == "__main__":
    torch.set_num_threads(1)
    sources, guidance, weights, out = sys.argv[1:]
    segment_files([sources], guidance, out, weights=weights, workers=2, ray="local")
"""


@needs_ray
@pytest.mark.slow
def test_a_job_that_is_killed_leaves_no_ray_and_the_next_goes_on(case, tmp_path):
    photographs(case.queries, 12)
    script = tmp_path / "job.py"
    script.write_text(_JOB)
    words = [sys.executable, script, case.queries, case.guidance, case.weights, case.out]
    job = subprocess.Popen([str(word) for word in words])
    journal = case.out / "segment.unfinished"
    while job.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
        time.sleep(0.05)
    # Ray's agents look now and then whether what started them is there, and follow minutes later.
    started = [one for one in ray_processes(job.pid) if "Agent" not in one.name()]
    assert any("raylet" in one.name() for one in started)
    job.kill()
    job.wait()
    assert psutil.wait_procs(started, timeout=60)[1] == []
    rest = run(case, ray="local", workers=2)
    assert rest.kept >= 3
    assert rest.done == 15 - rest.kept
    assert content(case.out) == content(run(case, case.out.parent / "alone").out)
    assert nothing_left(case.out)


@needs_ray
@pytest.mark.slow
def test_no_cluster_at_the_address_is_one_line(case, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(InputError, match=r"Ray at '127.0.0.1:1' cannot be used") as error:
        run(case, ray="127.0.0.1:1")
    assert "\n" not in str(error.value)
    assert nothing_left(case.out)
