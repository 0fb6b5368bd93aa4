"""Long defects: scratches, cracks, cuts, folds, threads, rubbed strokes, broken lines."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import apart, luminance, mixed, near, tone
from obftnet.synthetic.defects.damage import Damage
from obftnet.synthetic.defects.shapes import NDPath, area, curve, drawn, fractal_line, place, walk
from obftnet.synthetic.noise import (
    SIDE,
    Floats,
    blur,
    box_blur,
    chance,
    fractal_field,
    log_uniform,
    relief,
    smooth_field,
    smoothstep,
    warp,
)
from obftnet.synthetic.view import Surface


def _length(fraction: float, width: float, low: float = 14.0, high: float = 300.0) -> float:
    return float(np.clip(fraction * SIDE * SIDE / max(width, 1.5), low, high))


def _profile(across: Floats, width: Floats | float) -> Floats:
    """Coverage of a line of `width` units by its signed distance, anti-aliased over a pixel at 256."""
    half = np.asarray(width, np.float32) * np.float32(0.5)
    return np.asarray(np.clip(half + 0.5 - np.abs(across), 0, 1) * np.minimum(1, 2 * half + 0.15), np.float32)


def _direction(surface: Surface, look: Generator, rng: Generator) -> float:
    """Along the texture's grain, or in the kind's own direction, or any."""
    habit = look.random()
    own = float(look.uniform(0, np.pi))
    if habit < 0.3:
        return surface.angle + float(rng.choice([0.0, np.pi / 2])) + float(rng.normal(0, 0.06))
    if habit < 0.5:
        return own + float(rng.normal(0, 0.15))
    return float(rng.uniform(0, np.pi))


def scratch(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """One to four fine lines, light or dark, often interrupted, with a lit flank."""
    width, lighter = log_uniform(look, 0.7, 3.2), chance(look, 0.6)
    flank, gaps, several = look.uniform(0, 0.7), look.uniform(0, 1), int(look.integers(1, 4))
    fraction, bend = area(look, rng, 0.0006, 0.02), look.uniform(0.0, 0.12)
    target = np.clip(luminance(surface.color).mean() + (0.4 if lighter else -0.35), 0.04, 0.97)
    color = np.full(3, target, np.float32) * near(look, np.ones(3, np.float32), 0.06)
    angle, size = _direction(surface, look, rng), surface.size
    middle = place(rng, 0.1)
    count = int(rng.integers(1, several + 1))
    image, support = surface.color, np.zeros((size, size), np.float32)
    for number in range(count):
        w = max(0.6, width * float(np.exp(0.25 * rng.normal())))
        shift = rng.normal(0, 12, 2) if number else np.zeros(2)
        line = curve(
            rng,
            size,
            _length(fraction / count, w),
            angle=angle + float(rng.normal(0, 0.08)),
            bend=bend,
            wobble=look.uniform(0, 0.6),
            centre=(middle[0] + float(shift[0]), middle[1] + float(shift[1])),
        )
        body = _profile(line.across, w) * line.ends(0.2)
        pressure = np.interp(
            line.along, np.linspace(-1, 1, 64), 0.8 + 0.5 * gaps * fractal_line(rng, 64, 0.7)
        )
        amount = np.asarray(body * np.clip(pressure, 0.15, 1) * rng.uniform(0.6, 0.95), np.float32)
        beside = _profile(line.across - np.float32(0.8 * w), w) * line.ends(0.2) * flank
        image = image * (1 + (-0.6 if lighter else 0.6) * beside)[..., None]
        image = mixed(np.asarray(image, np.float32), color, amount)
        support = np.maximum(support, np.maximum(body, beside * 0.8))
    return Damage(np.asarray(image, np.float32), np.asarray(support, np.float32))


def crack(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A crack that wanders and branches, dark, thinner towards its tips."""
    width, jagged = log_uniform(look, 0.8, 3.6), look.uniform(0.12, 0.5)
    branching, lip, dark = look.uniform(0, 1.2), look.uniform(0, 0.5), look.uniform(0.04, 0.3)
    fraction = area(look, rng, 0.0007, 0.03)
    length = _length(fraction, width, 20, 260)
    heading = float(rng.uniform(0, 2 * np.pi))
    start = place(rng, 0.05)
    step = look.uniform(2.5, 6)

    def widths(count: int, first: float) -> Floats:
        fall = np.linspace(1, 0.35, count) * (1 + 0.25 * fractal_line(rng, max(count, 8), 0.8)[:count])
        return np.asarray(np.clip(first * fall, 0.5, None), np.float32)

    trunk = walk(rng, start, heading, length, step=step, turn=jagged, pull=0.15)
    paths: list[tuple[NDPath, Floats]] = [(trunk, widths(len(trunk), width))]
    for _ in range(int(rng.poisson(branching * 2))):
        at = int(rng.integers(0, len(trunk) - 1))
        turn = heading + float(rng.choice([-1, 1]) * rng.uniform(0.4, 1.2))
        origin = (float(trunk[at, 0]), float(trunk[at, 1]))
        branch = walk(rng, origin, turn, length * rng.uniform(0.15, 0.5), step=step, turn=jagged, pull=0.15)
        paths.append((branch, widths(len(branch), width * 0.7)))
    cover = drawn(surface.size, paths)
    scale = surface.size / SIDE
    soft = blur(cover, 0.9 * scale)
    edge = np.tanh(relief(soft, surface.light) * np.float32(3 * scale)) * lip
    image = surface.color * (1 + edge * 0.7 - 0.15 * soft)[..., None]
    depth = np.float32(dark) * surface.color * (1 + 0.3 * fractal_field(rng, surface.size, 1.0))[..., None]
    support = np.maximum(cover, smoothstep(soft, 0.1, 0.4) * (0.9 if lip > 0.2 else 0.4))
    return Damage(mixed(np.asarray(image, np.float32), np.asarray(depth, np.float32), cover * 0.95), support)


def cut(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A slit: its lips spread apart, one lit and one in shadow, with dark or pale stuff between."""
    width, pale = log_uniform(look, 1.2, 7), chance(look, 0.25)
    lip, frayed = look.uniform(0.2, 0.8), look.uniform(0, 1.2)
    fraction = area(look, rng, 0.0008, 0.03)
    size, scale = surface.size, surface.size / SIDE
    w = width * float(np.exp(0.25 * rng.normal()))
    line = curve(
        rng,
        size,
        _length(fraction, w, 14, 190),
        angle=_direction(surface, look, rng),
        bend=0.05,
        wobble=0.3 + frayed,
    )
    lens = np.sqrt(np.clip(1 - np.square(line.along), 0, 1))
    ragged = 1 + 0.25 * frayed * smooth_field(rng, size, 5)
    opening = np.asarray(w * lens * ragged, np.float32)
    gap = _profile(line.across, opening) * (lens > 0)
    reach = np.maximum(1.6 * opening, 1.5)
    near_by = np.exp(-np.square(line.across / reach)) * (lens > 0) * np.minimum(1, lens * 2)
    push = -np.sign(line.across) * near_by * opening * 0.35 * scale
    normal = line.angle + np.pi / 2
    moved = warp(
        surface.color,
        np.asarray(push * np.cos(normal), np.float32),
        np.asarray(push * np.sin(normal), np.float32),
    )
    facing = float(np.cos(normal - surface.light))
    shade = lip * near_by * np.tanh(line.across / (0.6 * reach)) * (facing if abs(facing) > 0.3 else 0.3)
    image = moved * (1 - 0.8 * shade)[..., None]
    inner = (
        tone(look, (0.7, 0.95), (0, 0.2))
        if pale
        else np.asarray(tone(look, (0.02, 0.15), (0, 0.3)), np.float32)
    )
    inside = inner * (1 + 0.2 * fractal_field(rng, size, 0.8))[..., None]
    support = np.maximum(gap, near_by * (np.abs(line.across) < 0.9 * reach) * 0.8)
    return Damage(
        mixed(np.asarray(image, np.float32), np.asarray(inside, np.float32), np.asarray(gap, np.float32)),
        np.asarray(support, np.float32),
    )


def fold(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A crease: a ridge seen by its light and shadow side, the texture squeezed towards it."""
    width, strength = log_uniform(look, 2.0, 26), look.uniform(0.2, 0.75)
    squeeze, valley = look.uniform(0, 0.5), look.uniform(-0.3, 0.3)
    fraction = area(look, rng, 0.005, 0.2)
    size, scale = surface.size, surface.size / SIDE
    w = width * float(np.exp(0.25 * rng.normal()))
    line = curve(
        rng,
        size,
        _length(fraction, 2.0 * w, max(40.0, 4 * w), 340),
        angle=_direction(surface, look, rng),
        bend=look.uniform(0, 0.12),
        wobble=look.uniform(0, 0.25) * w,
    )
    ends = line.ends(0.35)
    x = line.across / np.float32(w)
    bell = np.exp(-1.2 * x * x) * ends
    normal = line.angle + np.pi / 2
    facing = float(np.cos(normal - surface.light))
    facing = facing if abs(facing) > 0.35 else 0.35
    uneven = 1 + 0.25 * smooth_field(rng, size, 3 * w + 8)
    shade = strength * rng.uniform(0.7, 1.2) * uneven * bell * (2.0 * x * facing + valley)
    push = squeeze * w * scale * x * bell
    moved = warp(
        surface.color,
        np.asarray(push * np.cos(normal), np.float32),
        np.asarray(push * np.sin(normal), np.float32),
    )
    return Damage(
        np.asarray(moved * (1 + np.clip(shade, -0.85, 1.0))[..., None], np.float32),
        smoothstep(np.asarray(bell, np.float32), 0.04, 0.6),
    )


def thread(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A foreign thread, hair or fibre that lies on the surface and casts a small shadow."""
    width, curl = log_uniform(look, 0.8, 4.5), look.uniform(0.03, 0.4)
    color = tone(look, (0.65, 0.97), (0, 0.4)) if chance(look, 0.6) else tone(look, (0.04, 0.4), (0, 0.6))
    shadow, twisted = look.uniform(0.1, 0.5), look.uniform(0, 0.3)
    fraction = area(look, rng, 0.0008, 0.04)
    size, scale = surface.size, surface.size / SIDE
    w = max(0.8, width * float(np.exp(0.2 * rng.normal())))
    color = apart(color, surface.mean, 0.22)
    paths: list[tuple[NDPath, Floats]] = []
    for _ in range(1 + int(chance(rng, 0.15))):
        points = walk(
            rng,
            place(rng, 0.1),
            float(rng.uniform(0, 2 * np.pi)),
            _length(fraction, w, 18, 420),
            step=3,
            turn=curl,
            pull=0.02,
        )
        paths.append((points, np.full(len(points), w, np.float32)))
    cover = drawn(size, paths)
    wide = blur(cover, max(0.6, 0.45 * w) * scale)
    off = (0.6 * w + 0.6) * scale
    away = np.full((size, size), off, np.float32)
    cast = warp(wide, away * np.float32(np.cos(surface.light)), away * np.float32(np.sin(surface.light)))
    rounding = 0.7 + 0.35 * np.clip(wide / max(float(wide.max()), 1e-3), 0, 1)
    body = color * (rounding * (1 + twisted * smooth_field(rng, size, 4)))[..., None]
    image = surface.color * (1 - shadow * cast)[..., None]
    support = np.maximum(cover, cast * (0.5 if shadow > 0.25 else 0.2))
    return Damage(mixed(np.asarray(image, np.float32), np.asarray(body, np.float32), cover * 0.95), support)


def rub(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A rubbed or wiped stroke: a broad streaky band, lighter, darker or greyer, texture half worn away."""
    mean = surface.mean
    color = np.clip(mean + (0.25 if chance(look, 0.55) else -0.22) * look.uniform(0.4, 1.2), 0.04, 0.96)
    color = near(look, np.asarray(color, np.float32), 0.08)
    streaky, worn, opacity = look.uniform(0.2, 1), look.uniform(0, 0.8), look.uniform(0.2, 0.75)
    fraction, elongation = area(look, rng, 0.003, 0.22), log_uniform(look, 2.0, 9)
    size, scale = surface.size, surface.size / SIDE
    w = float(np.sqrt(fraction * SIDE * SIDE / elongation))
    line = curve(
        rng,
        size,
        w * elongation,
        angle=_direction(surface, look, rng),
        bend=look.uniform(0, 0.12),
        wobble=0.3,
    )
    lanes = smooth_field(rng, size, 3.5, angle=line.angle, stretch=14)
    edge = np.abs(line.across) + 0.12 * w * smooth_field(rng, size, 14, angle=line.angle, stretch=5)
    # The hand lifts off unevenly: ragged, rounded ends.
    end = np.abs(line.along) + 0.1 * lanes + 0.25 * np.square(line.across / np.float32(0.5 * w))
    band = smoothstep(np.asarray(edge, np.float32), 0.6 * w, 0.36 * w) * smoothstep(
        np.asarray(end, np.float32), 1.05, 0.7
    )
    body = band * np.clip(1 - 0.6 * streaky * (0.4 + lanes), 0.1, 1)
    flat = box_blur(surface.color, max(1, round(2.5 * scale)))
    image = mixed(surface.color, flat, np.asarray(worn * band, np.float32))
    return Damage(mixed(image, color, np.asarray(body * opacity, np.float32)), np.asarray(band, np.float32))


def broken_line(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A fault that follows a thread or the grain: a missing, thick or slack line, dashed by the pattern."""
    axis = 0 if chance(look, 0.5) else 1
    period = surface.period[axis] if surface.period[axis] > 0 else look.uniform(2, 6)
    width = float(np.clip(period * look.uniform(0.5, 1.4), 1.0, 9.0))
    darker, dashed, slack = chance(look, 0.6), look.uniform(0, 0.9), look.uniform(0, 0.8)
    strength, frayed = look.uniform(0.25, 0.75), look.uniform(0, 0.5)
    fraction = area(look, rng, 0.0008, 0.03)
    size, scale = surface.size, surface.size / SIDE
    # Axis 0 repeats along the grain, so the thread itself runs across it.
    angle = surface.angle + (np.pi / 2 if axis == 0 else 0.0)
    line = curve(
        rng,
        size,
        _length(fraction, width, 40, 420),
        angle=angle + float(rng.normal(0, 0.01)),
        bend=0.003,
        wobble=frayed,
    )
    body = _profile(line.across, width) * line.ends(0.12)
    along = line.along * np.float32(line.length / 2)
    step = max(period, 3.0)
    dash = 1 - dashed * (0.5 + 0.5 * np.cos(2 * np.pi * along / np.float32(2 * step)))
    strand = np.interp(line.along, np.linspace(-1, 1, 96), 0.85 + 0.3 * fractal_line(rng, 96, 0.7))
    near_by = np.exp(-np.square(line.across / np.float32(1.2 * width))) * line.ends(0.12)
    push = slack * 0.4 * width * scale * np.sign(line.across) * near_by
    normal = line.angle + np.pi / 2
    moved = warp(
        surface.color,
        np.asarray(push * np.cos(normal), np.float32),
        np.asarray(push * np.sin(normal), np.float32),
    )
    gain = 1 + (-1 if darker else 1) * strength * body * dash * np.clip(strand, 0.2, 1.4)
    support = np.maximum(body, near_by * (0.5 if slack > 0.3 else 0.1))
    return Damage(np.asarray(moved * gain[..., None], np.float32), np.asarray(support, np.float32))
