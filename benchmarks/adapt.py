"""What `fit(adapt=True)` gives: the same guidance fitted both ways, judged on other images of its kind.

    python benchmarks/adapt.py --data DIR [--shots 3] [--queries 3] [--kinds 36] [--threads 1]

DIR is in MVTec AD's layout, `obftnet synthesize` writes such. Of each kind of defect with enough physical
samples `--shots` are supports and `--queries` are queries, and as many good images each; at most `--kinds`
kinds, spread over the materials. Threshold 0.5; differences with the standard error over kinds.
"""

import argparse
import random
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from obftnet import Segmenter
from obftnet.data.collection import GOOD, Sample
from obftnet.data.layouts import LAYOUTS
from obftnet.decision import Decision
from obftnet.evaluation.histogram import Histogram
from obftnet.evaluation.measures import Measures
from obftnet.evaluation.metrics import Counts


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--shots", type=int, default=3)
    parser.add_argument("--queries", type=int, default=3)
    parser.add_argument("--kinds", type=int, default=36)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    segmenter = Segmenter.from_pretrained(arguments.weights, "cpu", tile=None)
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for name, supports, goods, defective, good in cases(arguments):
        both = []
        for adapt in (False, True):
            start = time.process_time()
            segmenter.fit([(one.image, one.load_mask()) for one in supports], goods, adapt=adapt)
            seconds = time.process_time() - start
            both.append(np.array([*judged(segmenter, defective, good), seconds]))
        found.append((both[0], both[1]))
        print(
            name, *(f"{before:.3f} -> {after:.3f}" for before, after in zip(*both, strict=True)), flush=True
        )
    table = np.array(found)
    names = ("IoU", "AP", "good marked", "defective marked", "area of good", "seconds of the fit")
    for index, name in enumerate(names):
        before, after = table[:, 0, index], table[:, 1, index]
        error = (after - before).std(ddof=1) / len(table) ** 0.5
        change = f"{(after - before).mean():+.4f} ± {error:.4f}"
        print(f"{name}: {before.mean():.4f} -> {after.mean():.4f} ({change})")


def cases(
    arguments: argparse.Namespace,
) -> list[tuple[str, list[Sample], list[Path], list[Sample], list[Path]]]:
    """Of each kind its name, supports, good images of the guidance, defective and good queries."""
    samples = LAYOUTS["mvtec"](arguments.data).samples
    wanted = arguments.shots + arguments.queries
    found = []
    for material, kind in sorted({(one.material, one.kind) for one in samples if one.kind != GOOD}):
        rng = random.Random(f"{material}/{kind}")
        of_kind = apart([one for one in samples if (one.material, one.kind) == (material, kind)], rng)
        of_good = apart([one for one in samples if (one.material, one.kind) == (material, GOOD)], rng)
        if min(len(of_kind), len(of_good)) >= wanted:
            goods = [one.image for one in of_good]
            shots = arguments.shots
            found.append(
                (
                    f"{material}/{kind}",
                    of_kind[:shots],
                    goods[:shots],
                    of_kind[shots:wanted],
                    goods[shots:wanted],
                )
            )
    random.Random(0).shuffle(found)
    return found[: arguments.kinds]


def apart(samples: list[Sample], rng: random.Random) -> list[Sample]:
    """One image of each physical sample, shuffled."""
    rng.shuffle(samples)
    return list({one.group: one for one in samples}.values())


def judged(segmenter: Segmenter, defective: list[Sample], good: list[Path]) -> tuple[float, ...]:
    """IoU and AP over all pixels of the defective queries, the shares of good and of defective images with a
    mark, and the area of the good ones that is marked."""
    decision = Decision(0.5)
    of_defects = [
        Measures.of(segmenter.predict(one.image).score, one.load_mask(), decision) for one in defective
    ]
    masks = [segmenter.predict(one).score > decision.threshold for one in good]
    pixels = sum((one.counts for one in of_defects), Counts())
    scores = sum((Histogram.unpacked(one.packed) for one in of_defects), Histogram.none())
    return (
        pixels.iou,
        scores.average_precision or 0.0,
        float(np.mean([mask.any() for mask in masks])),
        float(np.mean([one.marked for one in of_defects])),
        float(np.mean([mask.mean() for mask in masks])),
    )


if __name__ == "__main__":
    main()
