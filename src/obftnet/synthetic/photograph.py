"""From a surface to a photograph of it: light, lens, sensor, compression."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from obftnet.synthetic.colors import luminance
from obftnet.synthetic.noise import SIDE, FloatImage, Floats, blur, chance, log_uniform, smooth_field


@dataclass(frozen=True)
class Camera:
    """The setting that all photographs of a material share.

    `grey`: one channel. `gradient`, `vignette`, `patchy`: relative strength of uneven light. `softness`: blur
    in units. `noise`: standard deviation of the sensor's noise. `quality`: JPEG quality, 0 for none.
    `unsteady`, 0..1: how far exposure, contrast and the light's direction differ between photographs.
    `bands`: strength of broad bright bands, as of a lamp on curved metal, in a place of its own in each.
    `stray`: share of the photographs on which a shadow or a glare lies that the others do not have.
    """

    grey: bool
    gradient: float
    gradient_angle: float
    vignette: float
    patchy: float
    gain: float
    gamma: float
    softness: float
    noise: float
    quality: int
    unsteady: float
    bands: float
    bands_angle: float
    stray: float

    @classmethod
    def draw(cls, look: Generator, grey_probability: float) -> "Camera":
        """A random setting: most are even and sharp, some strongly uneven, soft or noisy."""
        strong = look.random() < 0.3
        return cls(
            grey=chance(look, grey_probability),
            gradient=float(look.uniform(0.0, 0.5 if strong else 0.15)),
            gradient_angle=float(look.uniform(0, 2 * np.pi)),
            vignette=float(look.uniform(0.0, 0.6)) if chance(look, 0.35) else 0.0,
            patchy=float(look.uniform(0.0, 0.1)) if chance(look, 0.25) else 0.0,
            gain=float(np.exp(look.normal(0.0, 0.15))),
            gamma=float(np.exp(look.normal(0.0, 0.15))),
            softness=float(look.choice([look.uniform(0.0, 0.5), look.uniform(0.4, 1.3)])),
            noise=float(np.exp(look.uniform(np.log(0.003), np.log(0.025)))),
            quality=int(look.integers(60, 97)) if chance(look, 0.6) else 0,
            unsteady=float(look.uniform(0.4, 1.0)) if chance(look, 0.33) else 0.0,
            bands=float(look.uniform(0.4, 1.3)) if chance(look, 0.07) else 0.0,
            bands_angle=float(look.uniform(0, np.pi)),
            stray=float(look.uniform(0.1, 0.4)) if chance(look, 0.4) else 0.0,
        )

    def photograph(self, color: Floats, rng: Generator) -> FloatImage:
        """The photograph of a surface (size, size, 3); float32 in 0..1, the same shape."""
        size = color.shape[0]
        line = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
        x, y = line[None, :], line[:, None]
        turn = self.gradient_angle + rng.normal(0, 0.25 + 1.5 * self.unsteady)
        slope = self.gradient * rng.uniform(0.6, 1.2) + self.unsteady * rng.uniform(0.0, 0.4)
        light = 1 + slope * (np.cos(turn) * x + np.sin(turn) * y)
        cx, cy = rng.normal(0, 0.15, 2)
        light = light * (1 - self.vignette * 0.5 * (np.square(x - cx) + np.square(y - cy)))
        if self.patchy > 0:
            light = light * (1 + self.patchy * smooth_field(rng, size, 1.5 * SIDE))
        if self.bands > 0:
            light = light * self._banded(rng, np.asarray(x, np.float32), np.asarray(y, np.float32))
        if self.stray > 0 and chance(rng, self.stray):
            light = light * _stray_light(rng, np.asarray(x, np.float32), np.asarray(y, np.float32))
        # Whoever set the exposure aimed at a middle grey, and came part of the way.
        aimed = float(np.clip((0.42 / max(float(color.mean()), 0.02)) ** 0.4, 0.6, 2.0))
        gain = aimed * self.gain * float(np.exp(rng.normal(0, 0.05)))
        gain *= float(np.exp(self.unsteady * rng.uniform(np.log(0.6), np.log(1.6))))
        # Nobody keeps a photograph that is burnt out at large: no defect could be seen in it.
        bright = float(np.quantile((luminance(color[::4, ::4]) * light[::4, ::4]), 0.85))
        gain = min(gain, 0.95 / max(bright, 0.02))
        lit = np.clip(color * np.asarray(np.clip(light, 0.15, 2.0) * gain, np.float32)[..., None], 0.0, 1.2)
        # Highlights roll off instead of clipping hard.
        lit = np.where(lit > 0.85, 0.85 + 0.15 * np.tanh((lit - 0.85) / 0.15), lit)
        image = np.power(lit, np.float32(self.gamma * np.exp(0.3 * self.unsteady * rng.uniform(-1, 1))))
        if self.grey:
            image = np.repeat(luminance(np.asarray(image, np.float32))[..., None], 1, axis=2)
        sharp = blur(np.asarray(image, np.float32), self.softness * size / SIDE * rng.uniform(0.8, 1.2))
        shot = self.noise * (0.5 + np.sqrt(np.clip(sharp, 0, 1)))
        noisy = sharp + shot * rng.standard_normal(sharp.shape, dtype=np.float32)
        levels = np.asarray(np.clip(noisy, 0, 1) * 255 + 0.5, np.uint8)
        if self.grey:
            levels = np.repeat(levels, 3, axis=2)
        if self.quality:
            levels = _compressed(levels, self.quality)
        return np.asarray(levels, np.float32) / np.float32(255)

    def _banded(self, rng: Generator, x: Floats, y: Floats) -> Floats:
        """Relative light (size, size) of one or two broad bands; x, y run -1..1 across the image."""
        turn = self.bands_angle + rng.normal(0, 0.1)
        across = np.cos(turn) * x + np.sin(turn) * y
        light = np.full(across.shape, 1 - 0.35 * min(self.bands, 1.0), np.float32)
        for _ in range(int(rng.integers(1, 3))):
            middle, width = rng.uniform(-1.0, 1.0), rng.uniform(0.12, 0.5)
            light += self.bands * rng.uniform(0.6, 1.0) * np.exp(-np.square((across - middle) / width))
        return np.asarray(light, np.float32)


def _stray_light(rng: Generator, x: Floats, y: Floats) -> Floats:
    """Relative light (size, size) of one shadow with a straight edge, or one glare; x, y run -1..1."""
    turn, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.8, 0.8)
    across = np.cos(turn) * x + np.sin(turn) * y - offset
    if chance(rng, 0.6):
        soft = log_uniform(rng, 0.03, 0.7)
        depth = rng.uniform(0.08, 0.45)
        return np.asarray(1 - depth / (1 + np.exp(np.clip(-4 * across / soft, -30, 30))), np.float32)
    along = np.cos(turn) * y - np.sin(turn) * x - rng.uniform(-0.8, 0.8)
    width, length = log_uniform(rng, 0.08, 0.6), log_uniform(rng, 0.1, 1.5)
    spot = np.exp(-np.square(across / width) - np.square(along / length))
    return np.asarray(1 + rng.uniform(0.1, 0.6) * spot, np.float32)


def _compressed(
    levels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], quality: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=quality)
    stream.seek(0)
    return np.asarray(Image.open(stream).convert("RGB"), np.uint8)
