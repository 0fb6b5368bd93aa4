"""Regions of many images as COCO's annotation file (https://cocodataset.org/#format-data), masks as RLE."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from obftnet.files import write_json
from obftnet.regions.region import ImageRegions


def write_coco(path: str | Path, images: Iterable[ImageRegions]) -> None:
    """Write images, categories (the kinds) and annotations (the regions), whole or not at all.

    An annotation's `score` is its region's largest. Ids count from 1.

    Raises:
        InputError: it cannot be written.
    """
    write_json(path, coco(images))


def coco(images: Iterable[ImageRegions]) -> dict[str, Any]:
    """The content of the file, as JSON values."""
    categories: dict[str, int] = {}
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, start=1):
        listed.append(
            {"id": image_id, "file_name": image.image, "width": image.width, "height": image.height}
        )
        for region in image.regions:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": categories.setdefault(region.kind, len(categories) + 1),
                    "segmentation": {"size": [image.height, image.width], "counts": compressed(region.runs)},
                    "area": region.area,
                    "bbox": list(region.box),
                    "iscrowd": 0,
                    "score": region.largest_score,
                }
            )
    return {
        "images": listed,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
        "annotations": annotations,
    }


def compressed(runs: Sequence[int]) -> str:
    """Lengths of runs as COCO's string: from the third on, each less the one of the same sort before it.

    A number stands as its two's complement in groups of five bits, the lowest first; a sixth bit says that
    another group follows; 48 is added to make a character of it.
    """
    text = []
    for place, run in enumerate(runs):
        number = run - runs[place - 2] if place > 2 else run
        while True:
            group, number = number & 31, number >> 5
            # The last group's highest bit is the number's sign.
            last = number == (-1 if group & 16 else 0)
            text.append(chr(48 + (group if last else group | 32)))
            if last:
                break
    return "".join(text)


def expanded(text: str) -> tuple[int, ...]:
    """The lengths of runs of which `compressed` made a string.

    Raises:
        ValueError: it is none.
    """
    runs: list[int] = []
    number = shift = 0
    for letter in text:
        group = ord(letter) - 48
        if not 0 <= group < 64:
            raise ValueError(f"{letter!r} in run lengths")
        number |= (group & 31) << shift
        shift += 5
        if not group & 32:
            if group & 16:
                number -= 1 << shift
            runs.append(number + runs[-2] if len(runs) > 2 else number)
            number = shift = 0
    if shift or any(run < 0 for run in runs):
        raise ValueError("run lengths that end within one, or below 0")
    return tuple(runs)
