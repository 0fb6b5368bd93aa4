"""What a job costs in one process and in several.

    python benchmarks/workers.py [--workers 1,2] [--images 12] [--size 512] [--threads 2] [--rounds 2]

Generated leather, shipped weights, one support, one background, all results written. Each round runs the same
job once in every setting, in turn, each in a process of its own. Given are the wall seconds and the processor
seconds of all its processes, loading and fitting included and without (those of a job of one image a worker
are taken off), and the largest memory of any of them; and whether every file of results is the same, as it
must be where each process has as many threads as the one (`--threads 1`): several processes share them.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(
            json.dumps(
                job(Path(arguments.job[0]), arguments.job[1], int(arguments.job[2]), arguments.threads)
            )
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), arguments.images, arguments.size)
        for turn in range(arguments.rounds):
            hashes = set()
            for count in map(int, arguments.workers.split(",")):
                few = run(Path(folder), "few", count, arguments.threads)
                whole = run(Path(folder), "photos", count, arguments.threads)
                hashes.add(whole.pop("sha256"))
                more = arguments.images - count
                each = {key: (whole[key] - few[key]) / more for key in ("wall", "processor")}
                print(
                    f"round {turn + 1}, {count} process(es): {whole['wall']:.1f} s wall, "
                    f"{whole['processor']:.1f} s processor; an image more {each['wall']:.2f} s wall, "
                    f"{each['processor']:.2f} s processor; {whole['gib']:.2f} GiB at most in one process",
                    flush=True,
                )
            print("the same results" if len(hashes) == 1 else "RESULTS DIFFER", flush=True)


def write_images(folder: Path, count: int, size: int) -> None:
    from obftnet.imaging import write_png
    from obftnet.synthetic import Material

    material = Material.from_seed(20_000_000, "leather")
    kind = material.defect_kinds(1)[0]
    image, mask = material.defective(0, kind, size)
    write_png(folder / "guidance/support/defect.png", (image * 255).astype(np.uint8))
    write_png(folder / "guidance/support/defect_mask.png", mask.astype(np.uint8) * 255)
    write_png(folder / "guidance/background/good.png", (material.good(0, size) * 255).astype(np.uint8))
    for index in range(count):
        photograph = (material.defective(1 + index, kind, size)[0] * 255).astype(np.uint8)
        write_png(folder / f"photos/part{index:03}.png", photograph)


def run(folder: Path, which: str, count: int, threads: int) -> dict[str, float | str]:
    words = [sys.executable, __file__, "--threads", threads, "--job", folder, which, count]
    # Threads that sleep while they wait, as the command line has them (docs/performance.md).
    env = os.environ | {"OMP_WAIT_POLICY": "passive"}
    found = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, env=env)
    return dict(json.loads(found.stdout.splitlines()[-1]))


def job(folder: Path, which: str, count: int, threads: int) -> dict[str, float | str]:
    import torch

    from obftnet.segmentation import segment_files

    torch.set_num_threads(threads)
    photographs = sorted((folder / "photos").iterdir())
    sources = photographs[:count] if which == "few" else photographs
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        out = Path(place) / "found"
        segment_files(sources, folder / "guidance", out, tile=None, device="cpu", workers=count)
        wall = time.perf_counter() - start
        digest = hashlib.sha256()
        for path in sorted(out.rglob("*_*.*")):
            digest.update(path.name.encode() + path.read_bytes())
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "wall": wall,
        "processor": sum(one.ru_utime + one.ru_stime for one in spent),
        "gib": max(one.ru_maxrss for one in spent) / 2**20,
        "sha256": digest.hexdigest(),
    }


if __name__ == "__main__":
    main()
