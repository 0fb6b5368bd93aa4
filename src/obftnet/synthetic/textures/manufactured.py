"""Made materials: streaked, brushed and rolled metal, ceramic, prints, perforated sheet."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import mixed, near, tinted, tone
from obftnet.synthetic.noise import (
    Floats,
    band_field,
    chance,
    fractal_field,
    log_uniform,
    pooled,
    smooth_field,
    smoothstep,
)
from obftnet.synthetic.view import Surface, View


def streaks(look: Generator, view: View) -> Surface:
    """Oriented noise of several scales: extruded, combed or ground surfaces."""
    base = tone(look, (0.15, 0.8), (0.0, 0.4))
    rng, size = view.rng, view.size
    value: Floats = look.uniform(0.01, 0.06) * fractal_field(rng, size, 1.6, angle=view.angle, stretch=3.0)
    for _ in range(3):
        amount, wavelength, stretch = (
            look.uniform(0.01, 0.13),
            log_uniform(look, 2.0, 24.0),
            log_uniform(look, 3.0, 40.0),
        )
        value = value + amount * smooth_field(rng, size, wavelength, angle=view.angle, stretch=stretch)
    value = value + look.uniform(0.01, 0.05) * band_field(rng, size, 2.2)
    return Surface(tinted(np.asarray(value, np.float32), base, 1.0), view.angle, view.light)


def brushed(look: Generator, view: View) -> Surface:
    """Brushed or ground metal: very long fine lines, bands and a sheen that changes across the image."""
    base = tone(look, (0.25, 0.7), (0.0, 0.12))
    rng, size = view.rng, view.size
    long, band = log_uniform(look, 60.0, 400.0), look.uniform(0.0, 0.14)
    value = look.uniform(0.03, 0.16) * smooth_field(
        rng, size, look.uniform(1.6, 3.0), angle=view.angle, stretch=long
    )
    value += look.uniform(0.0, 0.08) * smooth_field(rng, size, 4.0, angle=view.angle, stretch=12.0)
    value += band * smooth_field(rng, size, log_uniform(look, 8.0, 60.0), angle=view.angle, stretch=20.0)
    value += look.uniform(0.0, 0.18) * smooth_field(rng, size, 160.0)
    value += look.uniform(0.01, 0.05) * fractal_field(rng, size, 0.5)
    # Single lines catch the light, gathered in bundles.
    glints = smoothstep(smooth_field(rng, size, 1.8, angle=view.angle, stretch=long * 0.5), 1.6, 3.2)
    glints = glints * smoothstep(smooth_field(rng, size, 90.0, angle=view.angle, stretch=3.0), 0.0, 1.5)
    value += look.uniform(0.0, 0.5) * glints
    return Surface(tinted(np.asarray(value, np.float32), base, 1.0), view.angle, view.light)


def rolled(look: Generator, view: View) -> Surface:
    """Rolled sheet: grey, blotchy, low in contrast, faintly streaked; brightness differs between images."""
    base = tone(look, (0.25, 0.8), (0.0, 0.05))
    rng, size = view.rng, view.size
    exposure = float(np.exp(look.uniform(0.0, 0.25) * rng.normal()))
    stretch = look.uniform(1.0, 4.0)
    value = look.uniform(0.01, 0.09) * fractal_field(
        rng, size, look.uniform(1.2, 1.9), angle=view.angle, stretch=stretch
    )
    value += look.uniform(0.005, 0.05) * smooth_field(rng, size, 10.0, angle=view.angle, stretch=18.0)
    value += look.uniform(0.01, 0.06) * fractal_field(rng, size, 0.4)
    value += look.uniform(0.0, 0.1) * smooth_field(rng, size, 150.0, angle=view.angle, stretch=2.0)
    scale = smoothstep(
        fractal_field(rng, size, 1.1, largest=60.0, angle=view.angle, stretch=stretch), 0.8, 2.4
    )
    value -= look.uniform(0.0, 0.22) * scale
    color = np.clip(base * exposure, 0.05, 0.9).astype(np.float32)
    return Surface(tinted(np.asarray(value, np.float32), color, 1.0), view.angle, view.light)


def _glazed(look: Generator, view: View) -> Floats:
    base = tone(look, (0.3, 0.88), (0.0, 0.45))
    rng, size = view.rng, view.size
    value = look.uniform(0.005, 0.05) * fractal_field(rng, size, look.uniform(1.0, 2.0))
    value += look.uniform(0.0, 0.05) * band_field(rng, size, log_uniform(look, 5.0, 16.0))
    image = tinted(value, base, 1.0)
    speck = near(look, base, 0.2) * look.uniform(0.2, 0.7)
    rare = smoothstep(smooth_field(rng, size, look.uniform(2.5, 5.0)), look.uniform(1.9, 2.8), 3.2)
    return mixed(image, speck, np.asarray(rare * look.uniform(0.0, 0.9), np.float32))


def ceramic(look: Generator, view: View) -> Surface:
    """Glazed ceramic: almost even, faintly mottled, with specks."""
    return Surface(_glazed(look, view), view.angle, view.light)


def tiles(look: Generator, view: View) -> Surface:
    """Small glazed tiles, each of a slightly different tone, with grout between."""
    rng, size = view.rng, view.size
    image = _glazed(look, view)
    period, aspect, gap = log_uniform(look, 24.0, 110.0), look.uniform(0.6, 1.0), look.uniform(1.2, 4.0)
    staggered, rounding = chance(look, 0.4), look.uniform(0.05, 0.3)
    grout = tone(look, (0.2, 0.85), (0.0, 0.12))
    u, v = view.coordinates()
    row = np.floor(v / np.float32(period * aspect))
    x = u / np.float32(period) + (0.5 * np.mod(row, 2) if staggered else 0.0)
    column = np.floor(x)
    edge = (
        np.minimum(0.5 - np.abs(x - column - 0.5), (0.5 - np.abs(v / (period * aspect) - row - 0.5)) * aspect)
        * period
    )
    edge = np.asarray(edge + 0.25 * smooth_field(rng, size, 6.0), np.float32)
    seam = smoothstep(edge, gap * 0.5 + 0.8, gap * 0.5 - 0.4)
    tones = 1 + look.uniform(0.0, 0.06) * rng.standard_normal((int(np.ptp(row)) + 1, int(np.ptp(column)) + 1))
    own = tones[(row - row.min()).astype(np.int32), (column - column.min()).astype(np.int32)]
    bevel = 1 - rounding * np.exp(-np.clip(edge - gap * 0.5, 0, 99) / 2.0)
    image = image * np.asarray(own * bevel, np.float32)[..., None]
    cement = tinted(0.1 * fractal_field(rng, size, 0.7), grout, 1.0)
    spread = (period / view.scale, period * aspect / view.scale)
    return Surface(mixed(image, cement, seam), view.angle, view.light, spread)


def _motif(look: Generator, fx: Floats, fy: Floats) -> Floats:
    """Signed extent of a motif in a unit cell centred on 0: positive inside."""
    kind, radius = int(look.integers(6)), look.uniform(0.15, 0.42)
    r = np.hypot(fx, fy)
    if kind == 0:
        return np.asarray(radius - r, np.float32)
    if kind == 1:
        return np.asarray(radius - np.abs(fx) - np.abs(fy), np.float32)
    if kind == 2:
        return np.asarray(0.09 - np.abs(r - radius), np.float32)
    if kind == 3:
        arm = look.uniform(0.06, 0.16)
        return np.asarray(np.minimum(radius - r, arm - np.minimum(np.abs(fx), np.abs(fy))), np.float32)
    if kind == 4:
        return np.asarray(radius * 0.6 - np.abs(fx), np.float32)
    petals = int(look.integers(3, 7))
    return np.asarray(radius * (0.65 + 0.35 * np.cos(petals * np.arctan2(fy, fx))) - r, np.float32)


def printed(look: Generator, view: View) -> Surface:
    """A periodic print of one to three motifs, on paper, foil or cloth."""
    base = tone(look, (0.25, 0.9), (0.0, 0.5))
    period, aspect = log_uniform(look, 9.0, 64.0), look.uniform(0.7, 1.3)
    staggered, bleed, ink = chance(look, 0.5), look.uniform(0.3, 1.2), look.uniform(0.3, 0.95)
    rng, size = view.rng, view.size
    factor = 2 if period < 20 else 1
    u, v = view.coordinates(factor)
    image = tinted(
        look.uniform(0.01, 0.06) * fractal_field(rng, size, 0.6)
        + look.uniform(0, 0.05) * band_field(rng, size, 2.5),
        base,
        1.0,
    )
    for _ in range(int(look.integers(1, 4))):
        dx, dy = look.uniform(0, 1, 2)
        y = v / np.float32(period * aspect) + np.float32(dy)
        row = np.floor(y)
        x = (
            u / np.float32(period)
            + np.float32(dx)
            + (np.float32(0.5) * np.mod(row, 2) if staggered else np.float32(0))
        )
        inside = _motif(
            look, np.asarray(x - np.floor(x) - 0.5, np.float32), np.asarray(y - row - 0.5, np.float32)
        )
        inside = np.asarray(inside * period, np.float32)
        alpha = pooled(smoothstep(inside, -bleed * 0.5, bleed * 0.5), factor)
        wear = 1 - 0.12 * np.clip(fractal_field(rng, size, 0.8), 0, 2)
        color = tone(look, (0.08, 0.9), (0.0, 0.7))
        image = mixed(image, color, np.asarray(alpha * ink * wear, np.float32))
    spread = (period / view.scale, period * aspect / view.scale)
    return Surface(image, view.angle, view.light, spread)


def perforated(look: Generator, view: View) -> Surface:
    """Sheet with round or square holes on a square or hexagonal lattice."""
    base = tone(look, (0.3, 0.8), (0.0, 0.25))
    period, fill = log_uniform(look, 8.0, 50.0), look.uniform(0.22, 0.4)
    hexagonal, square = chance(look, 0.5), chance(look, 0.25)
    behind, rim = tone(look, (0.02, 0.3), (0.0, 0.2)), look.uniform(0.05, 0.4)
    rng, size = view.rng, view.size
    aspect = 0.866 if hexagonal else 1.0
    factor = 2 if period < 20 else 1
    u, v = view.coordinates(factor)
    y = v / np.float32(period * aspect)
    row = np.floor(y)
    x = u / np.float32(period) + (np.float32(0.5) * np.mod(row, 2) if hexagonal else np.float32(0))
    fx, fy = x - np.floor(x) - 0.5, (y - row - 0.5) * aspect
    radius = np.maximum(np.abs(fx), np.abs(fy)) if square else np.hypot(fx, fy)
    edge = np.asarray((radius - fill) * period, np.float32)
    hole = pooled(smoothstep(edge, 0.4, -0.4), factor)
    facing = fx * np.cos(view.light - view.angle) + fy * np.sin(view.light - view.angle)
    glow = np.exp(-np.square((edge - 0.6) / 1.1)) * facing / np.maximum(radius, 1e-3)
    value = look.uniform(0.01, 0.06) * fractal_field(rng, size, look.uniform(0.5, 1.5))
    if chance(look, 0.6):
        value += look.uniform(0.02, 0.1) * smooth_field(rng, size, 2.2, angle=view.angle, stretch=60.0)
    value += rim * pooled(np.asarray(glow, np.float32), factor)
    depth = pooled(np.asarray(np.clip(0.6 + 0.8 * facing / fill, 0.2, 1.6), np.float32), factor)
    image = mixed(tinted(np.asarray(value, np.float32), base, 1.0), depth[..., None] * behind, hole)
    spread = (period / view.scale, period * aspect / view.scale)
    return Surface(image, view.angle, view.light, spread)
