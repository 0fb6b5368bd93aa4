"""Dust: specks and fibres that lie on any image, good or not, and are no defect."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import mixed, tone
from obftnet.synthetic.defects.shapes import NDPath, drawn, walk
from obftnet.synthetic.noise import SIDE, Floats, chance, log_uniform

#: Fraction of the materials that are photographed where there is dust; most specks an image.
_DUSTY, _MOST = 0.35, 60


def dusted(color: Floats, look: Generator, rng: Generator) -> Floats:
    """A surface (size, size, 3) with dust, where the material's `look` has any; how much differs by image.

    Specks of half a unit to a unit and a half, smaller than what is annotated as a defect, and some fibres.
    """
    if not chance(look, _DUSTY):
        return color
    amount, fibres = log_uniform(look, 1.0, 15.0), look.uniform(0.0, 0.3)
    shade, opacity = tone(look, (0.05, 0.95), (0.0, 0.1)), look.uniform(0.3, 0.9)
    count = min(_MOST, int(rng.poisson(amount * np.exp(rng.normal(0.0, 0.8)))))
    if not count:
        return color
    paths: list[tuple[NDPath, Floats]] = []
    for _ in range(count):
        start = (float(rng.uniform(0, SIDE)), float(rng.uniform(0, SIDE)))
        heading, width = float(rng.uniform(0, 2 * np.pi)), log_uniform(rng, 0.5, 1.5)
        if chance(rng, fibres):
            path = walk(rng, start, heading, log_uniform(rng, 4, 14), step=1.5, turn=0.4)
            width = 0.5
        else:
            length = rng.uniform(0.0, 1.0)
            end = (start[0] + length * np.cos(heading), start[1] + length * np.sin(heading))
            path = np.array([start, end])
        paths.append((path, np.full(len(path), width, np.float32)))
    alpha = np.float32(opacity) * drawn(color.shape[0], paths)
    return mixed(color, np.broadcast_to(shade, color.shape), alpha)
