"""Regions of many images as a table: a row a region, as CSV, or as Parquet where pyarrow is installed."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from obftnet.errors import InputError
from obftnet.files import atomic
from obftnet.regions.region import ImageRegions

Value: TypeAlias = str | int | float | None

#: Columns and their types. Lengths in pixels unless a name says otherwise; those in mm are empty where the
#: scale is not known. `region` counts an image's regions from 1.
COLUMNS: dict[str, type] = {
    "image": str,
    "region": int,
    "kind": str,
    "area": int,
    "box_x": int,
    "box_y": int,
    "box_width": int,
    "box_height": int,
    "center_x": float,
    "center_y": float,
    "length": float,
    "width": float,
    "orientation_degrees": float,
    "mean_score": float,
    "largest_score": float,
    "area_mm2": float,
    "length_mm": float,
    "width_mm": float,
}


def rows(images: Iterable[ImageRegions]) -> Iterator[tuple[Value, ...]]:
    """A tuple of the values of `COLUMNS` for each region."""
    for image in images:
        for number, region in enumerate(image.regions, start=1):
            scale = image.scale
            in_mm: tuple[Value, ...] = (None, None, None)
            if scale is not None:
                in_mm = (region.area / scale**2, region.length / scale, region.width / scale)
            yield (
                image.image,
                number,
                region.kind,
                region.area,
                *region.box,
                *region.center,
                region.length,
                region.width,
                region.orientation,
                region.mean_score,
                region.largest_score,
                *in_mm,
            )


def write_csv(path: str | Path, images: Iterable[ImageRegions]) -> None:
    """Write the table as CSV (UTF-8), scores to nine digits, lengths to six, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    write_rows(path, list(COLUMNS), rows(images))


def write_rows(path: str | Path, columns: Sequence[str], values: Iterable[Sequence[Value]]) -> None:
    """Write any table as `write_csv` does; columns of scores are those whose names end with "score".

    Bytes of names that are no Unicode become escapes.

    Raises:
        InputError: it cannot be written.
    """
    formats = [".9g" if name.endswith("score") else ".6g" for name in columns]
    with (
        atomic(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in values:
            writer.writerow(map(_cell, row, formats))


def _cell(value: Value, digits: str) -> str | int:
    if value is None:
        return ""
    return format(value, digits) if isinstance(value, float) else value


def write_parquet(path: str | Path, images: Iterable[ImageRegions]) -> None:
    """Write the table as Parquet, whole or not at all.

    Raises:
        InputError: pyarrow is not installed, or it cannot be written.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(f"{path}: Parquet needs pyarrow, which is not there; pip install pyarrow") from error
    kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    columns = list(zip(*rows(images), strict=True)) or [()] * len(COLUMNS)
    values = [list(map(_storable, column)) for column in columns]
    content = pyarrow.table(dict(zip(COLUMNS, values, strict=True)), schema=schema)
    with atomic(path) as temporary:
        parquet.write_table(content, str(temporary))


def _storable(value: Value) -> Value:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
