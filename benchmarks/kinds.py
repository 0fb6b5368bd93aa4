"""What a query costs by how many kinds of defect it is looked at for.

    python benchmarks/kinds.py [--kinds 1,2,3,5] [--rounds 5] [--size 512] [--shots 1]

The shipped weights, one support a kind (`--shots`), one background, all of one generated material. The
segmenters take turns, image by image; a round's ratio is to the segmenter of one kind in the same round, and
medians over the rounds are given. Seconds are processor time of all threads and include what `predict` does
beside the network. Beside it: how far the scores of several kinds are from the largest of as many queries
of one kind each, whose supports of the other kinds are left out.
"""

import argparse
import statistics
import time

import numpy as np
import torch

from obftnet import Segmenter
from obftnet.synthetic import Material


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default="1,2,3,5")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--shots", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    counts = [int(text) for text in arguments.kinds.split(",")]
    size, shots = arguments.size, arguments.shots
    material = Material.from_seed(20_000_000, "leather")
    kinds = material.defect_kinds(max(counts))
    supports = {
        kind.family: [material.defective(100 * index + shot, kind, size=size) for shot in range(shots)]
        for index, kind in enumerate(kinds)
    }
    assert len(supports) == len(kinds), "kinds of one family"
    good = material.good(0, size=size)
    segmenters = {}
    for count in counts:
        chosen = dict(list(supports.items())[:count])
        segmenters[count] = Segmenter.from_pretrained(device="cpu", tile=None).fit(chosen, [good])
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    ratios: dict[int, list[float]] = {count: [] for count in counts}
    for turn in range(arguments.rounds + 1):
        query = material.defective(1000 + turn, kinds[turn % len(kinds)], size=size)[0]
        spent = {}
        for count, segmenter in segmenters.items():
            start = time.process_time()
            segmenter.predict(query)
            spent[count] = time.process_time() - start
        if turn:  # the first round warms up
            for count in counts:
                seconds[count].append(spent[count])
                ratios[count].append(spent[count] / spent[counts[0]])
    print(f"{size} x {size}, {shots} support(s) a kind, {arguments.threads} thread(s)")
    for count in counts:
        bound = 1 + 0.3 * (count - counts[0])
        middle, ratio = statistics.median(seconds[count]), statistics.median(ratios[count])
        print(f"{count} kind(s): {middle:.3f} s, {ratio:.2f} times one (at most {bound:.2f} is wanted)")
    together = segmenters[counts[-1]]
    alone = [
        Segmenter.from_pretrained(device="cpu", tile=None).fit(pairs, [good]) for pairs in supports.values()
    ]
    for turn, kind in enumerate(kinds):
        query = material.defective(2000 + turn, kind, size=size)[0]
        found = together.predict(query).score
        single = np.max([one.predict(query).score for one in alone], 0)
        print(f"{kind.family}: mean difference {np.abs(found - single).mean():.4f}")


if __name__ == "__main__":
    main()
