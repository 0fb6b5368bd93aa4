"""What a region of interest costs and gives: accuracy inside it, and what changes outside of it do there.

    python benchmarks/interest.py [--shared ../shared] [--materials leather tile wood] [--threads 1]

Of each material one support and two good images are the guidance, four defective images and six good ones at
most are queries, all at 512 x 512; the region is a turned ellipse with one straight side, 59 % of the image.
With the region ("region") the queries are also looked at with other things outside of it. Without ("whole")
the network sees the whole photograph, and the same region only decides.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from calibrate import Case, case_of

SIDE = 512


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--materials", nargs="+", default=["leather", "tile", "wood"])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    for material in arguments.materials:
        case = case_of(material, arguments.shared, Path("unused"))
        measure(case, "tile" if material == "wood" else "wood", arguments.shared)


def measure(case: Case, other: str, shared: Path) -> None:
    from obftnet import Segmenter
    from obftnet.decision import Decision, image_score

    inside = region()
    supports = [(image(one.image), mask(one.mask) & inside) for one in case.supports]
    support = next(pair for pair in supports if pair[1].any())
    pool = [image(one.image) for one in [*case.backgrounds, *case.good]]
    goods, good = pool[:2], pool[2:8]
    defective = [(image(one.image), mask(one.mask) & inside) for one in case.defective]
    defective = [pair for pair in defective if pair[1].sum() > 30][:4]
    foreign = sorted((shared / "data" / "textures" / other).rglob("good/*"))[0]
    outside = {
        "as it was": None,
        "black": np.zeros_like(goods[0]),
        "another material": image(foreign),
        "defects": np.roll(defective[-1][0], (SIDE // 3, SIDE // 3), (0, 1)),
    }
    decision = Decision(0.5, 9, interest=inside)
    for seen in ("whole", "region"):
        segmenter = Segmenter.from_pretrained(device="cpu", tile=None)
        if seen == "region":
            segmenter.decision = decision
        segmenter.fit([support], goods)
        segmenter = segmenter.decided_by(decision if seen == "region" else Decision(0.5, 9))
        first: dict[int, NDArray[np.float32]] = {}
        for name, pixels in outside.items():
            ious, marked, false, moved = [], 0, 0, 0.0
            for index, (query, truth) in enumerate([*defective, *[(one, None) for one in good]]):
                shown = query if pixels is None else np.where(inside[..., None], query, pixels)
                score = segmenter.predict(shown).score
                before = first.setdefault(index, score)
                moved = max(moved, float(np.abs(score - before)[inside].max()))
                fails = image_score(score, decision) > decision.threshold
                if truth is None:
                    false += fails
                else:
                    marked += fails
                    found = (score > decision.threshold) & inside
                    ious.append((found & truth).sum() / (found | truth).sum())
            print(
                f"{case.material}, {seen}, outside {name}: IoU {100 * np.mean(ious):.1f}, fail {marked} of "
                f"{len(ious)} defective and {false} of {len(good)} good, scores moved by at most {moved:.3f}",
                flush=True,
            )


def region() -> NDArray[np.bool_]:
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE - 0.5
    along, across = 0.9 * x + 0.44 * y, 0.9 * y - 0.44 * x
    return np.asarray((along / 0.5) ** 2 + (across / 0.42) ** 2 < 1) & (x < 0.33)


def image(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE)))


def mask(path: Path | None) -> NDArray[np.bool_]:
    assert path is not None
    drawn = Image.open(path).convert("L").resize((SIDE, SIDE), Image.Resampling.NEAREST)
    return np.asarray(drawn) > 127


if __name__ == "__main__":
    main()
