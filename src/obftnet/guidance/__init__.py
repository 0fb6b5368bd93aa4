"""Supports and backgrounds as every query meets them: prepared once, then related to each."""
