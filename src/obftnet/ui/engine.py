"""Tasks for the worker process, in order, and what is known of each while it is done."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["waiting", "running", "done", "refused", "failed", "stopped"]
_ENDS: tuple[State, ...] = ("done", "refused", "stopped", "failed")


@dataclass
class Job:
    """A task and how it goes.

    number: no other has it. kind: the worker's name of it. progress: (finished, all, name of what is being
    done). told: what a person should read. result: of one that is done. error: a line, of one that was
    refused.
    """

    number: int
    kind: str
    task: dict[str, Any] = field(repr=False)
    state: State = "waiting"
    progress: tuple[int, int, str] | None = None
    told: list[str] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    ended: threading.Event = field(default_factory=threading.Event, repr=False)
    then: Callable[["Job"], None] | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether there is something to wait for: the task, or what `then` makes of it."""
        return not self.ended.is_set()


class Engine:
    """A worker process, there from the first task on; one that ends is begun again for the next."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._jobs: list[Job] = []
        self._count = 0
        self._process: subprocess.Popen[str] | None = None
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def submit(self, kind: str, task: dict[str, Any], then: Callable[[Job], None] | None = None) -> Job:
        """Have a task done after those before it; `then` is called with it at its end, by another thread."""
        with self._lock:
            self._count += 1
            job = Job(self._count, kind, task, then=then)
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._lock.notify_all()
        return job

    @property
    def jobs(self) -> list[Job]:
        """Those that are not ended, the first one under way."""
        with self._lock:
            return list(self._jobs)

    def stop(self, job: Job) -> None:
        """End a task at its next whole step; one that waits is not begun."""
        with self._lock:
            if job.state == "waiting":
                self._jobs.remove(job)
                job.state = "stopped"
                job.ended.set()
            elif job.state == "running" and self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(json.dumps({"stop": job.number}) + "\n")
                self._process.stdin.flush()

    @property
    def process_id(self) -> int | None:
        """Of the worker; None where there is none yet."""
        with self._lock:
            return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the process, whatever it does, and take no more tasks."""
        with self._lock:
            self._closed.set()
            self._lock.notify_all()
            process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._jobs or self._closed.is_set())
                if self._closed.is_set():
                    return
                job = self._jobs[0]
                job.state = "running"
            try:
                self._do(job)
            except (OSError, ValueError):
                job.state = "failed"  # the process is gone
            if self._closed.is_set():
                return  # ended by us: what was begun is gone on with at the next start
            if job.then is not None:
                job.then(job)
            with self._lock:
                self._jobs.remove(job)
            job.ended.set()

    def _do(self, job: Job) -> None:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        with self._lock:
            process.stdin.write(json.dumps({"task": job.kind, "number": job.number, **job.task}) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            if "progress" in said:
                done, total, name = said["progress"]
                job.progress = (done, total, name)
            elif "notice" in said:
                if said["notice"] not in job.told:
                    job.told.append(said["notice"])
            else:
                job.result, job.error = said.get("done", {}), said.get("refused", "")
                job.state = next(state for state in _ENDS if state in said)
                return
        job.state = "failed"  # it ended in the middle of it: killed, or out of memory

    def _started(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                # -P: not what lies in the folder that the page was started in.
                command = [sys.executable, "-P", "-m", "obftnet.ui.worker"]
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    encoding="utf-8",
                )
                if self._closed.is_set():
                    self._process.kill()
            return self._process
