"""Woven and knitted materials: plain weave, twill, satin, knit, rib, mesh."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import near, tinted, tone
from obftnet.synthetic.noise import (
    Floats,
    band_field,
    chance,
    fractal_field,
    log_uniform,
    pooled,
    smooth_field,
)
from obftnet.synthetic.view import Surface, View


def _factor(view: View, period: float) -> int:
    """Supersampling that keeps the finest period free of aliasing."""
    return 1 if period * view.size / 256 > 14 else 2


def _wavering(
    look: Generator, view: View, u: Floats, v: Floats, factor: int, period: float
) -> tuple[Floats, Floats]:
    """Coordinates of threads that do not run quite straight."""
    amount = look.uniform(0.02, 0.16) * period
    wander = look.uniform(0.0, 1.0) * min(2.0, 0.3 * period)
    result = []
    for base in (u, v):
        field = amount * smooth_field(view.rng, view.size, 30.0) + wander * smooth_field(
            view.rng, view.size, 200.0
        )
        result.append(base + np.kron(field, np.ones((factor, factor), np.float32)))
    return result[0], result[1]


def _finish(look: Generator, view: View, value: Floats, base: Floats) -> Floats:
    """Fuzz of the fibres and a slow change of tone, over a shaded cloth (h, w, 3) of relative brightness."""
    fuzz = look.uniform(0.02, 0.12)
    slow = look.uniform(0.005, 0.05)
    grain = fuzz * band_field(view.rng, view.size, look.uniform(2.0, 4.0))
    drift = slow * fractal_field(view.rng, view.size, 1.6)
    return np.asarray(value * (1 + grain + drift)[..., None] * base, np.float32)


def _interlaced(look: Generator, view: View, repeat: int, over: int, step: int) -> Surface:
    """Cloth of warp and weft: warp thread i lies above weft thread j if (i + step j) mod repeat < over."""
    period = log_uniform(look, 2.8, 13.0 if repeat == 2 else 7.0)
    aspect = look.uniform(0.75, 1.35)
    flat, depth, slub = look.uniform(0.35, 0.9), look.uniform(0.15, 0.75), look.uniform(0.02, 0.12)
    base = tone(look, (0.2, 0.75), (0.0, 0.45))
    weft = near(look, base, look.uniform(0.02, 0.35))
    twist, twist_angle = look.uniform(0.0, 0.25), look.uniform(0.3, 1.2)
    factor = _factor(view, period)
    u, v = view.coordinates(factor)
    u, v = _wavering(look, view, u, v, factor, period)
    x, y = u / np.float32(period), v / np.float32(period * aspect)
    i, j = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = x - i, y - j
    above = np.mod(i + step * j, repeat) < over
    across = np.where(above, fx, fy)
    along = np.where(above, fy, fx)
    profile = 1 - np.square(2 * across - 1)
    bend = 1 - np.square(2 * along - 1) * (1.0 if repeat == 2 else 0.25)
    shade = 1 - depth * (1 - np.power(np.clip(profile, 0, 1), flat) * (0.45 + 0.55 * bend))
    if twist > 0.08:
        # Yarn is twisted: fine oblique stripes on each float, visible on coarse cloth only.
        shade = shade * (
            1 - twist * 0.5 * (1 + np.sin(2 * np.pi * (across * twist_angle + along) * 2.5)) * (period > 7)
        )
    warp_tones = 1 + slub * view.rng.standard_normal(int(np.ptp(i)) + 1)
    weft_tones = 1 + slub * view.rng.standard_normal(int(np.ptp(j)) + 1)
    tones = np.where(above, warp_tones[i - i.min()], weft_tones[j - j.min()])
    colour = np.where(above[..., None], 1.0, (weft / np.maximum(base, 0.02))[None, None])
    cloth = pooled(np.asarray((shade * tones)[..., None] * colour, np.float32), factor)
    # Thickness varies along each thread as well as between threads.
    uneven = look.uniform(0.0, 0.08)
    cloth = (
        cloth * (1 + uneven * smooth_field(view.rng, view.size, 6, angle=view.angle, stretch=14))[..., None]
    )
    cloth = (
        cloth
        * (1 + uneven * smooth_field(view.rng, view.size, 6, angle=view.angle + 1.571, stretch=14))[..., None]
    )
    spread = (period / view.scale, period * aspect / view.scale)
    return Surface(_finish(look, view, cloth, base), view.angle, view.light, spread)


def weave(look: Generator, view: View) -> Surface:
    """Plain weave, or a basket weave of two by two."""
    return _interlaced(look, view, 2, 1, 1)


def twill(look: Generator, view: View) -> Surface:
    """Twill or satin: floats that step sideways from one weft to the next."""
    repeat = int(look.integers(3, 7))
    over = int(look.integers(1, repeat))
    step = 1 if chance(look, 0.5) else -1
    return _interlaced(look, view, repeat, over, step)


def satin(look: Generator, view: View) -> Surface:
    """Satin: fine threads in long diagonal floats, with a soft sheen that falls in broad folds of light."""
    period, repeat = log_uniform(look, 2.6, 6.0), int(look.integers(5, 9))
    base = tone(look, (0.15, 0.8), (0.0, 0.6))
    depth, sheen, slub = look.uniform(0.1, 0.4), look.uniform(0.03, 0.16), look.uniform(0.01, 0.05)
    slant = look.uniform(0.35, 1.0)
    factor = _factor(view, period)
    u, v = view.coordinates(factor)
    u, v = _wavering(look, view, u, v, factor, period)
    x, y = u / np.float32(period), v / np.float32(period)
    i = np.floor(x).astype(np.int32)
    # Every thread dives once in `repeat`, two wefts later than its neighbour: the twill line of satin.
    phase = (y + np.float32(2 * slant) * i) / np.float32(repeat)
    dive = np.abs(2 * (phase - np.floor(phase)) - 1)
    thread = 1 - np.square(2 * (x - i) - 1)
    knot = np.power(dive, np.float32(6))
    tones = 1 + slub * view.rng.standard_normal(int(np.ptp(i)) + 1)
    shade = (1 - depth * (1 - thread) * 0.6 - depth * 0.8 * knot) * tones[i - i.min()]
    cloth = pooled(np.asarray(shade, np.float32), factor)
    along = view.angle + np.pi / 2
    gloss = 1 + sheen * smooth_field(view.rng, view.size, 110.0, angle=along, stretch=2.5)
    cloth = np.asarray((cloth * gloss)[..., None] * np.ones(3, np.float32), np.float32)
    spread = (period / view.scale, repeat * period / view.scale)
    return Surface(_finish(look, view, cloth, base), view.angle, view.light, spread)


def knit(look: Generator, view: View) -> Surface:
    """Jersey: columns of V-shaped stitches."""
    period = log_uniform(look, 6.0, 26.0)
    aspect, slope = look.uniform(0.6, 1.0), look.uniform(0.5, 0.9)
    depth, sharp = look.uniform(0.3, 0.8), look.uniform(0.5, 1.3)
    base = tone(look, (0.2, 0.8), (0.0, 0.5))
    factor = _factor(view, period * 0.8)
    u, v = view.coordinates(factor)
    u, v = _wavering(look, view, u, v, factor, period * 0.6)
    x, y = u / np.float32(period), v / np.float32(period * aspect)
    column = np.floor(x)
    side = np.abs(2 * (x - column) - 1)
    phase = y + np.float32(slope) * side
    row = np.floor(phase).astype(np.int32)
    leg = np.power(np.abs(np.sin(np.pi * (phase - row))), sharp)
    lobe = np.power(np.abs(np.sin(np.pi * side)), 0.5)
    shade = 1 - depth * (1 - leg * (0.35 + 0.65 * lobe))
    tones = 1 + 0.06 * view.rng.standard_normal((int(np.ptp(row)) + 1, int(np.ptp(column)) + 1))
    shade = shade * tones[row - row.min(), (column - column.min()).astype(np.int32)]
    cloth = pooled(np.asarray(shade, np.float32), factor)[..., None] * np.ones(3, np.float32)
    spread = (period / view.scale, period * aspect / view.scale)
    return Surface(_finish(look, view, cloth, base), view.angle, view.light, spread)


def rib(look: Generator, view: View) -> Surface:
    """Ribs: corduroy, ribbed rubber, corrugated card; parallel ridges with a texture along them."""
    period = log_uniform(look, 4.0, 36.0)
    depth, sharp = look.uniform(0.15, 0.8), look.uniform(0.4, 2.0)
    skew = look.uniform(-0.8, 0.8)
    base = tone(look, (0.2, 0.75), (0.0, 0.5))
    pile, stretch = look.uniform(0.02, 0.14), look.uniform(1.0, 6.0)
    factor = _factor(view, period)
    u, v = view.coordinates(factor)
    u, _ = _wavering(look, view, u, v, factor, period * 0.5)
    x = u / np.float32(period)
    i = np.floor(x).astype(np.int32)
    angle = 2 * np.pi * (x - i)
    ridge = np.power(0.5 - 0.5 * np.cos(angle + skew * np.sin(angle)), sharp)
    tones = 1 + look.uniform(0.0, 0.08) * view.rng.standard_normal(int(np.ptp(i)) + 1)
    shade = pooled(np.asarray((1 - depth * (1 - ridge)) * tones[i - i.min()], np.float32), factor)
    texture = pile * band_field(
        view.rng, view.size, look.uniform(3, 6), angle=view.angle + 1.571, stretch=stretch
    )
    cloth = tinted(texture, np.ones(3, np.float32), 1.0) * shade[..., None]
    spread = (period / view.scale, period / view.scale)
    return Surface(_finish(look, view, cloth, base), view.angle, view.light, spread)


def mesh(look: Generator, view: View) -> Surface:
    """A net or grid: wires that cross over an open background."""
    period = log_uniform(look, 9.0, 48.0)
    aspect, width = look.uniform(0.7, 1.4), look.uniform(0.18, 0.5)
    wire, behind = tone(look, (0.3, 0.85), (0.0, 0.3)), tone(look, (0.03, 0.5), (0.0, 0.3))
    rounded, diamond = look.uniform(0.3, 0.8), chance(look, 0.3)
    factor = _factor(view, period * width * 2)
    u, v = view.coordinates(factor)
    if diamond:
        u, v = np.asarray((u + v) * 0.707, np.float32), np.asarray((v - u) * 0.707, np.float32)
    u, v = _wavering(look, view, u, v, factor, period * 0.4)
    x, y = u / np.float32(period), v / np.float32(period * aspect)
    i, j = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    dx, dy = np.abs(x - i - 0.5) / (width / 2), np.abs(y - j - 0.5) / (width / aspect / 2)
    up = np.mod(i + j, 2) == 0
    hx, hy = np.sqrt(np.clip(1 - dx * dx, 0, 1)), np.sqrt(np.clip(1 - dy * dy, 0, 1))
    vertical_on_top = np.where(up, hx > 0, hy <= 0)
    height = np.where(vertical_on_top, hx, hy)
    cover = np.asarray((hx > 0) | (hy > 0), np.float32)
    shade = 1 - rounded * (1 - height)
    background = behind * (1 + 0.1 * fractal_field(view.rng, view.size, 1.2))[..., None]
    cover_small = pooled(cover, factor)
    shade_small = pooled(np.asarray(shade * cover, np.float32), factor)
    cloth = shade_small[..., None] * wire + (1 - cover_small)[..., None] * background
    cloth = np.asarray(cloth, np.float32)
    spread = (period / view.scale, period * aspect / view.scale)
    angle = view.angle + (np.pi / 4 if diamond else 0.0)
    return Surface(_finish(look, view, cloth, np.ones(3, np.float32)), angle, view.light, spread)
