"""Frozen backbones, their weights, and the pyramids of feature maps they give."""
