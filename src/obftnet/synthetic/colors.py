"""Colours of materials and of what dirties them."""

import colorsys

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.noise import Floats


def tone(
    rng: Generator,
    lightness: tuple[float, float] = (0.15, 0.85),
    saturation: tuple[float, float] = (0.0, 0.5),
    hue: tuple[float, float] | None = None,
) -> Floats:
    """A colour (3,), RGB 0..1, drawn in HLS within the ranges; muted colours are the likelier.

    Without a range of hues (turns, from red), half are those of earth, skin and cloth, half any.
    """
    if hue is None:
        hue = (-0.03, 0.17) if rng.random() < 0.5 else (0.0, 1.0)
    muted = saturation[0] + (saturation[1] - saturation[0]) * rng.random() ** 2
    rgb = colorsys.hls_to_rgb(rng.uniform(*hue) % 1.0, rng.uniform(*lightness), muted)
    return np.asarray(rgb, np.float32)


def near(rng: Generator, color: Floats, spread: float) -> Floats:
    """A colour near another: each of lightness (mostly) and the channels moved by about `spread`."""
    moved = color * (1 + spread * rng.normal()) + 0.25 * spread * rng.normal(size=3)
    return np.asarray(np.clip(moved, 0.02, 0.98), np.float32)


def apart(color: Floats, ground: Floats, least: float) -> Floats:
    """The colour, made lighter or darker until it differs from `ground` by `least` in its furthest channel.

    Without this, foreign matter of the ground's own colour would be marked and yet be invisible.
    """
    if float(np.abs(color - ground).max()) >= least:
        return color
    lighter = float(luminance(color)) >= float(luminance(ground)) or float(ground.mean()) < 0.3
    lighter = lighter and float(ground.mean()) < 0.75
    return np.asarray(np.clip(ground + (least if lighter else -least), 0.02, 0.98), np.float32)


def tinted(value: Floats, color: Floats, contrast: float, shift: Floats | None = None) -> Floats:
    """Colour (h, w, 3) whose brightness follows a field (h, w) of about unit spread.

    `shift` (3,) is added in proportion to the field as well: a slight change of hue from dark to light.
    """
    gain = (1.0 + np.float32(contrast) * value)[..., None] * color
    if shift is not None:
        gain = gain + np.float32(contrast) * value[..., None] * shift
    return np.asarray(gain, np.float32)


def mixed(under: Floats, over: Floats, alpha: Floats) -> Floats:
    """`over` laid on `under` with opacity alpha (h, w)."""
    return np.asarray(under + alpha[..., None] * (over - under), np.float32)


def luminance(image: Floats) -> Floats:
    """Rec. 601 luma (...) of RGB colours (..., 3)."""
    return np.asarray(image @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)
