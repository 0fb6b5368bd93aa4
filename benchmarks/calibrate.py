"""False alarms and recall on real images after a calibration: the table of docs/results.md.

    python benchmarks/calibrate.py --shared ../shared --work ../calibration

Of each material the kind of defect that leaves most queries, one and five supports of different parts, two
good images as background, at most 57 good and 8 defective images of other parts as queries. Steel has no good
image: its pictures are cut into quarters, and one quarter of a picture counts, good or defective. The work
folder keeps the packs and score maps, so that a second call goes on, and another table needs no prediction.
"""

import argparse
import csv
import random
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

MATERIALS = ("leather", "fabric_03", "tile", "wood", "magtile", "steel")
SHOTS = (1, 5)
BACKGROUNDS, GOOD, DEFECTIVE = 2, 57, 8
#: Pixels of defect that a quarter of a steel picture has at least, to be one that shows a defect.
SEEN = 50


@dataclass(frozen=True)
class Sample:
    """An image, the mask of its defect (None: good), and the part or picture that it shows."""

    image: Path
    mask: Path | None
    group: str


@dataclass(frozen=True)
class Case:
    """What of a material is used: five supports, backgrounds, and queries of other parts."""

    material: str
    kind: str
    supports: list[Sample]
    backgrounds: list[Sample]
    good: list[Sample]
    defective: list[Sample]


def case_of(material: str, shared: Path, work: Path) -> Case:
    """The choice of a material's images, a function of its files alone: the kind that leaves most queries."""
    good, kinds = steel(shared, work) if material == "steel" else textures(shared, material)
    cases = [chosen(material, kind, list(good), found) for kind, found in sorted(kinds.items())]
    cases = [case for case in cases if len(case.supports) == max(SHOTS) and case.defective]
    return max(cases, key=lambda case: min(len(case.good), 30) + len(case.defective))


def chosen(material: str, kind: str, good: list[Sample], defective: list[Sample]) -> Case:
    """Supports, backgrounds and queries of a kind of defect: no part is in two of them."""
    order = random.Random(material)
    order.shuffle(good)
    order.shuffle(defective)
    of_good = {sample.group for sample in good}
    # Supports of parts of which there is no good image leave more of those.
    first = sorted(defective, key=lambda sample: sample.group in of_good)
    supports = list({sample.group: sample for sample in reversed(first)}.values())[::-1][: max(SHOTS)]
    used = {sample.group for sample in supports}
    good = [sample for sample in good if sample.group not in used]
    backgrounds = list({sample.group: sample for sample in good}.values())[:BACKGROUNDS]
    used |= {sample.group for sample in backgrounds}
    good = [sample for sample in good if sample.group not in used][:GOOD]
    defective = [sample for sample in defective if sample.group not in used][:DEFECTIVE]
    return Case(material, kind, supports, backgrounds, good, defective)


def textures(shared: Path, material: str) -> tuple[list[Sample], dict[str, list[Sample]]]:
    """Good images, and defective ones by kind, of one of the materials in MVTec's layout."""
    root = shared / "data" / "textures"
    found = defaultdict(list)
    with (root / "manifest.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["material"] == material:
                mask = root / row["mask"] if row["mask"] else None
                found[row["kind"]].append(Sample(root / row["image"], mask, row["group"]))
    return found.pop("good"), found


def steel(shared: Path, work: Path) -> tuple[list[Sample], dict[str, list[Sample]]]:
    """Quarters of pictures that show inclusions alone: every second picture gives a good one."""
    root, out = shared / "data" / "neu_seg", work / "steel" / "quarters"
    good, defective = [], []
    for path in sorted((root / "annotations" / "test").glob("*.png")):
        labels = np.asarray(Image.open(path))
        if set(np.unique(labels)) != {0, 1}:
            continue
        quarters = [(y, x) for y in (0, 100) for x in (0, 100)]
        counts = {(y, x): np.count_nonzero(labels[y : y + 100, x : x + 100]) for y, x in quarters}
        clean = [place for place in quarters if not counts[place]]
        is_good = bool(clean) and int(path.stem) % 2 == 0
        y, x = clean[0] if is_good else max(quarters, key=counts.__getitem__)
        if not is_good and counts[y, x] < SEEN:
            continue
        out.mkdir(parents=True, exist_ok=True)
        image, mask = out / f"{path.stem}.png", out / "masks" / f"{path.stem}.png"
        whole = np.asarray(Image.open(root / "images" / "test" / f"{path.stem}.jpg"))
        Image.fromarray(whole[y : y + 100, x : x + 100]).save(image)
        if not is_good:
            mask.parent.mkdir(exist_ok=True)
            Image.fromarray((labels[y : y + 100, x : x + 100] > 0).astype(np.uint8) * 255).save(mask)
        (good if is_good else defective).append(Sample(image, None if is_good else mask, path.stem))
    return good, {"inclusion": defective}


def predicted(case: Case, shots: int, work: Path, weights: str | None) -> tuple[Path, Path, Path]:
    """Score maps of the good and the defective images, by a pack of so many supports; the pack first."""
    from obftnet.packing import fit_pack
    from obftnet.segmentation import segment_files

    here = work / case.material / f"{shots}_shot"
    pack = here / "fitted.pack"
    if not pack.exists():
        guidance = here / "guidance"
        for sample in case.supports[:shots]:
            place = guidance / "support" / sample.image.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sample.image, place)
            assert sample.mask is not None
            shutil.copyfile(sample.mask, place.with_name(f"{place.stem}_mask{sample.mask.suffix}"))
        for sample in case.backgrounds:
            place = guidance / "background" / sample.image.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(sample.image, place)
        fit_pack(guidance, pack, weights=weights, device="cpu")
    for name, samples in (("good", case.good), ("defects", case.defective)):
        images = [sample.image for sample in samples]
        segment_files(images, None, here / name, pack=pack, weights=weights, keep=["score"], device="cpu")
    return pack, here / "good", here / "defects"


def main() -> None:
    """Predict, then print the table."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--weights")
    parser.add_argument("--materials", nargs="*", default=MATERIALS)
    arguments = parser.parse_args()
    for shots in SHOTS:
        for material in arguments.materials:
            case = case_of(material, arguments.shared, arguments.work)
            print(material, case.kind, shots, len(case.good), len(case.defective), flush=True)
            predicted(case, shots, arguments.work, arguments.weights)


if __name__ == "__main__":
    main()
