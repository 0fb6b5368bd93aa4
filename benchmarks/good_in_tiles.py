"""How many good photographs are marked when each is looked at whole, and in tiles of half the support's side.

    python benchmarks/good_in_tiles.py [--shared ../shared] [--materials leather tile wood] [--good 8]

One support and two good images are the guidance; the shipped weights, threshold 0.5, least region 9 pixels.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from calibrate import case_of


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--materials", nargs="+", default=["leather", "tile", "wood"])
    parser.add_argument("--good", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    import torch

    from obftnet import Segmenter
    from obftnet.decision import Decision, image_score

    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    for material in arguments.materials:
        case = case_of(material, arguments.shared, Path("unused"))
        support, goods = case.supports[0], [one.image for one in case.backgrounds]
        queries = [one.image for one in case.good][: arguments.good]
        defective = [one.image for one in case.defective][: arguments.good // 2]
        for name in ("whole", "tiles"):
            failed = []
            side = min(Image.open(support.image).size) // 2
            segmenter = Segmenter.from_pretrained(device="cpu", tile=None if name == "whole" else side)
            segmenter.decision = decision = Decision(0.5, 9)
            segmenter.fit([(support.image, support.mask)], goods)
            for path in (*queries, *defective):
                failed.append(image_score(segmenter.predict(path).score, decision) > decision.threshold)
            good = failed[: len(queries)]
            print(
                f"{material}, {name}: {np.sum(good)} of {len(good)} good images fail, "
                f"{np.sum(failed[len(good) :])} of {len(failed) - len(good)} defective ones",
                flush=True,
            )


if __name__ == "__main__":
    main()
