"""Reports of results as one HTML file: a guest that reads what `segment` wrote."""

from obftnet.reporting.report import Reported, write_report

__all__ = ["Reported", "write_report"]
