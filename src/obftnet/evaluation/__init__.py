"""Evaluation by the protocol: episodes in, IoU, a table and pictures out."""
