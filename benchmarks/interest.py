"""How much of what is marked in a region of interest depends on what lies outside of it.

    python benchmarks/interest.py [--material leather] [--size 512] [--threads 1]

One support, one background and one query of a generated material; the region is the left three quarters. The
right quarter of the query is replaced, and only pixels at least an eighth of the side from it are compared.
"""

import argparse

import numpy as np


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--material", default="leather")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    import torch

    from obftnet import Segmenter
    from obftnet.decision import Decision
    from obftnet.synthetic import Material

    torch.set_num_threads(arguments.threads)
    size = arguments.size
    material = Material.from_seed(20_000_000, arguments.material)
    kind = material.defect_kinds(1)[0]
    query = material.defective(1, kind, size)[0]
    border, inner = size * 3 // 4, size * 5 // 8
    interest = np.zeros((size, size), bool)
    interest[:, :border] = True
    segmenter = Segmenter.from_pretrained(device="cpu", tile=None)
    segmenter.decision = Decision(0.5, 9, interest=interest)
    segmenter.fit([material.defective(0, kind, size)], [material.good(0, size)])
    before = segmenter.predict(query).mask[:, :inner]
    outside = {
        "black": np.zeros_like(query),
        "other material": Material.from_seed(20_000_007, "weave").good(0, size),
        "more defects": material.defective(5, kind, size)[0],
    }
    for name, image in outside.items():
        changed = query.copy()
        changed[:, border:] = image[:, border:]
        after = segmenter.predict(changed).mask[:, :inner]
        print(f"{name}: marked {before.sum()} before, {after.sum()} after, {(before & after).sum()} in both")


if __name__ == "__main__":
    main()
