"""What people and machines leave on a surface: strokes of a pen or brush, stamps, drops of glue."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import apart, mixed, tone
from obftnet.synthetic.defects.damage import Damage
from obftnet.synthetic.defects.shapes import NDPath, area, blob, drawn, place, walk
from obftnet.synthetic.noise import (
    SIDE,
    Floats,
    blur,
    chance,
    fractal_field,
    log_uniform,
    relief,
    smooth_field,
    smoothstep,
)
from obftnet.synthetic.view import Surface


def _ink(surface: Surface, look: Generator) -> Floats:
    """Mostly a dull dark or grey ink, now and then a coloured one; never the ground's own colour."""
    if chance(look, 0.65):
        color = tone(look, (0.03, 0.5), (0.0, 0.15))
    else:
        color = tone(look, (0.15, 0.8), (0.2, 0.8), (0.0, 1.0))
    return apart(color, surface.mean, 0.18)


def stroke(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A stroke of a pen, marker or brush: bent, of one width, half transparent, thin where it ran dry."""
    width, opacity = log_uniform(look, 3.0, 10.0), look.uniform(0.3, 0.85)
    bent, dry, several = look.uniform(0.02, 0.22), look.uniform(0.0, 0.5), chance(look, 0.3)
    color = _ink(surface, look)
    w = width * float(np.exp(0.1 * rng.normal()))
    size, scale = surface.size, surface.size / SIDE
    paths: list[tuple[NDPath, Floats]] = []
    heading, start = float(rng.uniform(0, 2 * np.pi)), place(rng, 0.15)
    for number in range(int(rng.integers(2, 4)) if several else 1):
        length = float(np.clip(area(look, rng, 0.002, 0.05) * SIDE * SIDE / w, 24, 280))
        points = walk(rng, start, heading, length, step=3, turn=bent, pull=0.0)
        paths.append((points, np.full(len(points), w, np.float32)))
        heading += float(rng.normal(0, 0.12)) + (np.pi if number % 2 else 0.0)
        start = (start[0] + float(rng.normal(0, 2.5 * w)), start[1] + float(rng.normal(0, 2.5 * w)))
    cover = blur(drawn(size, paths), 0.5 * scale)
    film = 1 - dry * smoothstep(smooth_field(rng, size, 14) + 0.6 * fractal_field(rng, size, 0.7), 0.2, 1.6)
    return Damage(mixed(surface.color, color, np.asarray(cover * opacity * film, np.float32)), cover)


def _glyph(rng: Generator, corner: tuple[float, float], height: float) -> list[NDPath]:
    """A made-up sign: one to three strokes between the nine points of a cell, as letters are built."""
    nodes = np.array([(x, y) for y in (0.0, 0.5, 1.0) for x in (0.0, 0.55)])
    strokes: list[NDPath] = []
    at = int(rng.integers(len(nodes)))
    for _ in range(int(rng.integers(1, 4))):
        route = [at]
        for _ in range(int(rng.integers(1, 3))):
            at = int((at + rng.integers(1, len(nodes))) % len(nodes))
            route.append(at)
        strokes.append(np.asarray(nodes[route] * height + np.asarray(corner), np.float64))
    return strokes


def stamp(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """Printed or pressed marks: a row or two of small signs, partly faded."""
    height, pressed = log_uniform(look, 10, 34), chance(look, 0.35)
    count, rows = int(look.integers(3, 9)), 2 if chance(look, 0.3) else 1
    weight, fade, opacity = look.uniform(0.09, 0.2), look.uniform(0.0, 0.8), look.uniform(0.45, 0.95)
    color = _ink(surface, look)
    size, scale = surface.size, surface.size / SIDE
    count = max(1, min(count, int(150 / height)))
    turn = float(rng.choice([0.0, np.pi / 2, np.pi])) + float(rng.normal(0, 0.08))
    across = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    span = np.array([0.9 * height * count, 1.5 * height * rows])
    middle = np.asarray(place(rng, 0.25))
    paths: list[tuple[NDPath, Floats]] = []
    for row in range(rows):
        for column in range(count):
            for points in _glyph(rng, (0.9 * height * column, 1.5 * height * row), height):
                placed = np.asarray((points - span / 2) @ across + middle, np.float64)
                paths.append((placed, np.full(len(points), max(1.0, weight * height), np.float32)))
    cover = drawn(size, paths)
    worn = smoothstep(smooth_field(rng, size, 2.0 * height) + 0.5 * fractal_field(rng, size, 0.6), 1.6, -0.4)
    kept = np.asarray(cover * (1 - fade + fade * worn), np.float32)
    if not pressed:
        return Damage(mixed(surface.color, color, kept * np.float32(opacity)), kept)
    soft = blur(kept, 0.9 * scale)
    shade = np.tanh(relief(soft, surface.light) * np.float32(3.5 * scale)) * opacity - 0.3 * soft
    image = surface.color * (1 + np.clip(0.8 * shade, -0.85, 0.9))[..., None]
    return Damage(np.asarray(image, np.float32), smoothstep(soft, 0.08, 0.4))


def glue(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """Drops or a bead of clear or ground-coloured glue: seen by their relief and one highlight."""
    bead, gloss, tint = chance(look, 0.35), look.uniform(0.3, 0.9), look.uniform(0.75, 1.1)
    depth, several = look.uniform(0.3, 0.8), int(look.integers(1, 4))
    thick, rough = log_uniform(look, 5, 14), look.uniform(0.05, 0.3)
    size, scale = surface.size, surface.size / SIDE
    fraction = area(look, rng, 0.0012, 0.08)
    if bead:
        points = walk(
            rng,
            place(rng, 0.15),
            float(rng.uniform(0, 2 * np.pi)),
            float(np.clip(fraction * SIDE * SIDE / thick, 25, 240)),
            step=3,
            turn=look.uniform(0.02, 0.2),
            pull=0.05,
        )
        swell = np.asarray(
            thick * (1 + 0.15 * np.sin(np.arange(len(points)) * look.uniform(0.2, 0.7))), np.float32
        )
        cover = drawn(size, [(points, swell)])
        radius = thick / 2
        soft = blur(cover, 0.35 * thick * scale)
        height = smoothstep(soft, 0.3, 1.0)
        body = smoothstep(soft, 0.32, 0.5)
    else:
        height = np.zeros((size, size), np.float32)
        body = height.copy()
        middle = place(rng, 0.12)
        count = int(rng.integers(1, several + 1))
        radius = float(np.sqrt(fraction / np.pi / count)) * SIDE
        for number in range(count):
            away = rng.normal(0, 2.5 * radius, 2) if number else np.zeros(2)
            drop = blob(
                rng,
                size,
                fraction / count * float(np.exp(0.4 * rng.normal())),
                rough=rough,
                aspect=rng.uniform(1, 1.6),
                centre=(middle[0] + float(away[0]), middle[1] + float(away[1])),
            )
            dome = np.sqrt(
                np.clip(drop.inside / drop.radius, 0, 1) * (2 - np.clip(drop.inside / drop.radius, 0, 1))
            )
            height = np.maximum(height, np.asarray(dome, np.float32))
            body = np.maximum(body, drop.alpha(0.8))
        height = blur(height, min(0.12 * radius, 4.0) * scale)
    slope = relief(height, surface.light) * np.float32(scale * radius)
    shade = depth * np.tanh(0.8 * slope)
    # A lamp is mirrored where the dome faces it: a small spot on the lit flank.
    glint = gloss * np.exp(-np.square((slope - 0.75) / 0.22)) * smoothstep(height, 0.35, 0.7)
    film = mixed(surface.color, surface.mean, body * np.float32(0.35)) * np.float32(tint)
    image = film * (1 + np.clip(shade, -0.7, 0.7))[..., None] + glint[..., None]
    return Damage(mixed(surface.color, np.asarray(image, np.float32), body), body)
