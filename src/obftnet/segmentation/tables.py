"""The tables of a folder of results: a row an image, a row a region, and COCO's file of the regions."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from obftnet.errors import InputError
from obftnet.regions import ImageRegions, Region, read_regions, write_coco, write_csv, write_parquet
from obftnet.regions.tables import Value, write_rows
from obftnet.segmentation.outputs import Outputs
from obftnet.segmentation.record import Entry, Record, Written

IMAGES, REGIONS, COCO, PARQUET = "images.csv", "regions.csv", "coco.json", "regions.parquet"
TABLES = (IMAGES, REGIONS, COCO, PARQUET)

#: Of `images.csv`. A file that was not looked at has no verdict, and a `problem`.
COLUMNS = (
    "image",
    "verdict",
    "image_score",
    "largest_score",
    "regions",
    "kinds",
    "marked_pixels",
    "marked_fraction",
    "marked_mm2",
    "width",
    "height",
    "file",
    "problem",
)


def write_tables(out: Path, record: Record) -> dict[str, Written]:
    """Write the tables of all images in a record, in the order of their results' names.

    Each is written whole or not at all. What is in mm is empty where the scale is not known; Parquet is made
    where pyarrow is installed.

    Returns:
        What was written.

    Raises:
        InputError: an image by another decision, regions that are not as they were written, or a table that
            cannot be written.
    """
    others = [entry.file for entry in record.images if entry.decided_by != record.settled.key]
    if others:
        raise InputError(
            f"{out}: {len(others)} of the images are decided by other settings, such as {others[0]}; decide "
            "about all of them again, or segment them again"
        )
    entries = sorted(record.images, key=lambda entry: entry.result)
    images = [_regions_of(out, entry, record.settled.scale) for entry in entries]
    write_rows(out / IMAGES, COLUMNS, _rows(record, entries, images))
    write_csv(out / REGIONS, images)
    write_coco(out / COCO, images)
    written = [IMAGES, REGIONS, COCO]
    if importlib.util.find_spec("pyarrow") is not None:
        write_parquet(out / PARQUET, images)
        written.append(PARQUET)
    return {name: Written.of(out / name) for name in written}


def remove_tables(out: Path) -> None:
    """Remove what there is of them. Raises InputError where that is not permitted."""
    for name in TABLES:
        try:
            (out / name).unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{out / name}: cannot be replaced ({reason}); name another folder") from error


def are_whole(out: Path, record: Record) -> bool:
    """Whether the tables of a record are there as they were written."""
    return bool(record.tables) and all(w.is_still(out / name) for name, w in record.tables.items())


def image_name(entry: Entry) -> str:
    """What tables call an image: its name below the folder that was segmented, as `sub/part1.png`."""
    return str(PurePosixPath(entry.result).relative_to(entry.part).parent / Path(entry.file).name)


def _regions_of(out: Path, entry: Entry, scale: float | None) -> ImageRegions:
    found: list[Region] = []
    if entry.regions:
        path = Outputs.of(out, entry.result).regions
        written = entry.written.get("regions")
        if written is None or not written.is_still(path):
            raise InputError(f"{path}: not as it was written; segment {entry.file} again")
        found = read_regions(path)
    return ImageRegions(image_name(entry), entry.height, entry.width, found, scale)


def _rows(record: Record, entries: list[Entry], images: list[ImageRegions]) -> Iterator[tuple[Value, ...]]:
    scale = record.settled.scale
    for entry, image in zip(entries, images, strict=True):
        marked = sum(region.area for region in image.regions)
        yield (
            image.image,
            str(entry.verdict),
            entry.image_score,
            entry.max_score,
            entry.regions,
            "; ".join(sorted({region.kind for region in image.regions})),
            marked,
            entry.defect_area,
            None if scale is None else marked / scale**2,
            entry.width,
            entry.height,
            entry.file,
            "",
        )
    for refused in record.refused:
        yield (Path(refused.file).name, *("",) * (len(COLUMNS) - 3), refused.file, refused.reason)
