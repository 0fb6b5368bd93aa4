"""Segmenting many files: a guest that calls the one inference path for each of them."""

from obftnet.segmentation.job import Summary, segment_files
from obftnet.segmentation.outputs import Outputs

__all__ = ["Outputs", "Summary", "segment_files"]
