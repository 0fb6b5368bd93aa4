"""A model that `obftnet export` wrote, run without torch: its contract, the engines, its predictions."""

from obftnet.exported.contract import Contract, Proof
from obftnet.exported.engines import ENGINES, EngineName
from obftnet.exported.export import Export, read_export
from obftnet.exported.segmenter import ExportedSegmenter

__all__ = ["ENGINES", "Contract", "EngineName", "Export", "ExportedSegmenter", "Proof", "read_export"]
