"""Connected regions of a mask: their shape, what is known of each, and files of them."""

from obftnet.regions.coco import write_coco
from obftnet.regions.region import ImageRegions, Region, find_regions, marked, mask_runs
from obftnet.regions.stored import read_regions, write_regions
from obftnet.regions.tables import write_csv, write_parquet

__all__ = [
    "ImageRegions",
    "Region",
    "find_regions",
    "marked",
    "mask_runs",
    "read_regions",
    "write_coco",
    "write_csv",
    "write_parquet",
    "write_regions",
]
