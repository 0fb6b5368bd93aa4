"""Whole images against tiles, by how small the defects are: what the rule of `tile="auto"` is chosen on.

    python benchmarks/small_defects.py --out small.csv [--materials 4] [--side 1024] [--threads 1]

Generated materials photographed at `--side` pixels. Into one support and one query are laid defects of one
kind whose equivalent square (the root of the mask's area) is a given share of the side: one in the support,
three in the query, each with its own shape, at its own place, with the change of colour that the defect makes
shrunk to its size and never fainter than a contrast of 0.15. Each case is segmented whole and in tiles by the
shipped weights at threshold 0.5, without a least region. A line of the CSV is a case and a tiling; a second
run goes on where the first stopped, and `--table` prints means over the materials.
"""

import argparse
import csv
import itertools
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obftnet.imaging.tiles import corners
from obftnet.synthetic import DefectKind, Material

#: Materials that fill their photographs: a defect beside the part is none.
MATERIALS = (
    ("leather", 20_000_103),
    ("concrete", 20_000_103),
    ("brushed", 20_000_100),
    ("weave", 20_000_101),
    ("ceramic", 20_000_100),
)
KINDS = ("hole", "scratch", "contamination", "cut")
#: A defect's contrast, root mean square over its mask, is at least this of the range: size is compared.
CONTRAST = 0.15
#: Share of the side, per cent.
SIZES = (0.4, 0.8, 1.6, 3.2, 6.4)
IN_QUERY = 3
FIELDS = ("material", "kind", "percent", "tile", "looks", "iou", "best_iou", "found", "outside", "seconds")
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--materials", type=int, default=len(MATERIALS))
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print what there is and measure nothing")
    arguments = parser.parse_args()
    if not arguments.table:
        measure(arguments.out, arguments.materials, arguments.side, arguments.threads)
    print_table(arguments.out)


def measure(out: Path, materials: int, side: int, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    done = {(row["material"], float(row["percent"]), int(row["tile"])) for row in read(out)}
    new = not out.exists()
    with out.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS)
        if new:
            writer.writeheader()
        for index, percent in itertools.product(range(materials), SIZES):
            family, seed = MATERIALS[index]
            material = Material.from_seed(seed, family)
            kind = DefectKind(KINDS[index % len(KINDS)], 7 + index)
            name = f"{material.family}_{index}"
            # Of defects that are no longer small, quarter tiles are not asked about.
            tiles = [0, side // 2, side // 4] if percent < 2 else [0, side // 2]
            tiles = [tile for tile in tiles if (name, percent, tile) not in done]
            if not tiles:
                continue
            good, support, query = (material.good(i, side) for i in range(3))
            support, marked = laid(support, material, kind, percent / 100 * side, [0])
            query, truth = laid(query, material, kind, percent / 100 * side, range(1, 1 + IN_QUERY))
            for tile in tiles:
                found = case((support, marked.any(0)), good, query, truth, tile)
                row = {"material": name, "kind": kind.family, "percent": percent, "tile": tile, **found}
                writer.writerow(row)
                stream.flush()


def laid(
    photograph: Floats, material: Material, kind: DefectKind, size: float, indices: "range | list[int]"
) -> tuple[Floats, Bools]:
    """A photograph with a defect of each index, and where each is: (n, h, w)."""
    side = photograph.shape[0]
    rng = np.random.default_rng([material.seed, kind.seed, len(indices)])
    # A grid of places, so that no two defects touch.
    places = [(y, x) for y in range(3) for x in range(3)]
    image, masks = photograph.copy(), np.zeros((len(indices), side, side), np.bool_)
    for number, (index, place) in enumerate(
        zip(indices, rng.permutation(places)[: len(indices)], strict=True)
    ):
        before, after, mask = material.scenes(index, kind, 512)
        ys, xs = np.nonzero(mask)
        box = (slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1))
        factor = size / float(mask.sum()) ** 0.5
        change = shrunk((gamma(after) - gamma(before))[box] * mask[box][..., None], factor)
        shown = shrunk(mask[box].astype(np.float32)[..., None], factor)[..., 0] > 0.4
        if not shown.any():
            shown[shown.shape[0] // 2, shown.shape[1] // 2] = True
        strength = float(np.sqrt(np.square(change[shown]).mean()))
        change = change * max(1.0, CONTRAST / max(strength, 1e-3))
        third = side // 3
        h, w = (min(n, third) for n in shown.shape)
        y, x = (int(at * third + rng.integers(0, third - n + 1)) for at, n in zip(place, (h, w), strict=True))
        image[y : y + h, x : x + w] += change[:h, :w]
        masks[number, y : y + h, x : x + w] = shown[:h, :w]
    return image.clip(0, 1), masks


def gamma(color: Floats) -> Floats:
    """Linear to as a photograph has it."""
    return np.asarray(np.clip(color, 0, 1) ** (1 / 2.2), np.float32)


def shrunk(values: Floats, factor: float) -> Floats:
    """(h, w, c) resized by a factor, each pixel the mean of what it covers."""
    size = [max(1, round(n * factor)) for n in values.shape[1::-1]]
    planes = [
        Image.fromarray(values[..., c]).resize(size, Image.Resampling.BOX) for c in range(values.shape[2])
    ]
    return np.stack([np.asarray(plane, np.float32) for plane in planes], -1)


def case(
    support: tuple[Floats, Bools], good: Floats, query: Floats, truth: Bools, tile: int
) -> dict[str, object]:
    from obftnet import Segmenter

    segmenter = Segmenter.from_pretrained(device="cpu", tile=tile or None).fit([support], [good])
    start = time.process_time()
    score = segmenter.predict(query).score
    seconds = time.process_time() - start
    all_of_it = truth.any(0)
    marked = score > 0.5
    return {
        "looks": len(corners(query.shape[:2], tile)) if tile else 1,
        "iou": round(iou(marked, all_of_it), 4),
        "best_iou": round(max(iou(score > t, all_of_it) for t in np.linspace(0.05, 0.95, 19)), 4),
        "found": sum(bool((marked & one).any()) for one in truth),
        "outside": round(100 * float((marked & ~all_of_it).mean()), 4),
        "seconds": round(seconds, 2),
    }


def iou(marked: Bools, truth: Bools) -> float:
    return float((marked & truth).sum() / (marked | truth).sum())


def read(out: Path) -> list[dict[str, str]]:
    if not out.exists():
        return []
    with out.open(newline="") as stream:
        return list(csv.DictReader(stream))


def print_table(out: Path) -> None:
    """Means over the materials that have all tilings of a size."""
    rows = read(out)
    groups: dict[tuple[float, int], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        groups[float(row["percent"]), int(row["tile"])].append(row)
    print("| defect, % of the side | tile | looks | images | defects found | IoU | best IoU | outside, % |")
    print("|---|---|---|---|---|---|---|---|")
    for (percent, tile), group in sorted(groups.items()):
        found = sum(int(row["found"]) for row in group)
        means = [np.mean([float(row[name]) for row in group]) for name in ("iou", "best_iou", "outside")]
        print(
            f"| {percent:g} | {tile or 'whole'} | {group[0]['looks']} | {len(group)} | "
            f"{found} of {IN_QUERY * len(group)} | {100 * means[0]:.1f} | {100 * means[1]:.1f} | "
            f"{means[2]:.2f} |"
        )


if __name__ == "__main__":
    main()
