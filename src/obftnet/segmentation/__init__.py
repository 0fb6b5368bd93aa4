"""Segmenting many files: a guest that calls the one inference path for each of them."""

from typing import TYPE_CHECKING, Any

from obftnet.segmentation.changes import LEAST_REGION
from obftnet.segmentation.deciding import decide_results
from obftnet.segmentation.outputs import KINDS, Kind, Outputs
from obftnet.segmentation.summary import Summary

if TYPE_CHECKING:
    from obftnet.segmentation.exported import segment_exported
    from obftnet.segmentation.segment import segment_files

__all__ = [
    "KINDS",
    "LEAST_REGION",
    "Kind",
    "Outputs",
    "Summary",
    "decide_results",
    "segment_exported",
    "segment_files",
]


def __getattr__(name: str) -> Any:
    """What runs a network, when it is first asked for (PEP 562): records and names need none."""
    if name == "segment_files":
        from obftnet.segmentation.segment import segment_files

        return segment_files
    if name == "segment_exported":
        from obftnet.segmentation.exported import segment_exported

        return segment_exported
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
