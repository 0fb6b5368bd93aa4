"""Coordinates of the pixels of an image, in units."""

import numpy as np

from obftnet.synthetic.noise import SIDE, Floats


def grid(size: int) -> tuple[Floats, Floats]:
    """Pixel centres (x, y) in units, shapes (1, size) and (size, 1)."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(SIDE / size)
    return line[None, :], line[:, None]


def rotated(size: int, centre: tuple[float, float], angle: float) -> tuple[Floats, Floats]:
    """Coordinates along and across `angle` around a centre, units, each (size, size)."""
    x, y = grid(size)
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return np.asarray(cosine * x + sine * y, np.float32), np.asarray(cosine * y - sine * x, np.float32)
