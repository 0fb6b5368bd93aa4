"""Small defects in real photographs that the network sees at full size: whole, or in tiles that enlarge them.

    python benchmarks/small_real.py --data ../shared/data/textures [--material magtile] [--supports 6]

Of the masks whose defect the network sees on fewer than 12 pixels of its input, in photographs of at most its
input's side: a support, two other queries of as small a defect, one good image; shipped weights, threshold
0.5. Each is segmented whole, and in tiles that show the support's defect on 16 pixels or are enlarged twice.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

from obftnet.data.layouts import read_layout
from obftnet.errors import InputWarning
from obftnet.imaging.read import image_size, read_mask
from obftnet.tiling import SEEN, defect_size


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--material", default="magtile")
    parser.add_argument("--supports", type=int, default=6)
    parser.add_argument("--size", type=int, default=512, help="side of the weights' input")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    from obftnet import Segmenter

    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore", InputWarning)
    size = arguments.size
    small, goods = [], []
    for sample in read_layout("mvtec", arguments.data).samples:
        shape = image_size(sample.image)
        if sample.material != arguments.material or max(shape) > size:
            continue
        if sample.mask is None:
            goods.append((sample, shape))
            continue
        mask = read_mask(sample.mask, like=shape, allow_empty=True)
        if not mask.any():
            continue
        defect = defect_size(mask)
        tile = max(size // 2, int(defect * size / SEEN) // 32 * 32)
        if defect * size < 12 * max(shape) and 4 * tile <= 3 * max(shape):
            small.append((sample, mask, tile))
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {"whole": [], "enlarged": []}
    for index in rng.permutation(len(small))[: arguments.supports]:
        support, _, tile = small[index]
        others = [one for one in small if one[0].group != support.group]
        queries = [others[place] for place in rng.permutation(len(others))[:2]]
        fitting = [good for good, shape in goods if 4 * tile <= 3 * max(shape)]
        good = fitting[int(rng.integers(len(fitting)))]
        for name, side in (("whole", None), ("enlarged", tile)):
            segmenter = Segmenter.from_pretrained(device="cpu", tile=side)
            segmenter.fit([(support.image, support.mask)], [good.image])
            for query, truth, _ in queries:
                marked = segmenter.predict(query.image).mask
                found[name].append(float((marked & truth).sum() / (marked | truth).sum()))
                print(name, side, support.image.name, query.image.name, f"{found[name][-1]:.3f}", flush=True)
    for name, values in found.items():
        print(f"{name}: mean IoU {100 * np.mean(values):.1f} of {len(values)} queries")


if __name__ == "__main__":
    main()
