"""Defects that change an area of the texture itself: dents, pattern faults, worn edges, abrasion, patches."""

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import mixed, near
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
    warp,
)
from obftnet.synthetic.plane import grid, rotated
from obftnet.synthetic.view import Surface


def dent(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A dent or bump: the light side and the shadow side of a smooth hollow, texture drawn in."""
    depth, inward = look.uniform(0.25, 0.9), chance(look, 0.6)
    pinch, core = look.uniform(0, 0.3), look.uniform(0, 0.4)
    shape = blob(
        rng,
        surface.size,
        area(look, rng, 0.0006, 0.16),
        rough=look.uniform(0.05, 0.3),
        aspect=log_uniform(look, 1, 2.5),
    )
    scale = surface.size / SIDE
    bowl = smoothstep(shape.inside, -0.35 * shape.radius, 0.9 * shape.radius)
    bowl = box_blur(bowl, round(0.12 * shape.radius * scale))
    slope = relief(bowl, surface.light) * np.float32(scale * shape.radius)
    shade = (1 if inward else -1) * depth * rng.uniform(0.7, 1.2) * np.tanh(
        0.9 * slope
    ) - core * depth * bowl**2
    dy, dx = np.gradient(bowl)
    reach = np.float32(pinch * shape.radius * shape.radius * scale * scale * (1 if inward else -1) * 0.5)
    moved = warp(surface.color, np.asarray(dx * reach, np.float32), np.asarray(dy * reach, np.float32))
    support = smoothstep(shape.inside, -0.32 * shape.radius, 0.05 * shape.radius)
    return Damage(np.asarray(moved * (1 + np.clip(shade, -0.85, 0.9))[..., None], np.float32), support)


def pattern(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """Elements of a repeating pattern are missing, shifted by part of a period, or bent out of line."""
    period = max(max(surface.period), 4.0)
    fault, angle = int(look.integers(3)), surface.angle
    low = float(np.clip(0.7 * (period / SIDE) ** 2, 0.0008, 0.05))
    fraction = area(look, rng, low, float(np.clip(30 * low, 0.02, 0.15)))
    aspect = log_uniform(look, 1, 5)
    axis = angle + (np.pi / 2 if chance(look, 0.5) else 0.0)
    shape = blob(rng, surface.size, fraction, rough=look.uniform(0.02, 0.25), aspect=aspect, angle=axis)
    size, scale = surface.size, surface.size / SIDE
    amount, fade, turned = look.uniform(0.3, 0.55), look.uniform(0.6, 1.0), float(rng.choice([-1, 1]))
    swirl = look.uniform(0.2, 0.5)
    if fault == 0:
        flat = box_blur(surface.color, max(1, round(period * scale * 0.75)))
        flat = (
            flat * (1 + 0.03 * fractal_field(rng, size, 0.7))[..., None] * np.float32(rng.uniform(0.85, 1.1))
        )
        alpha = shape.alpha(0.8)
        return Damage(mixed(surface.color, np.asarray(flat, np.float32), alpha * np.float32(fade)), alpha)
    if fault == 1:
        alpha = shape.alpha(0.5)
        shift = np.float32(amount * period * scale * turned)
        dx = np.full((size, size), shift * np.cos(axis + 0.4), np.float32)
        dy = np.full((size, size), shift * np.sin(axis + 0.4), np.float32)
        return Damage(mixed(surface.color, warp(surface.color, dx, dy), alpha), alpha)
    bell = smoothstep(shape.inside, -0.3 * shape.radius, 0.8 * shape.radius)
    bent = period * scale * swirl * bell
    dx = np.asarray(bent * smooth_field(rng, size, 1.5 * shape.radius + 2 * period), np.float32)
    dy = np.asarray(bent * smooth_field(rng, size, 1.5 * shape.radius + 2 * period), np.float32)
    return Damage(warp(surface.color, dx, dy), smoothstep(bell, 0.02, 0.3))


def worn_edge(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """The material is chipped or worn away along its border, or the image's, with a ragged line."""
    dark, ragged, worn = chance(look, 0.6), look.uniform(0.3, 1.2), look.uniform(0.3, 1.0)
    depth, rim = log_uniform(look, 0.02, 0.16), look.uniform(0.0, 0.5)
    mean = surface.mean
    color = near(
        look,
        np.asarray(mean * (look.uniform(0.15, 0.6) if dark else look.uniform(1.3, 2.2)), np.float32),
        0.1,
    )
    side = float(rng.integers(4)) * np.pi / 2
    middle = (SIDE / 2, SIDE / 2)
    along, inward = rotated(surface.size, middle, side)
    reach = SIDE * float(np.clip(depth * np.exp(0.4 * rng.normal()), 0.015, 0.22))
    span = rng.uniform(0.15, 1.1) * SIDE / 2
    position = rng.uniform(-0.5, 0.5) * SIDE
    depth_in: Floats = np.asarray(SIDE / 2 - inward, np.float32)
    if surface.part is not None:
        # A chip anywhere on the part's own border that the picture shows; else on the picture's.
        rows, columns = np.nonzero(np.abs(surface.part.inside) < 1.5)
        if rows.size:
            at = int(rng.integers(rows.size))
            x, y = grid(surface.size)
            along = np.hypot(x - x[0, columns[at]], y - y[rows[at], 0])
            depth_in, position = surface.part.inside, 0.0
    hump = np.sqrt(np.clip(1 - np.square((along - position) / span), 0, 1))
    bend = 0.6 * smooth_field(rng, surface.size, 40) + 0.4 * fractal_field(rng, surface.size, 1.2, largest=40)
    inside = reach * hump * (1 + 0.5 * ragged * bend) - depth_in - 2 * (hump <= 0)
    alpha = smoothstep(np.asarray(inside, np.float32), -0.8, 1.0)
    texture = 1 + 0.12 * fractal_field(rng, surface.size, 1.1)
    lit = 1 + rim * np.exp(-np.square((inside + 0.5) / 1.5))
    image = mixed(
        surface.color * lit[..., None],
        np.asarray(color * texture[..., None], np.float32),
        alpha * np.float32(worn),
    )
    return Damage(np.asarray(image, np.float32), alpha)


def abrasion(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """A roughened or polished patch: the texture's own contrast changes and a new grain appears."""
    gain = look.uniform(0.1, 0.6) if chance(look, 0.5) else look.uniform(1.4, 2.2)
    grainy, wavelength = look.uniform(0.03, 0.22), log_uniform(look, 2.2, 9)
    haze, soft = look.uniform(-0.2, 0.2), look.uniform(0.1, 0.7)
    shape = blob(
        rng,
        surface.size,
        area(look, rng, 0.002),
        rough=look.uniform(0.2, 1.0),
        aspect=log_uniform(look, 1, 4),
    )
    alpha = shape.alpha(soft * shape.radius)
    scale = surface.size / SIDE
    flat = box_blur(surface.color, max(1, round(9 * scale)))
    own = flat + np.float32(gain) * (surface.color - flat)
    pits = band_field(rng, surface.size, wavelength)
    rough = 1 + haze + grainy * pits + 0.6 * grainy * np.tanh(relief(pits, surface.light) * 2)
    alpha_body = alpha * (0.8 + 0.2 * np.tanh(fractal_field(rng, surface.size, 1.0)))
    return Damage(
        mixed(
            surface.color, np.asarray(own * rough[..., None], np.float32), np.asarray(alpha_body, np.float32)
        ),
        alpha,
    )


def patch(surface: Surface, look: Generator, rng: Generator) -> Damage:
    """Uneven brightness: a large area, round or many-sided, lighter or darker, with its texture kept."""
    gain = look.uniform(0.12, 0.4) * (1 if chance(look, 0.5) else -1)
    angular, corners = chance(look, 0.4), int(look.integers(4, 8))
    soft, rough = look.uniform(0.02, 0.8), look.uniform(0.0, 0.35)
    fraction, aspect = area(look, rng, 0.011, 0.21), log_uniform(look, 1, 3)
    tint = near(look, np.ones(3, np.float32), 0.05)
    middle = place(rng, 0.18)
    shape = blob(rng, surface.size, fraction, rough=rough, aspect=aspect, centre=middle)
    inside = shape.inside
    if angular:
        turn = float(rng.uniform(0, 2 * np.pi))
        inside = np.full_like(inside, SIDE)
        for corner in range(corners):
            facing = turn + 2 * np.pi * (corner + float(rng.uniform(-0.35, 0.35))) / corners
            along, _ = rotated(surface.size, middle, facing)
            inside = np.minimum(inside, np.float32(shape.radius * rng.uniform(0.6, 1.15)) - along)
    softness = soft * 0.6 * shape.radius
    alpha = smoothstep(inside, -0.5 * softness - 0.4, 0.5 * softness + 0.4)
    change = gain * rng.uniform(0.8, 1.2) * alpha[..., None] * np.minimum(tint, 1.0)
    return Damage(np.asarray(surface.color * (1 + change), np.float32), smoothstep(alpha, 0.1, 0.9))
