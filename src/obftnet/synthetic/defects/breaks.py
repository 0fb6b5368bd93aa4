"""Thin breaks: lines a pixel or two wide that run far."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import mixed
from obftnet.synthetic.defects.damage import Damage
from obftnet.synthetic.defects.shapes import NDPath, drawn, fractal_line, place, walk
from obftnet.synthetic.noise import Floats, chance, fractal_field, log_uniform
from obftnet.synthetic.view import Surface


def hairline(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A hairline crack: thin, dark, straight or a little crooked; some break off, meet or are chipped."""
    width, crooked = look.uniform(0.7, 1.7), look.uniform(0.0, 0.25)
    broken, chipped = look.uniform(0.0, 0.5), look.uniform(0.0, 3.0) if chance(look, 0.5) else 0.0
    star, reach = chance(look, 0.3), log_uniform(look, 45, 280)
    dark = look.uniform(0.1, 0.45)
    rays = int(rng.integers(3, 6)) if star else 1
    start = place(rng, 0.15)
    heading = float(rng.uniform(0, 2 * np.pi))
    paths: list[tuple[NDPath, Floats]] = []
    for ray in range(rays):
        turn = heading + 2 * np.pi * ray / rays + float(rng.normal(0, 0.3))
        length = float(np.clip(reach * np.exp(0.3 * rng.normal()) / rays**0.5, 40, 300))
        points = walk(rng, start, turn, length, step=4, turn=crooked, pull=0.2)
        count = len(points)
        widths = width * (1 + 0.2 * fractal_line(rng, max(count, 8), 0.7)[:count])
        paths.extend(_stretches(rng, points, np.asarray(widths, np.float32), broken))
        for _ in range(int(rng.poisson(chipped))):
            spot = points[int(rng.integers(count))] + rng.normal(0, 0.8, 2)
            side = rng.normal(0, 1.6, 2)
            size = np.full(3, width * rng.uniform(1.5, 3.0), np.float32)
            paths.append((np.asarray([spot, spot + side, spot + 1.5 * side[::-1]], np.float64), size))
    cover = drawn(surface.size, paths)
    uneven = 1 + 0.25 * fractal_field(rng, surface.size, 0.8)
    depth = np.float32(dark) * surface.color * uneven[..., None]
    return Damage(mixed(surface.color, np.asarray(depth, np.float32), cover * np.float32(0.95)), cover)


def _stretches(rng: Generator, points: NDPath, widths: Floats, broken: float) -> list[tuple[NDPath, Floats]]:
    """The path, or its stretches between short gaps: at least one is left."""
    if broken < 0.2 or len(points) < 12:
        return [(points, widths)]
    parts: list[tuple[NDPath, Floats]] = []
    begin = 0
    while begin < len(points) - 2:
        end = begin + int(rng.integers(4, 14))
        parts.append((points[begin : end + 1], widths[begin : end + 1]))
        begin = end + 1 + int(rng.integers(0, 1 + round(6 * broken)))
    return parts
