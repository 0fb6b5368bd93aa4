"""Protocols by name: which data and folds, and what the data must hold. A new one is one TOML file here."""

from obftnet.protocols.check import BACKGROUNDS, Count, Finding, check, counts
from obftnet.protocols.read import DataProtocol, names, read_protocol
from obftnet.protocols.source import PAPER, ProtocolData, read_data

__all__ = [
    "BACKGROUNDS",
    "PAPER",
    "Count",
    "DataProtocol",
    "Finding",
    "ProtocolData",
    "check",
    "counts",
    "names",
    "read_data",
    "read_protocol",
]
