"""Segmenting many files: a guest that calls the one inference path for each of them."""

from obftnet.segmentation.job import LEAST_REGION, Summary, segment_files
from obftnet.segmentation.outputs import KINDS, Kind, Outputs

__all__ = ["KINDS", "LEAST_REGION", "Kind", "Outputs", "Summary", "segment_files"]
