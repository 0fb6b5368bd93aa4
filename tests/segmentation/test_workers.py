"""Several processes do what one does: the same results to the bit, whoever of them is killed."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from obftnet.errors import InputError
from obftnet.segmentation import segment_files
from obftnet.segmentation.crew import Order
from obftnet.segmentation.decider import RefusedError
from obftnet.segmentation.processes import Processes
from obftnet.segmentation.work import Task
from obftnet.segmentation.workers import Workers


@pytest.fixture(autouse=True)
def one_thread():
    """As many threads in this process as a worker has: how a sum is cut may change its last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def photographs(folder: Path, count: int, side: int = 64) -> None:
    for index in range(count):
        place = folder / f"line{index % 3}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"part{index:05}.png")


def run(case, out=None, **options):
    arguments = {"sources": [case.queries], "guidance": case.guidance, "weights": case.weights}
    return segment_files(**arguments, out=out or case.out, **options)


def content(out: Path) -> dict[str, object]:
    """Every file of results by its bytes, and of the record what does not depend on the clock."""
    found: dict[str, object] = {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.suffix in (".png", ".tiff")
    }
    record = json.loads((out / "segment.json").read_text())
    images = [{key: value for key, value in entry.items() if key != "seconds"} for entry in record["images"]]
    return found | {"images": images, "refused": record["refused"]}


def nothing_left(out: Path) -> bool:
    odd = [path for path in out.rglob(".*") if path.is_file()]
    return not odd and not (out / "segment.unfinished").exists() and not multiprocessing.active_children()


def test_two_processes_do_what_one_does(case):
    photographs(case.queries, 7)
    (case.queries / "line1/torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    alone = run(case)
    begun, said = [], []
    together = run(
        case,
        case.out.parent / "together",
        workers=2,
        progress=lambda done, total, name: begun.append((done, total, name)),
        notice=said.append,
    )
    assert (together.done, together.refused) == (alone.done, alone.refused)
    assert together.done == 10
    assert len(together.refused) == 1
    assert content(together.out) == content(alone.out)
    assert nothing_left(together.out)
    assert [done for done, _, _ in begun] == sorted(done for done, _, _ in begun)
    assert sorted(name for _, _, name in begun if name) == sorted(
        path.name for path in case.queries.rglob("*.png")
    )
    assert begun[-1] == (11, 11, "")


def test_masks_are_decided_anew_by_several_processes(case):
    photographs(case.queries, 3)
    run(case)
    again = run(case, workers=2, threshold=0.4)
    assert (again.done, again.decided) == (0, 6)
    alone = run(case, case.out.parent / "alone", threshold=0.4)
    assert content(case.out) == content(alone.out)


def test_a_worker_that_is_killed_costs_nothing(case):
    photographs(case.queries, 8)
    killed = []

    def kill_one(done, total, name):
        workers = multiprocessing.active_children()
        if done == 2 and not killed and workers:
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    summary = run(case, workers=2, progress=kill_one)
    assert killed
    assert (summary.done, summary.refused) == (11, ())
    alone = run(case, case.out.parent / "alone")
    assert content(case.out) == content(alone.out)


def test_an_interrupt_ends_the_workers_and_the_next_run_goes_on(case):
    photographs(case.queries, 5)

    def interrupt(done, total, name):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(case, workers=2, progress=interrupt)
    assert not multiprocessing.active_children()
    assert len(json.loads((case.out / "segment.json").read_text())["images"]) == 3
    rest = run(case)
    assert (rest.done, rest.kept) == (5, 3)
    assert content(case.out) == content(run(case, case.out.parent / "alone").out)


class Fatal:
    """A guidance whose segmenter ends the process at some images, or before any."""

    def __init__(self, at_once: bool = False) -> None:
        self.at_once, self.bits, self.weights_hash, self.sha256 = at_once, None, "", ""

    def segmenter(self) -> "Fatal":
        if self.at_once:
            os._exit(3)
        return self

    def record(self, hashes: object) -> "Fatal":
        return self

    def read(self, query: Path) -> None:
        if "fatal" in query.name:
            os._exit(3)
        raise InputError(f"{query}: read")


def fatal(*at_once: bool) -> Order:
    return Order(Fatal(*at_once), True, "", "", None, None)  # type: ignore[arg-type]


def test_an_image_that_ends_its_process_is_refused_and_the_others_go_on(tmp_path):
    names = ["a", "fatal", "b", "c"]
    tasks = [Task(name, tmp_path / f"{name}.png", ()) for name in names]
    for task in tasks:
        task.query.write_bytes(b"1")
    begun = []
    with Workers(Processes(fatal()), 2, print) as workers:
        done = {task.name: outcome for task, outcome in workers.go_through(tasks, begun.append)}
    assert sorted(done) == sorted(names)
    assert [task.name for task in begun] == names
    assert all(isinstance(outcome, RefusedError) for outcome in done.values())
    assert "2 processes ended while they looked at it (exit status 3)" in str(done["fatal"])
    assert "a.png: read" in str(done["a"])
    assert not multiprocessing.active_children()


def test_workers_that_cannot_begin_are_one_line():
    with (
        pytest.raises(InputError, match=r"ended before it began \(exit status 3\)"),
        Workers(Processes(fatal(True)), 2, print),
    ):
        pass
    assert not multiprocessing.active_children()


_JOB = """
import sys, torch
from obftnet.segmentation import segment_files

def main():
    torch.set_num_threads(1)
    sources, guidance, weights, out, workers = sys.argv[1:]
    segment_files([sources], guidance, out, weights=weights, workers=int(workers), keep=("mask", "score"))

if __name__ == "__main__":
    main()
"""


def _killed_again_and_again(case, images: int, kills: int, seed: int) -> None:
    """A job in two processes, killed as its journal reaches random lengths, against one in one piece."""
    photographs(case.queries, images)
    script = case.out.parent / "job.py"
    script.write_text(_JOB)
    rng = random.Random(seed)
    journal = case.out / "segment.unfinished"

    def start(out: Path, workers: int) -> subprocess.Popen[bytes]:
        words = [script, case.queries, case.guidance, case.weights, out, workers]
        return subprocess.Popen([sys.executable, *map(str, words)], stderr=subprocess.PIPE)

    for kill in range(kills):
        job = start(case.out, 2)
        # Of what is left, so that every kill finds the job at work.
        wanted = rng.randint(1, max(1, images // (kills + 2)))
        while job.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") > wanted:
                break
            time.sleep(0.05)
        assert job.poll() is None, f"kill {kill}: ended by itself: {job.communicate()}"
        job.kill()  # the job's process alone: the workers must end with it
        job.communicate()
    last = start(case.out, 2)
    assert (last.wait(), last.communicate()[1]) == (0, b"")
    whole = case.out.parent / "whole"
    one = start(whole, 1)
    assert (one.wait(), one.communicate()[1]) == (0, b"")
    assert content(case.out) == content(whole)
    record = json.loads((case.out / "segment.json").read_text())
    names = [entry["result"] for entry in record["images"]]
    assert len(names) == len(set(names)) == images + 3
    assert nothing_left(case.out)


def test_a_job_that_is_killed_loses_nothing(case):
    _killed_again_and_again(case, images=30, kills=1, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_large_job_that_is_killed_again_and_again_loses_nothing(case):
    images = int(os.environ.get("OBFTNET_BULK", "10000"))
    _killed_again_and_again(case, images=images, kills=20, seed=2)
