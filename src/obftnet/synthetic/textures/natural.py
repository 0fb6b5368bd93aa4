"""Grown and quarried materials: leather, wood, veined and speckled stone, concrete, fibre felt."""

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


def leather(look: Generator, view: View) -> Surface:
    """A hide: long creases that cross, wrinkles between irregular cells, or pebbles; lit from one side."""
    spacing = log_uniform(look, 8.0, 40.0)
    style, stretch = look.choice(3, p=[0.45, 0.3, 0.25]), look.uniform(1.0, 1.9)
    depth, fine = look.uniform(0.5, 1.6), look.uniform(0.02, 0.09)
    base = (
        tone(look, (0.15, 0.5), (0.25, 0.8), (0.99, 1.1))
        if chance(look, 0.6)
        else tone(look, (0.1, 0.7), (0, 0.3))
    )
    rough, crease = look.uniform(0.03, 0.14), look.uniform(0.05, 0.15)
    u, v = view.coordinates()
    rng, size = view.rng, view.size
    u = u / np.float32(stretch) + rough * spacing * fractal_field(rng, size, 1.6, largest=2 * spacing)
    v = v + rough * spacing * fractal_field(rng, size, 1.6, largest=2 * spacing)
    first, second, _ = cells(rng, u, v, spacing, 1.0)
    gap = second - first
    lay = look.uniform(0, np.pi)
    # Wrinkles fade in and out, and a second finer net runs between the main ones.
    presence = smoothstep(smooth_field(rng, size, spacing * 2.5), -2.2, -0.2)
    if style == 0:
        # The zero lines of stretched fields run far and cross each other, as flexed skin creases.
        height = np.zeros((size, size), np.float32)
        for turn, reach in ((0.0, 1.5), (0.9, 1.2), (2.1, 1.2), (1.5, 0.7)):
            field = smooth_field(rng, size, spacing * 1.4 * reach, angle=lay + turn, stretch=2.4)
            height = height - presence * reach * 0.6 * np.exp(-np.square(field / (0.7 * crease)))
        height = np.maximum(height, -1.0) + 0.15 * smooth_field(rng, size, spacing)
    elif style == 1:
        height = np.power(np.clip(gap, 0, 1), 0.45) * 0.7
    else:
        height = -presence * np.exp(-np.square(gap / crease)) + 0.25 * gap
        first, second, _ = cells(rng, u, v, spacing * look.uniform(0.3, 0.5), 1.0)
        minor = smoothstep(smooth_field(rng, size, spacing), -0.2, 1.4)
        height = height - 0.45 * minor * np.exp(-np.square((second - first) / (crease * 1.5)))
    height = height + 0.12 * fractal_field(rng, size, 1.3, largest=spacing * 2)
    shade = relief(np.asarray(height, np.float32), view.light) * np.float32(
        size / 256 * spacing**0.35 * depth
    )
    hollow = 0.18 * depth * np.asarray(height, np.float32)
    value = 0.55 * np.tanh(shade * 0.9) + hollow + fine * band_field(rng, size, 2.5)
    value = np.asarray(value + 0.05 * fractal_field(rng, size, 1.8), np.float32)
    return Surface(tinted(value, base, 0.8, 0.15 * base[::-1] * 0.3), view.angle, view.light)


def wood(look: Generator, view: View) -> Surface:
    """Planed wood: rings that run along the board, fibres, dark pores and sometimes knots."""
    ring, wander = log_uniform(look, 5.0, 40.0), look.uniform(0.4, 3.0)
    contrast, fibre, pore = look.uniform(0.08, 0.33), look.uniform(0.03, 0.11), look.uniform(0.0, 0.45)
    light = tone(look, (0.35, 0.72), (0.2, 0.6), (0.03, 0.12))
    dark = light * np.asarray([0.62, 0.5, 0.4], np.float32) * look.uniform(0.8, 1.2)
    ring_sharp, knots = look.uniform(0.6, 3.0), look.uniform(0.0, 0.4)
    rng, size = view.rng, view.size
    u, _ = view.coordinates()
    along = view.angle + np.pi / 2
    bent = u + ring * wander * smooth_field(rng, size, 90.0, angle=along, stretch=look.uniform(3.0, 7.0))
    bent = bent + 0.6 * ring * smooth_field(rng, size, 22.0, angle=along, stretch=8.0)
    if chance(rng, knots):
        y, x = np.mgrid[0:size, 0:size].astype(np.float32) * np.float32(256 / size)
        cx, cy = rng.uniform(0, 256, 2)
        distance = np.hypot(x - cx, y - cy)
        bent = bent + rng.uniform(1.0, 2.5) * ring * np.exp(-np.square(distance / rng.uniform(12, 30)))
    phase = bent / np.float32(ring)
    saw = phase - np.floor(phase)
    late = np.power(np.clip(saw, 0, 1), 1 + ring_sharp) * smoothstep(np.asarray(saw, np.float32), 1.0, 0.9)
    number = np.floor(phase).astype(np.int32)
    tones = rng.uniform(0.5, 1.0, int(np.ptp(number)) + 1).astype(np.float32)
    late = late * tones[number - number.min()]
    image = mixed(
        np.broadcast_to(light, (size, size, 3)), dark, np.asarray(contrast * 3.0 * late, np.float32)
    )
    streaks = fibre * smooth_field(rng, size, 2.2, angle=along, stretch=35.0)
    streaks += 0.6 * fibre * smooth_field(rng, size, 9.0, angle=along, stretch=25.0)
    streaks += 0.3 * fibre * fractal_field(rng, size, 0.6)
    image = image * (1 + streaks)[..., None]
    lines = smoothstep(smooth_field(rng, size, 2.4, angle=along, stretch=look.uniform(6.0, 22.0)), 1.2, 2.4)
    gathered = smoothstep(smooth_field(rng, size, 40.0, angle=along, stretch=4.0), -0.8, 1.2)
    image = image * (1 - pore * 1.6 * lines * gathered)[..., None]
    image = image * (1 + 0.05 * fractal_field(rng, size, 1.8, angle=along, stretch=3.0))[..., None]
    return Surface(np.asarray(image, np.float32), along, view.light)


def marble(look: Generator, view: View) -> Surface:
    """Veined stone: clouds, and veins of several widths that follow one loose direction."""
    base = tone(look, (0.15, 0.88), (0.0, 0.25))
    vein = near(look, base, 0.1) * (
        look.uniform(0.25, 0.65) if base.mean() > 0.45 else look.uniform(1.6, 2.4)
    )
    slope, stretch = look.uniform(1.5, 2.1), look.uniform(1.0, 3.5)
    thin, strength, cloud = look.uniform(0.04, 0.2), look.uniform(0.4, 0.95), look.uniform(0.03, 0.15)
    rng, size = view.rng, view.size
    alpha = np.zeros((size, size), np.float32)
    for level in range(3):
        field = fractal_field(
            rng, size, slope, largest=look.uniform(60, 240), angle=view.angle, stretch=stretch
        )
        presence = smoothstep(smooth_field(rng, size, 120.0), -0.9, 0.8)
        width = thin * (0.4 + 0.8 * level)
        alpha = np.maximum(
            alpha, np.exp(-np.abs(field) / np.float32(width)) * presence * (1.0 - 0.22 * level)
        )
    clouds = cloud * fractal_field(rng, size, 1.7, angle=view.angle, stretch=stretch) + 0.02 * fractal_field(
        rng, size, 0.5
    )
    image = tinted(np.asarray(clouds, np.float32), base, 1.0)
    image = mixed(
        image, np.asarray(np.clip(vein, 0.02, 1.0), np.float32), np.asarray(strength * alpha, np.float32)
    )
    return Surface(image, view.angle, view.light)


def terrazzo(look: Generator, view: View) -> Surface:
    """Speckled stone: dark grains on light by a thresholded field, or chips in a cement."""
    base = tone(look, (0.3, 0.85), (0.0, 0.25))
    rng, size = view.rng, view.size
    grain = 0.03 * fractal_field(rng, size, 0.7)
    image = tinted(grain + 0.04 * fractal_field(rng, size, 1.7), base, 1.0)
    if chance(look, 0.5):
        for _ in range(int(look.integers(1, 4))):
            color = np.clip(near(look, base, 0.25) * look.uniform(0.15, 1.35), 0.02, 0.97).astype(np.float32)
            wavelength, level = log_uniform(look, 3.5, 22.0), look.uniform(0.3, 1.7)
            field = band_field(rng, size, wavelength, angle=view.angle + 0.6, stretch=look.uniform(1.0, 1.8))
            field += 0.35 * fractal_field(rng, size, 1.0, largest=wavelength * 3)
            soft = look.uniform(0.15, 0.5)
            spots = look.uniform(0.5, 0.95) * smoothstep(field, level, level + soft)
            image = mixed(image, color, spots * (1 + 0.1 * fractal_field(rng, size, 0.5)))
        return Surface(image, view.angle, view.light)
    first_color, second_color = near(look, base, 0.5), near(look, base, 0.5) * look.uniform(0.3, 1.2)
    for _ in range(2):
        spacing, fill = log_uniform(look, 7.0, 40.0), look.uniform(0.3, 0.8)
        u, v = view.coordinates()
        u = u + 0.12 * spacing * smooth_field(rng, size, spacing * 0.6)
        v = v + 0.12 * spacing * smooth_field(rng, size, spacing * 0.6)
        first, second, tones = cells(rng, u, v, spacing, 1.0)
        chips = smoothstep(second - first, 0.08, 0.2) * (tones < fill) * smoothstep(first, 0.62, 0.5)
        shift = ((tones * 37.0) % 1.0)[..., None]
        color = first_color * (1 - shift) + second_color * shift
        texture = 1 + 0.06 * band_field(rng, size, 3.0)
        image = mixed(
            image, np.clip(color * texture[..., None], 0, 1).astype(np.float32), np.asarray(chips, np.float32)
        )
    return Surface(image, view.angle, view.light)


def concrete(look: Generator, view: View) -> Surface:
    """Concrete or plaster: blotches, sand, aggregate that shows through and air holes."""
    base = tone(look, (0.3, 0.75), (0.0, 0.15), (0.05, 0.2))
    blotch, sand, pores = look.uniform(0.03, 0.13), look.uniform(0.02, 0.12), look.uniform(0.0, 1.0)
    slope, size_of_pore = look.uniform(1.1, 1.9), log_uniform(look, 3.0, 9.0)
    rng, size = view.rng, view.size
    value = blotch * fractal_field(rng, size, slope) + sand * band_field(rng, size, look.uniform(2.0, 4.0))
    value += 0.5 * sand * fractal_field(rng, size, 0.5)
    bumps = smooth_field(rng, size, log_uniform(look, 5.0, 30.0))
    value += look.uniform(0.0, 0.25) * np.tanh(relief(bumps, view.light) * (size / 256) * 3)
    image = tinted(value, base, 1.0)
    pits = smoothstep(smooth_field(rng, size, size_of_pore) + 0.3 * band_field(rng, size, 4.0), 2.6, 3.0)
    return Surface(
        np.asarray(image * (1 - 0.55 * pores * pits)[..., None], np.float32), view.angle, view.light
    )


def felt(look: Generator, view: View) -> Surface:
    """Paper, felt, fleece: fibres that lie in many directions, with cloudy formation."""
    base = tone(look, (0.25, 0.9), (0.0, 0.45))
    thickness, stretch = log_uniform(look, 1.6, 3.2), look.uniform(5.0, 14.0)
    contrast, cloud, favoured = look.uniform(0.02, 0.15), look.uniform(0.01, 0.08), look.uniform(0.0, 1.0)
    rng, size = view.rng, view.size
    fibres = np.full((size, size), -9.0, np.float32)
    for step in range(6):
        turn = view.angle + np.pi * step / 6 + rng.uniform(-0.2, 0.2)
        weight = 1.0 - 0.5 * favoured * abs(np.sin(turn - view.angle))
        fibres = np.maximum(fibres, weight * smooth_field(rng, size, thickness, angle=turn, stretch=stretch))
    fibres -= fibres.mean()
    value = contrast * fibres + cloud * fractal_field(rng, size, 1.4, largest=120.0)
    value += look.uniform(0.0, 0.06) * band_field(rng, size, 2.2)
    return Surface(tinted(np.asarray(value, np.float32), base, 1.0), view.angle, view.light)


def grain(look: Generator, view: View) -> Surface:
    """Isotropic noise of several scales: cast skin, foam, sandpaper, rubber, painted plaster."""
    base = tone(look, (0.2, 0.85), (0.0, 0.5))
    rng, size = view.rng, view.size
    value: Floats = look.uniform(0.02, 0.12) * fractal_field(rng, size, look.uniform(0.6, 1.8))
    for _ in range(2):
        value = value + look.uniform(0.0, 0.14) * band_field(rng, size, log_uniform(look, 2.2, 18.0))
    bumps = band_field(rng, size, log_uniform(look, 4.0, 24.0))
    value = value + look.uniform(0.0, 0.4) * np.tanh(relief(bumps, view.light) * (size / 256) * 2)
    shift = (tone(look, (0.2, 0.8), (0.0, 0.5)) - base) * look.uniform(0.0, 0.6)
    return Surface(tinted(np.asarray(value, np.float32), base, 1.0, shift), view.angle, view.light)
