"""How long `obftnet decide` takes for saved results: `python benchmarks/decide.py --images 500 --side 512`.

Results as `segment` leaves them are written once into a temporary folder; the command then runs as a user
runs it, its start included, with overlays and without.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "segmentation"))

from results import smooth, write_results


def main() -> None:
    """Write, decide, print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--side", type=int, default=512)
    arguments = parser.parse_args()
    for keep in (("mask", "score"), ("mask", "score", "overlay")):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "results"
            shape = (arguments.side, arguments.side)
            maps = {f"part_{index:04}": smooth(index, shape) for index in range(arguments.images)}
            write_results(out, maps, keep=keep)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            before, start = used.ru_utime + used.ru_stime, time.perf_counter()
            command = [sys.executable, "-m", "obftnet", "decide", str(out), "--threshold", "0.7"]
            done = subprocess.run([*command, "--min-area", "30"], check=True, capture_output=True, text=True)
            seconds = time.perf_counter() - start
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            cores = used.ru_utime + used.ru_stime - before
            print(f"{','.join(keep)}: {seconds:.1f} s, {cores:.1f} s of cores")
            print(done.stdout)


if __name__ == "__main__":
    main()
