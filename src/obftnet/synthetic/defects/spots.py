"""Compact defects: holes, stains, oil, paint, contamination, blowholes."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import apart, mixed, near, tone
from obftnet.synthetic.defects.damage import Damage
from obftnet.synthetic.defects.shapes import area, blob, place
from obftnet.synthetic.noise import (
    SIDE,
    Floats,
    band_field,
    box_blur,
    chance,
    fractal_field,
    log_uniform,
    relief,
    smooth_field,
    smoothstep,
)
from obftnet.synthetic.view import Surface


def _lit(surface: Surface, height: Floats) -> Floats:
    return relief(height, surface.light)


def hole(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """The material is gone: what lies behind shows, with a shaded rim and frayed edge."""
    behind = tone(look, (0.02, 0.2), (0, 0.2)) if chance(look, 0.7) else tone(look, (0.75, 0.97), (0, 0.15))
    rough, rim = look.uniform(0.1, 0.8), look.uniform(0.1, 0.6)
    shape = blob(rng, surface.size, area(look, rng, 0.0003, 0.08), rough=rough, aspect=rng.uniform(1, 1.8))
    alpha = shape.alpha(0.8)
    texture = 1 + 0.12 * fractal_field(rng, surface.size, 1.0)
    inner = behind * (texture * (0.7 + 0.5 * smoothstep(shape.inside, shape.radius, 0.0)))[..., None]
    width = max(1.2, 0.25 * shape.radius)
    around = np.exp(-np.square(np.minimum(shape.inside, 0) / width))
    slope = np.tanh(_lit(surface, shape.inside) * 1.5)
    color = surface.color * (1 + rim * around * (0.6 * slope - 0.35))[..., None]
    support = np.maximum(alpha, around * (shape.inside > -1.1 * width) * 0.8)
    return Damage(mixed(color, np.asarray(inner, np.float32), alpha), np.asarray(support, np.float32))


def stain(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A dried liquid: an uneven tint that the texture shows through, often with a darker rim."""
    dye = (
        tone(look, (0.1, 0.6), (0.1, 0.7), (0.02, 0.15))
        if chance(look, 0.6)
        else tone(look, (0.1, 0.9), (0, 0.5))
    )
    strength, ring, soft = look.uniform(0.2, 0.8), look.uniform(0, 0.8), look.uniform(0.03, 0.6)
    rough, aspect = look.uniform(0.2, 0.9), log_uniform(look, 1, 4)
    angle = surface.angle if chance(look, 0.3) else None
    shape = blob(rng, surface.size, area(look, rng, 0.0008), rough=rough, aspect=aspect, angle=angle)
    alpha = shape.alpha(soft * shape.radius)
    body = 0.75 + 0.2 * fractal_field(rng, surface.size, 1.2) * look.uniform(0.3, 1.2)
    body = body + ring * np.exp(-np.square(shape.inside / max(1.0, 0.08 * shape.radius)))
    amount = np.clip(alpha * body * strength * rng.uniform(0.7, 1.3), 0, 0.95)
    tint = 0.5 * dye + 0.5 * dye * surface.color * 1.6
    return Damage(mixed(surface.color, np.asarray(tint, np.float32), np.asarray(amount, np.float32)), alpha)


def oil(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A wet or greasy area: darker and more saturated, smooth at its rim, with a faint sheen."""
    power, gloss, soft = look.uniform(1.15, 1.9), look.uniform(0, 0.2), look.uniform(0.05, 0.5)
    if chance(look, 0.2):
        power = look.uniform(0.55, 0.85)
    shape = blob(
        rng, surface.size, area(look, rng, 0.002), rough=look.uniform(0.1, 0.5), aspect=rng.uniform(1, 2.5)
    )
    alpha = shape.alpha(soft * shape.radius)
    wet = np.power(np.clip(surface.color, 0.01, 1), np.float32(power)) * np.float32(0.5 ** (1 - power) * 0.9)
    dome = smooth_field(rng, surface.size, max(8.0, shape.radius))
    sheen = gloss * np.clip(_lit(surface, dome * 6), 0, 1.5)
    return Damage(mixed(surface.color, np.asarray(wet + sheen[..., None], np.float32), alpha), alpha)


def paint(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """Spots of foreign colour, one to several, opaque or thin."""
    color = tone(look, (0.1, 0.85), (0.2, 0.9)) if chance(look, 0.7) else tone(look, (0.03, 0.97), (0, 0.15))
    color = apart(color, surface.mean, 0.15)
    opacity, several, rough = look.uniform(0.35, 0.95), int(look.integers(1, 6)), look.uniform(0.1, 0.8)
    fraction, soft = area(look, rng, 0.0003, 0.15), look.uniform(0.02, 0.4)
    count = int(rng.integers(1, several + 1))
    middle = place(rng, 0.08)
    spread = 1.2 * SIDE * np.sqrt(fraction) + 6
    alpha = np.zeros(surface.color.shape[:2], np.float32)
    for _ in range(count):
        centre = (middle[0] + spread * 0.6 * rng.normal(), middle[1] + spread * 0.6 * rng.normal())
        spot = blob(
            rng,
            surface.size,
            max(0.0002, fraction / count * rng.uniform(0.4, 1.6)),
            rough=rough,
            aspect=rng.uniform(1, 2),
            centre=middle if count == 1 else centre,
        )
        alpha = np.maximum(alpha, spot.alpha(soft * spot.radius))
    film = opacity * (1 - 0.12 * np.abs(fractal_field(rng, surface.size, 0.9)))
    shaded = color * (0.75 + 0.35 * np.clip(surface.color / (surface.mean + 0.05), 0.3, 2.0))
    amount = np.asarray(np.clip(alpha * film, 0, 1), np.float32)
    return Damage(mixed(surface.color, np.asarray(shaded, np.float32), amount), alpha)


def contamination(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """Foreign matter: fluff, grit or dirt in ragged clumps, with their own texture and shading."""
    mean = surface.mean
    lighter = chance(look, 0.5)
    color = tone(look, (0.7, 0.95), (0, 0.3)) if lighter else tone(look, (0.05, 0.35), (0, 0.4))
    if chance(look, 0.25):
        color = near(look, mean, 0.5)
    color = apart(color, mean, 0.2)
    ragged, opacity, grainy = look.uniform(0.6, 1.6), look.uniform(0.4, 0.95), look.uniform(0.05, 0.25)
    fraction = area(look, rng, 0.0003, 0.18)
    several, wavelength = int(look.integers(1, 4)), look.uniform(3, 9)
    alpha = np.zeros(surface.color.shape[:2], np.float32)
    middle = place(rng, 0.08)
    count = int(rng.integers(1, several + 1))
    for number in range(count):
        offset = rng.normal(0, SIDE * np.sqrt(fraction), 2) if number else np.zeros(2)
        centre = (middle[0] + float(offset[0]), middle[1] + float(offset[1]))
        lump = blob(
            rng, surface.size, fraction / count, rough=ragged, aspect=rng.uniform(1, 2.2), centre=centre
        )
        alpha = np.maximum(alpha, lump.alpha(0.25 * lump.radius))
    texture = 0.6 * band_field(rng, surface.size, wavelength)
    texture = texture + 0.8 * fractal_field(rng, surface.size, 1.2, largest=5 * wavelength)
    torn = smoothstep(texture + 2.2 * alpha, 0.4, 1.4)
    shading = 1 + grainy * texture + 0.25 * np.tanh(_lit(surface, texture * wavelength * 0.4))
    matter = color * shading[..., None]
    amount = np.asarray(alpha * torn * opacity, np.float32)
    # Small gaps inside a clump count as part of it, larger ones do not.
    clump = box_blur(np.asarray(alpha * torn, np.float32), max(1, round(1.5 * surface.size / SIDE)), passes=1)
    support = np.clip(1.2 * clump, 0, 1)
    return Damage(
        mixed(surface.color, np.asarray(matter, np.float32), amount), np.asarray(support, np.float32)
    )


def blowhole(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """Tiny pits, dark with a lit rim, alone or in a loose group."""
    several, spread = int(look.integers(1, 12)), log_uniform(look, 6, 70)
    depth, rim = look.uniform(0.4, 0.95), look.uniform(0.0, 0.6)
    radius = log_uniform(look, 1.2, 4.5)
    stretch = log_uniform(look, 1, 3)
    size, middle = surface.size, place(rng, 0.06)
    inside = np.full((size, size), -99.0, np.float32)
    for _ in range(int(rng.integers(1, several + 1))):
        offset = rng.normal(0, spread, 2) if several > 1 else np.zeros(2)
        r = max(0.8, radius * float(np.exp(0.35 * rng.normal())))
        pit = blob(
            rng,
            size,
            np.pi * r * r / SIDE**2,
            rough=0.35,
            aspect=stretch,
            angle=surface.angle + rng.normal(0, 0.3),
            centre=(
                float(np.clip(middle[0] + offset[0], 4, SIDE - 4)),
                float(np.clip(middle[1] + offset[1], 4, SIDE - 4)),
            ),
        )
        inside = np.maximum(inside, pit.inside)
    dark = smoothstep(inside, -0.6, 0.7)
    around = np.exp(-np.square((inside + 0.8) / 0.9)) * (1 - dark)
    slope = np.tanh(_lit(surface, np.asarray(np.maximum(inside, -3), np.float32)) * 2)
    gain = (1 - depth * dark) * (1 + rim * around * (0.6 + slope))
    support = np.maximum(dark, around * min(1.0, rim * 2))
    return Damage(np.asarray(surface.color * gain[..., None], np.float32), np.asarray(support, np.float32))
