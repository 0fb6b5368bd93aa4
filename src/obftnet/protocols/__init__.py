"""Protocols by name: which data and folds, and what the data must hold. A new one is one TOML file here."""

from obftnet.protocols.check import Finding, check
from obftnet.protocols.read import DataProtocol, names, read_protocol

__all__ = ["DataProtocol", "Finding", "check", "names", "read_protocol"]
