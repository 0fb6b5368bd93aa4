"""Reading and writing images, masks and score maps."""

from obftnet.imaging.overlay import draw_overlay
from obftnet.imaging.read import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    as_image,
    as_mask,
    image_size,
    list_images,
    read_image,
    read_labels,
    read_mask,
)
from obftnet.imaging.write import write_png, write_score

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "as_image",
    "as_mask",
    "draw_overlay",
    "image_size",
    "list_images",
    "read_image",
    "read_labels",
    "read_mask",
    "write_png",
    "write_score",
]
