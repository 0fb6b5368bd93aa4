"""Frozen backbones, their weights, and the feature maps they give."""
