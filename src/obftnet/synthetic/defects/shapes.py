"""Shapes that defects take: blobs, curves with a width, and branching paths. All in units, anti-aliased."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from obftnet.synthetic.noise import SIDE, Floats, fractal_field, smooth_field, smoothstep
from obftnet.synthetic.plane import rotated

#: Supersampling of drawn paths.
_FINER = 3


def area(look: Generator, rng: Generator, low: float = 0.0006, high: float = 0.22) -> float:
    """Fraction of the image that a defect covers, log-distributed: around a typical value of its kind.

    Kinds of small and of large defects are likelier than those between.
    """
    typical = low * (high / low) ** float(look.beta(0.65, 0.65))
    return float(np.clip(typical * np.exp(0.6 * rng.normal()), low, high))


def place(rng: Generator, margin: float = 0.04) -> tuple[float, float]:
    """A point (x, y) in units, at least `margin` of the side from the border."""
    x, y = rng.uniform(margin * SIDE, (1 - margin) * SIDE, 2)
    return float(x), float(y)


@dataclass(frozen=True)
class Blob:
    """An irregular spot: `inside` (size, size) is the depth below its rim in units, negative outside."""

    inside: Floats
    radius: float

    def alpha(self, softness: float) -> Floats:
        """Opacity 0..1 with a rim about `softness` units wide."""
        return smoothstep(self.inside, -0.5 * softness - 0.35, 0.5 * softness + 0.35)


def blob(
    rng: Generator,
    size: int,
    fraction: float,
    *,
    rough: float = 0.3,
    aspect: float = 1.0,
    angle: float | None = None,
    centre: tuple[float, float] | None = None,
) -> Blob:
    """A spot of about `fraction` of the image; `rough` 0 is an ellipse, 1 falls into lobes and islands."""
    radius = float(np.sqrt(fraction / np.pi)) * SIDE
    turn = float(rng.uniform(0, np.pi)) if angle is None else angle
    along, across = rotated(size, place(rng) if centre is None else centre, turn)
    stretch = float(np.sqrt(aspect))
    distance = np.hypot(along / np.float32(stretch), across * np.float32(stretch))
    bend = 0.55 * smooth_field(rng, size, 1.7 * radius + 2) + 0.3 * fractal_field(
        rng, size, 1.6, largest=radius + 4
    )
    inside = radius * (1 + rough * 0.8 * bend) - distance
    return Blob(np.asarray(np.minimum(inside, 1.6 * radius - distance * 0.6), np.float32), radius)


@dataclass(frozen=True)
class Curve:
    """A gently bent line: `along` runs -1..1 between its ends, `across` is the signed distance in units."""

    along: Floats
    across: Floats
    angle: float
    length: float

    def ends(self, taper: float = 0.25) -> Floats:
        """1 in the middle, falling to 0 at both ends over the fraction `taper` of the length."""
        return smoothstep(np.abs(self.along), 1.0, 1.0 - 2 * taper)


def curve(
    rng: Generator,
    size: int,
    length: float,
    *,
    angle: float | None = None,
    bend: float = 0.1,
    wobble: float = 0.0,
    centre: tuple[float, float] | None = None,
) -> Curve:
    """A line of `length` units; `bend` is its sagitta over its length, `wobble` (units) fine jitter."""
    turn = float(rng.uniform(0, np.pi)) if angle is None else angle
    along, across = rotated(size, place(rng) if centre is None else centre, turn)
    t = along * np.float32(2 / length)
    bow, twist = rng.normal(0, bend, 2)
    offset = length * (bow * (1 - t * t) + 0.5 * twist * np.sin(np.pi * t))
    if wobble > 0:
        line = fractal_line(rng, 512, 1.4)
        offset = offset + wobble * np.interp((along + SIDE * 1.5) * (512 / (3 * SIDE)), np.arange(512), line)
    # Distance across a steep part of the graph is shorter than its height.
    steep = np.sqrt(
        1 + np.square(length * (-2 * bow * t + 0.5 * np.pi * twist * np.cos(np.pi * t)) * 2 / length)
    )
    return Curve(np.asarray(t, np.float32), np.asarray((across - offset) / steep, np.float32), turn, length)


def fractal_line(rng: Generator, count: int, slope: float) -> Floats:
    """One-dimensional noise (count,), standard deviation 1, amplitude proportional to frequency ** -slope."""
    gain = np.maximum(np.fft.rfftfreq(count), 1.0 / count) ** -slope
    gain[0] = 0.0
    line = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * gain, count)
    return np.asarray(line / (line.std() + 1e-9), np.float32)


def walk(
    rng: Generator,
    start: tuple[float, float],
    heading: float,
    length: float,
    *,
    step: float = 4.0,
    turn: float = 0.2,
    pull: float = 0.05,
) -> "NDPath":
    """A random walk as points (n, 2) in units: each step turns by about `turn`, pulled back to `heading`."""
    count = max(3, int(length / step) + 1)
    direction, directions = heading, []
    for change in rng.normal(0, turn, count - 1):
        direction += change + pull * (heading - direction)
        directions.append(direction)
    steps = step * np.stack([np.cos(directions), np.sin(directions)], axis=1)
    return np.concatenate([[start], start + np.cumsum(steps, axis=0)]).astype(np.float64)


NDPath = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def drawn(size: int, paths: list[tuple[NDPath, Floats]]) -> Floats:
    """Coverage 0..1 (size, size) of paths, each points (n, 2) and widths (n,) in units."""
    scale = size * _FINER / SIDE
    canvas = Image.new("L", (size * _FINER, size * _FINER), 0)
    pen = ImageDraw.Draw(canvas)
    for points, widths in paths:
        scaled = points * scale
        for first, second, width in zip(scaled[:-1], scaled[1:], widths[:-1] * scale, strict=True):
            pen.line([tuple(first), tuple(second)], fill=255, width=max(1, round(float(width))))
            if width > 2.5:
                half = float(width) / 2
                pen.ellipse(
                    [second[0] - half, second[1] - half, second[0] + half, second[1] + half], fill=255
                )
    small = canvas.resize((size, size), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)
