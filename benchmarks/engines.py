"""PyTorch, ONNX Runtime and OpenVINO on the same images: scores, decisions and times.

    obftnet fit --guidance GUIDANCE --tile none --out a.pack
    obftnet export --pack a.pack --out model --openvino
    python benchmarks/engines.py --pack a.pack --model model --queries QUERIES --most 40 --threads 2

Each image is looked at by every engine in turn, so that the rest of the machine meets all of them alike; the
ratio is that of an image's time to its time with PyTorch, and of them the median.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pack", type=Path, required=True, help="that was exported")
    parser.add_argument(
        "--model", type=Path, required=True, help="what obftnet export wrote, with --openvino"
    )
    parser.add_argument("--queries", type=Path, nargs="+", required=True, help="images, or folders of them")
    parser.add_argument("--most", type=int, default=40, help="images, evenly spaced among all")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    import torch

    from obftnet.decision import image_score, judge
    from obftnet.errors import InputWarning
    from obftnet.exported import ExportedSegmenter, read_export
    from obftnet.regions import find_regions
    from obftnet.segmentation.queries import find_queries
    from obftnet.segmenter import Segmenter

    warnings.simplefilter("ignore", InputWarning)
    torch.set_num_threads(options.threads)
    export = read_export(options.model)
    engines = {"torch": Segmenter.load(options.pack, "cpu")}
    for proof in export.contract.proofs:
        engines[proof.engine] = ExportedSegmenter.load(export, proof.engine, threads=options.threads)
    decision = engines["onnx"].decision
    found = [query.path for query in find_queries(options.queries).queries]
    chosen = [found[i] for i in np.linspace(0, len(found) - 1, min(options.most, len(found))).astype(int)]
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    apart = dict.fromkeys(engines, 0.0)
    verdicts, regions, pixels = (dict.fromkeys(engines, 0) for _ in range(3))
    for engine in engines.values():
        engine.predict(chosen[0])  # the first look of each is slower
    for path in chosen:
        image = engines["torch"].read(path)
        seen = {}
        for name, engine in engines.items():
            start = time.perf_counter()
            seen[name] = engine.predict(image)
            seconds[name].append(time.perf_counter() - start)
        wanted = seen["torch"]
        for name, got in seen.items():
            apart[name] = max(apart[name], float(np.abs(got.score - wanted.score).max()))
            said = [judge(image_score(one.score, decision), decision) for one in (got, wanted)]
            verdicts[name] += said[0] != said[1]
            counts = [len(find_regions(one.mask, one.score)) for one in (got, wanted)]
            regions[name] += counts[0] != counts[1]
            pixels[name] += int(np.count_nonzero(got.mask != wanted.mask))
    print(f"{len(chosen)} images, {options.threads} thread(s)")
    measured = ("seconds_median", "times_torch_median", "largest_difference")
    print("engine", *measured, "verdicts_changed", "regions_changed", "pixels_changed", sep=",")
    base = np.array(seconds["torch"])
    for name, taken in seconds.items():
        ratio = float(np.median(np.array(taken) / base))
        row = (f"{np.median(taken):.3f}", f"{ratio:.2f}", f"{apart[name]:.1e}")
        print(name, *row, verdicts[name], regions[name], pixels[name], sep=",")


if __name__ == "__main__":
    main()
