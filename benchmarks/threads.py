"""What threads cost and bring a query, on whatever else the machine is doing.

    python benchmarks/threads.py --guidance GUIDANCE --queries QUERIES --rounds 3
    python benchmarks/threads.py --guidance GUIDANCE --queries QUERIES --rounds 3 --load 2

A process a setting stands ready with the guidance taken in. Each image is segmented once in every setting, in
turn, so that the rest of the machine meets all of them alike; ratios are those of an image to itself with one
thread, and of them the median. `--load` keeps as many busy loops going beside it.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SETTINGS: dict[str, dict[str, str]] = {
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads, as PyTorch has them": {"OMP_NUM_THREADS": "2"},
    "2 threads, a short spin": {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "1000"},
    "2 threads, passive": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"},
}


def serve(guidance: Path) -> None:
    """Segment the images that standard input names; answer each by its wall and processor seconds."""
    from obftnet import Segmenter
    from obftnet.data.layouts.guidance import read_guidance

    found = read_guidance(guidance)
    segmenter = Segmenter.from_pretrained(tile=None).fit(found.by_kind, found.backgrounds)
    for line in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        segmenter.predict(line.strip())
        print(time.perf_counter() - wall, time.process_time() - processor, flush=True)


def ask(process: "subprocess.Popen[str]", query: Path) -> tuple[float, ...]:
    assert process.stdin is not None
    assert process.stdout is not None
    print(query, file=process.stdin, flush=True)
    return tuple(map(float, process.stdout.readline().split()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--guidance", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True, help="folder of images")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load", type=int, default=0, help="busy loops beside it")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.guidance)
        return
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "MKL_"))}
    again = [sys.executable, __file__, "--serve", "--guidance", str(asked.guidance), "--queries", "-"]
    processes, loops = {}, []
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in SETTINGS}
    queries = sorted(path for path in asked.queries.iterdir() if path.is_file())
    try:
        for name, setting in SETTINGS.items():
            processes[name] = subprocess.Popen(
                again, env=clean | setting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            ask(processes[name], queries[0])  # the first is slower, and guidance is taken in before it
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(asked.load)]
        for query in queries * asked.rounds:
            for name, process in processes.items():
                found[name].append(ask(process, query))
    finally:
        for other in [*processes.values(), *loops]:
            other.kill()
            other.wait()
    one = np.array(found["1 thread"])
    print(f"{len(one)} queries, {asked.load} busy loops, load average {os.getloadavg()[0]:.1f} at the end")
    print(f"{'':32} {'wall':>7} {'CPU':>7} {'wall ratio':>11} {'CPU ratio':>10}")
    for name, values in found.items():
        wall, processor = np.median(values, axis=0)
        ratio = np.median(np.array(values) / one, axis=0)
        print(f"{name:32} {wall:7.2f} {processor:7.2f} {ratio[0]:11.2f} {ratio[1]:10.2f}")


if __name__ == "__main__":
    main()
