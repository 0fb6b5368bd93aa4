"""Coarse materials, grains beside grains: granite, rough cast metal, carpet."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import mixed, near, tinted, tone
from obftnet.synthetic.noise import (
    Floats,
    band_field,
    cells,
    chance,
    fractal_field,
    log_uniform,
    relief,
    smooth_field,
    smoothstep,
)
from obftnet.synthetic.view import Surface, View


def granite(look: Generator, view: View) -> Surface:
    """Granite: crystals of three or four tones that fill the surface, with dark flakes between."""
    base = tone(look, (0.3, 0.7), (0.0, 0.3), (-0.02, 0.14))
    spacing, ragged = log_uniform(look, 3.0, 10.0), look.uniform(0.15, 0.5)
    contrast = look.uniform(0.15, 0.5)
    levels = np.sort(look.uniform(0, 1, 3))
    tones = np.stack([near(look, base * (1 + contrast * step), 0.06) for step in (-1.0, -0.2, 0.3, 1.0)])
    flakes, dark = look.uniform(0.6, 1.8), base * look.uniform(0.1, 0.4)
    rng, size = view.rng, view.size
    u, v = view.coordinates()
    u = u + ragged * spacing * smooth_field(rng, size, spacing)
    v = v + ragged * spacing * smooth_field(rng, size, spacing)
    first, second, tones_of = cells(rng, u, v, spacing, 1.0)
    color = tones[np.digitize(tones_of, levels)]
    seam = 1 - 0.12 * np.exp(-np.square((second - first) / 0.12))
    speckle = 0.06 * fractal_field(rng, size, 0.6) + 0.03 * fractal_field(rng, size, 1.6)
    image = np.asarray(color * (seam * (1 + speckle))[..., None], np.float32)
    mica = band_field(rng, size, spacing * look.uniform(0.8, 2.0)) + 0.4 * fractal_field(
        rng, size, 0.8, largest=4 * spacing
    )
    spots = np.float32(0.9) * smoothstep(mica, flakes, flakes + 0.35)
    return Surface(mixed(image, np.asarray(dark, np.float32), spots), view.angle, view.light)


def cast(look: Generator, view: View) -> Surface:
    """Rough cast or sandblasted metal: fine lit grit, with broad dark streaks and clouds of oxide."""
    base = tone(look, (0.2, 0.65), (0.0, 0.08))
    grit, wavelength = look.uniform(0.12, 0.4), log_uniform(look, 2.2, 5.0)
    streak, stretch, broad = look.uniform(0.0, 0.4), log_uniform(look, 3, 14), log_uniform(look, 25, 90)
    cloud, pits = look.uniform(0.02, 0.08), look.uniform(0.0, 0.5) if chance(look, 0.5) else 0.0
    rng, size = view.rng, view.size
    bumps = band_field(rng, size, wavelength)
    # The slope of a fine field grows as its wavelength falls: scaled to be of about one strength.
    slope = relief(bumps, view.light) * np.float32(size / 256 * wavelength / 3)
    value: Floats = grit * np.tanh(slope) + 0.3 * grit * fractal_field(rng, size, 0.5)
    value = value + cloud * fractal_field(rng, size, 1.6)
    bands = smoothstep(
        smooth_field(rng, size, broad, angle=view.angle, stretch=stretch)
        + 0.3 * fractal_field(rng, size, 1.0),
        0.2,
        2.0,
    )
    value = value - streak * bands
    pores = smoothstep(smooth_field(rng, size, wavelength * 1.3), 2.4, 3.0)
    value = value - pits * pores
    return Surface(tinted(np.asarray(value, np.float32), base, 1.0), view.angle, view.light)


def carpet(look: Generator, view: View) -> Surface:
    """Loop or cut pile: tufts in loose rows, each lit on one side and dark in the gaps, of mixed yarns."""
    base = tone(look, (0.15, 0.65), (0.0, 0.5))
    spacing, loose = log_uniform(look, 3.5, 11.0), look.uniform(0.2, 0.9)
    depth, lean = look.uniform(0.4, 0.8), look.uniform(0.1, 0.4)
    fuzz, yarns = look.uniform(0.1, 0.3), look.uniform(0.0, 0.35)
    loop = chance(look, 0.5)
    rng, size = view.rng, view.size
    u, v = view.coordinates()
    bend = 0.25 * spacing
    u = u + bend * smooth_field(rng, size, 1.5 * spacing)
    v = v + bend * smooth_field(rng, size, 1.5 * spacing)
    first, second, own = cells(rng, u, v / np.float32(0.75), spacing, loose)
    height = smoothstep(second - first, 0.0, 0.7) if loop else np.clip(1.1 - 1.2 * first, 0, 1)
    height = np.asarray(height, np.float32)
    lit = np.tanh(relief(height, view.light) * np.float32(size / 256 * spacing * 0.5))
    strands = band_field(rng, size, 2.4) + 0.4 * fractal_field(rng, size, 0.8)
    shade = (1 - depth * (1 - height)) * (1 + lean * lit) * (1 + fuzz * strands)
    shade = shade * (1 + yarns * (own - 0.5)) * (1 + 0.06 * fractal_field(rng, size, 1.7))
    return Surface(tinted(np.asarray(shade - 1, np.float32), base, 1.0), view.angle, view.light)
