"""The layout of NEU-Seg, hot-rolled steel, test split.

    ROOT/images/test/NNNNNN.jpg
    ROOT/annotations/test/NNNNNN.png     0 background, 1 inclusion, 2 patches, 3 scratches

An image may show several kinds and is then one sample of each. There are no good images.
"""

from pathlib import Path

import numpy as np

from obftnet.data.collection import Collection, Sample
from obftnet.data.layouts.folders import images_in
from obftnet.data.layouts.pairs import by_stem, same_size
from obftnet.data.layouts.report import Report, refuse
from obftnet.errors import InputError
from obftnet.imaging.read import read_labels

MATERIAL = "steel"
KINDS = {1: "inclusion", 2: "patches", 3: "scratches"}


def read_neu_seg(root: Path, report: Report = refuse) -> Collection:
    """Read the test split: one sample for each image and kind in it, each image a group of its own.

    Every annotation is read, because only its values tell which kinds an image shows.

    Raises:
        InputError: a folder is missing or empty, or nothing in it can be used. Reported: an image without
            annotation or the other way round, two files of one stem, different sizes, a value outside 0..3.
    """
    for part in ("images", "annotations"):
        if not (root / part / "test").is_dir():
            raise InputError(f"{root}: no folder {part}/test; images/test and annotations/test are wanted")
    images = by_stem(images_in(root / "images" / "test", report), report)
    annotations = by_stem(images_in(root / "annotations" / "test", report), report)
    if not images:
        raise InputError(f"{root / 'images' / 'test'}: no image in it; NNNNNN.jpg files are wanted")
    for stem, image in images.items():
        if stem not in annotations:
            wanted = f"{root / 'annotations' / 'test' / stem}.png is wanted"
            report(InputError(f"{image}: no annotation; {wanted}"))
    for stem, annotation in annotations.items():
        if stem not in images:
            wanted = f"{root / 'images' / 'test' / stem}.jpg is wanted"
            report(InputError(f"{annotation}: no image; {wanted}"))
    samples = []
    for stem, image in images.items():
        annotation_file = annotations.get(stem)
        if annotation_file is not None and same_size(image, annotation_file, report):
            values = _values(annotation_file, report)
            samples += [Sample(MATERIAL, KINDS[v], image, annotation_file, stem, v) for v in values]
    if not samples:
        raise InputError(f"{root}: no annotation marks a defect; values 1, 2 and 3 are wanted")
    return Collection(root, "neu_seg", tuple(samples))


def _values(annotation: Path, report: Report) -> list[int]:
    """The classes that an annotation marks; none of one that cannot be used."""
    try:
        values = [value for value in np.unique(read_labels(annotation)).tolist() if value != 0]
    except InputError as error:
        report(error)
        return []
    for value in values:
        if value not in KINDS:
            report(InputError(f"{annotation}: value {value} in it; 0..3 are the classes of NEU-Seg"))
            return []
    return values
