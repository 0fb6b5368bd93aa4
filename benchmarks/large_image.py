"""Seconds and peak memory of `obftnet segment --tile`, photographs and guidance of one large size.

    python benchmarks/large_image.py [--width 4000] [--height 3000] [--tile 768] [--threads 2]

One support, one background, one query, all of that size, of a generated material; shipped weights. The job
runs in a process of its own, reading and writing included, and reports its own high-water mark.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--tile", type=int, default=768)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(job(arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), arguments.height, arguments.width)
        command = [sys.executable, __file__, *sys.argv[1:], "--job", folder]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        size = f"{arguments.width} x {arguments.height}"
        print(size, f"tile {arguments.tile}", json.loads(found.stdout.splitlines()[-1]))


def write_images(folder: Path, height: int, width: int) -> None:
    from obftnet.imaging import write_png
    from obftnet.synthetic import Material

    material = Material.from_seed(20_000_000, "leather")
    sheet = (material.good(0, 512) * 255).astype(np.uint8)
    # Mirrored, so that no step between two copies looks like a defect.
    sheet = np.concatenate([sheet, sheet[::-1]])
    sheet = np.concatenate([sheet, sheet[:, ::-1]], 1)
    photograph = np.tile(sheet, (-(-height // 1024), -(-width // 1024), 1))[:height, :width]
    defective, mask = material.defective(1, material.defect_kinds(1)[0], 512)
    marked, truth = photograph.copy(), np.zeros((height, width), np.uint8)
    y, x = height // 2, width // 2
    marked[y : y + 512, x : x + 512][mask] = (defective[mask] * 255).astype(np.uint8)
    truth[y : y + 512, x : x + 512] = mask * np.uint8(255)
    write_png(folder / "guidance/support/defect.png", marked)
    write_png(folder / "guidance/support/defect_mask.png", truth)
    write_png(folder / "guidance/background/good.png", photograph)
    write_png(folder / "photos/query.png", np.roll(marked, 300, 1))


def job(arguments: argparse.Namespace) -> dict[str, float]:
    import torch

    from obftnet.segmentation import segment_files

    torch.set_num_threads(arguments.threads)
    folder = arguments.job
    summary = segment_files(
        [folder / "photos"], folder / "guidance", folder / "found", tile=arguments.tile, device="cpu"
    )
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    gib = round(int(peak[1]) / 2**20, 2) if peak else float("nan")
    return {"seconds": round(summary.seconds, 1), "failed": summary.failed, "peak_gib": gib}


if __name__ == "__main__":
    main()
