"""What threads cost and bring a segmentation job on an idle and on a busy machine.

    python benchmarks/threads.py --guidance GUIDANCE --queries QUERIES --rounds 3 --load 0
    python benchmarks/threads.py --guidance GUIDANCE --queries QUERIES --rounds 3 --load 2

Each round runs `obftnet segment` once in every setting, in turn, so that what else the machine does meets all
alike; ratios are those of a round to its own run with one thread, and of them the median. `--load` keeps as
many busy loops going beside it.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SETTINGS: dict[str, dict[str, str]] = {
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads, spinning": {"OMP_NUM_THREADS": "2"},
    "2 threads, passive": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"},
    "2 threads, a short spin": {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "1000"},
}


def job(guidance: Path, queries: Path, setting: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of one job, all of its threads and its start included."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "MKL_"))}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "obftnet", "segment", str(queries), "--guidance", str(guidance)]
        subprocess.run([*command, "--out", out], check=True, env=clean | setting, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, processor


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--guidance", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load", type=int, default=0, help="busy loops beside it")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    asked = parser.parse_args()
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(asked.load)]
    try:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in asked.settings}
        for _ in range(asked.rounds):
            for name in asked.settings:
                found[name].append(job(asked.guidance, asked.queries, SETTINGS[name]))
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    one = np.array(found[asked.settings[0]])
    print(f"{asked.rounds} rounds, {asked.load} busy loops beside it, load average {os.getloadavg()[0]:.1f}")
    print(f"{'':26} {'wall':>7} {'CPU':>7} {'wall ratio':>11} {'CPU ratio':>10}")
    for name, values in found.items():
        wall, processor = np.median(values, axis=0)
        ratio = np.median(np.array(values) / one, axis=0)
        print(f"{name:26} {wall:7.1f} {processor:7.1f} {ratio[0]:11.2f} {ratio[1]:10.2f}")


if __name__ == "__main__":
    main()
