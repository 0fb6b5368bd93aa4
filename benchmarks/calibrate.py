"""False alarms and recall on real images after a calibration: the table of docs/results.md.

    python benchmarks/calibrate.py --shared ../shared --work ../calibration

Of each material the kind of defect that leaves most queries, one and five supports of different parts, two
good images as background, at most 57 good and 8 defective images of other parts as queries. Steel has no good
image: its pictures are cut into quarters, and one quarter of a picture counts, good or defective. The work
folder keeps the packs and score maps, so that a second call goes on, and another table needs no prediction.
"""

import argparse
import csv
import json
import random
import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from obftnet.calibration import bound, interval, propose_least_region
from obftnet.decision import Decision, image_score
from obftnet.segmentation.decider import read_score

MATERIALS = ("leather", "fabric_03", "tile", "wood", "magtile", "steel")
SHOTS = (1, 5)
RATES = (0.05, 0.01)
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


def row(case: Case, shots: int, here: Path, rate: float) -> str:
    """A line of the table: calibrated on a third of the good images, looked at on the others."""
    masks = [np.asarray(Image.open(sample.mask).convert("L")) > 127 for sample in case.supports[:shots]]
    least = propose_least_region(masks)
    decision = Decision(min_area=least.area)
    good, defects = (
        scores(here / "good", case.good, decision),
        scores(here / "defects", case.defective, decision),
    )
    groups = list(dict.fromkeys(sample.group for sample in case.good))
    chosen: set[str] = set()
    for group in groups:
        if sum(sample.group in chosen for sample in case.good) * 3 >= len(case.good):
            break
        chosen.add(group)
    used = [good[sample.image] for sample in case.good if sample.group in chosen and sample.image in good]
    rest = [good[sample.image] for sample in case.good if sample.group not in chosen and sample.image in good]
    limit = bound(used, rate)
    threshold = max(limit.threshold, 0.5)
    alarms, found = sum(x > threshold for x in rest), sum(x > threshold for x in defects.values())
    low, high = interval(alarms, len(rest))
    lowest, highest = interval(found, len(defects))
    plain = sum(x > 0.5 for x in scores(here / "good", case.good, Decision(min_area=9)).values())
    sure = f"{100 * limit.promised:.1f} %"
    inside = "yes" if low <= rate <= high else "no"
    return (
        f"| {case.material}, {case.kind} | {shots} | {plain} of {len(good)} | {least.area:g} | "
        f"{100 * rate:g} % | {len(used)} | {sure} | {threshold:.7g} | {alarms} of {len(rest)} "
        f"({100 * low:.1f} to {100 * high:.1f} %) | {inside} | {found} of {len(defects)} "
        f"({100 * lowest:.0f} to {100 * highest:.0f} %) |"
    )


def scores(results: Path, samples: list[Sample], decision: Decision) -> dict[Path, float]:
    """Image scores by image, of those that are predicted."""
    found = {}
    for entry in entries(results):
        score = read_score(results / f"{entry['result']}_score.tiff")
        found[Path(entry["file"])] = image_score(score, decision)
    named = {sample.image.resolve(): sample.image for sample in samples}
    return {named[path]: value for path, value in found.items() if path in named}


def entries(results: Path) -> list[dict[str, str]]:
    """What is done of results, finished or not."""
    listed = json.loads((results / "segment.json").read_text())["images"]
    journal = results / "segment.unfinished"
    if journal.exists():
        listed += [json.loads(line) for line in journal.read_text().split("\n")[1:-1]]
    return listed


COLUMNS = (
    "material, defect",
    "supports",
    "good images with a mark, as shipped",
    "least region, pixels",
    "asked",
    "calibrated on",
    "promised",
    "threshold",
    "false alarms on the others",
    "asked rate inside",
    "defective images found",
)


def main() -> None:
    """Predict, then print the table."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--weights")
    parser.add_argument("--materials", nargs="*", default=MATERIALS)
    parser.add_argument("--table", action="store_true", help="Only the table, of what is predicted already.")
    arguments = parser.parse_args()
    lines = []
    for shots in SHOTS:
        for material in arguments.materials:
            case = case_of(material, arguments.shared, arguments.work)
            here = arguments.work / case.material / f"{shots}_shot"
            if not arguments.table:
                print(material, case.kind, shots, len(case.good), len(case.defective), file=sys.stderr)
                predicted(case, shots, arguments.work, arguments.weights)
            if (here / "good" / "segment.json").exists() and (here / "defects" / "segment.json").exists():
                lines += [row(case, shots, here, rate) for rate in RATES]
    print("\n".join([f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *lines]))


if __name__ == "__main__":
    main()
