"""Segmenting many files: a guest that calls the one inference path for each of them."""

from typing import TYPE_CHECKING, Any

from obftnet.segmentation.changes import LEAST_REGION
from obftnet.segmentation.deciding import decide_results
from obftnet.segmentation.outputs import KINDS, Kind, Outputs
from obftnet.segmentation.summary import Summary

if TYPE_CHECKING:
    from obftnet.segmentation.job import segment_files

__all__ = ["KINDS", "LEAST_REGION", "Kind", "Outputs", "Summary", "decide_results", "segment_files"]


def __getattr__(name: str) -> Any:
    """The names that need torch, when they are first asked for (PEP 562): records and names need none."""
    if name in __all__:
        from obftnet.segmentation import job

        return getattr(job, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
