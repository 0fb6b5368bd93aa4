"""Random fields, cells, blurs and warps: the primitives that textures and defects are drawn with.

Lengths are in *units*: the image side is always 256 units, whatever its size in pixels, so a material looks
the same at every size. Every function is pure: what is random comes from the generator it is given.
"""

from typing import Any, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float32]
FloatImage = NDArray[np.float32]
BoolMask = NDArray[np.bool_]

#: Units along the side of an image.
SIDE = 256.0


def generator(*key: int) -> Generator:
    """The random generator of a tuple of non-negative integers; equal tuples give equal streams."""
    return np.random.default_rng(np.random.SeedSequence(key))


def log_uniform(rng: Generator, low: float, high: float) -> float:
    """A number in [low, high], uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def chance(rng: Generator, probability: float) -> bool:
    """True with the probability."""
    return bool(rng.random() < probability)


def choose(rng: Generator, options: tuple[str, ...]) -> str:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def _as_floats(values: Any) -> Floats:
    return cast(Floats, np.asarray(values, dtype=np.float32))


def _frequencies(size: int, angle: float, stretch: float) -> Floats:
    """Radial frequency, cycles per unit, of each rfft2 bin, (size, size // 2 + 1).

    Along `angle` (radians, from the x axis) frequencies count `stretch` times, so structure there is longer.
    """
    fy = (np.fft.fftfreq(size) * (size / SIDE)).astype(np.float32)[:, None]
    fx = (np.fft.rfftfreq(size) * (size / SIDE)).astype(np.float32)[None, :]
    if stretch == 1.0:
        return _as_floats(np.sqrt(fx * fx + fy * fy))
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (cosine * fx + sine * fy) * np.float32(stretch)
    across = cosine * fy - sine * fx
    return _as_floats(np.sqrt(along * along + across * across))


def _filtered(rng: Generator, size: int, gain: Floats) -> Floats:
    white = rng.standard_normal((size, size), dtype=np.float32)
    field = _as_floats(np.fft.irfft2(np.fft.rfft2(white) * gain, s=(size, size)))
    field -= field.mean()
    return _as_floats(field / (field.std() + 1e-9))


def smooth_field(
    rng: Generator, size: int, wavelength: float, *, angle: float = 0.0, stretch: float = 1.0
) -> Floats:
    """Gaussian field with one length scale, (size, size), mean 0, standard deviation 1.

    `wavelength` in units; `stretch` >= 1 makes structures that many times longer along `angle` (radians).
    """
    radial = _frequencies(size, angle, stretch) * np.float32(wavelength)
    return _filtered(rng, size, _as_floats(np.exp(-1.5 * radial * radial)))


def band_field(
    rng: Generator, size: int, wavelength: float, *, angle: float = 0.0, stretch: float = 1.0
) -> Floats:
    """Gaussian field around one wavelength (units), nothing much longer: grains and speckles."""
    radial = _frequencies(size, angle, stretch) * np.float32(wavelength)
    return _filtered(rng, size, _as_floats(radial * np.exp(-0.5 * radial * radial)))


def fractal_field(
    rng: Generator,
    size: int,
    slope: float,
    *,
    largest: float = SIDE,
    angle: float = 0.0,
    stretch: float = 1.0,
) -> Floats:
    """Gaussian field with amplitude as frequency ** -slope below wavelength `largest` (units)."""
    radial = _frequencies(size, angle, stretch)
    gain = np.power(radial * radial + np.float32(largest**-2), np.float32(-slope / 2))
    return _filtered(rng, size, _as_floats(gain))


def cells(
    rng: Generator, u: Floats, v: Floats, spacing: float, jitter: float = 0.9
) -> tuple[Floats, Floats, Floats]:
    """Cellular (Worley) noise over coordinates u, v: distances to the nearest two points, and a random tone.

    Points lie one to a square of side `spacing`, moved by up to `jitter` squares. Distances are in squares;
    the tone is uniform in [0, 1) and constant within a cell.
    """
    x, y = u / np.float32(spacing), v / np.float32(spacing)
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    x, y = x - column, y - row
    column -= column.min() - 1
    row -= row.min() - 1
    width, height = int(column.max()) + 2, int(row.max()) + 2
    px = _as_floats(0.5 + jitter * (rng.random((height, width)) - 0.5)).ravel()
    py = _as_floats(0.5 + jitter * (rng.random((height, width)) - 0.5)).ravel()
    tones = _as_floats(rng.random(height * width))
    first = np.full(x.shape, 9.0, np.float32)
    second = first.copy()
    nearest = np.zeros(x.shape, np.int32)
    index = row * width + column
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            neighbour = index + (dy * width + dx)
            distance = np.square(px[neighbour] + (dx - x)) + np.square(py[neighbour] + (dy - y))
            closer = distance < first
            second = np.where(closer, first, np.minimum(second, distance))
            nearest = np.where(closer, neighbour, nearest)
            first = np.where(closer, distance, first)
    return _as_floats(np.sqrt(first)), _as_floats(np.sqrt(second)), tones[nearest]


def smoothstep(values: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between (a falling one if low > high)."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return _as_floats(t * t * (3.0 - 2.0 * t))


def blur(image: Floats, sigma: float) -> Floats:
    """Gaussian blur with edges repeated; `sigma` in pixels, image (h, w) or (h, w, c)."""
    if sigma < 0.2:
        return image
    radius = max(1, round(2.6 * sigma))
    taps = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / sigma))
    taps /= taps.sum()
    for axis in (0, 1):
        pad = [(0, 0)] * image.ndim
        pad[axis] = (radius, radius)
        padded = np.pad(image, pad, mode="edge")
        length = image.shape[axis]
        total = np.zeros_like(image)
        for start, tap in enumerate(taps):
            window = padded[start : start + length] if axis == 0 else padded[:, start : start + length]
            total += np.float32(tap) * window
        image = total
    return image


def box_blur(image: Floats, radius: int, passes: int = 2) -> Floats:
    """Mean over a (2 radius + 1) square, `passes` times, edges repeated: wide blurs at constant cost."""
    if radius < 1:
        return image
    for _ in range(passes):
        for axis in (0, 1):
            pad = [(0, 0)] * image.ndim
            pad[axis] = (radius + 1, radius)
            total = np.cumsum(np.pad(image, pad, mode="edge"), axis=axis, dtype=np.float64)
            high, low = (
                (total[2 * radius + 1 :], total[: -2 * radius - 1])
                if axis == 0
                else (total[:, 2 * radius + 1 :], total[:, : -2 * radius - 1])
            )
            image = _as_floats((high - low) / (2 * radius + 1))
    return image


def warp(image: Floats, dx: Floats, dy: Floats) -> Floats:
    """Bilinear sample of the image at (x + dx, y + dy), pixels; what lies outside repeats the edge."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = np.clip(x + dx, 0, width - 1.001), np.clip(y + dy, 0, height - 1.001)
    x0, y0 = x.astype(np.int32), y.astype(np.int32)
    fx, fy = x - x0, y - y0
    if image.ndim == 3:
        fx, fy = fx[..., None], fy[..., None]
    flat = image.reshape(height * width, *image.shape[2:])
    base = y0 * width + x0
    top = flat[base] * (1 - fx) + flat[base + 1] * fx
    bottom = flat[base + width] * (1 - fx) + flat[base + width + 1] * fx
    return _as_floats(top * (1 - fy) + bottom * fy)


def relief(height: Floats, light: float) -> Floats:
    """Shading of a height field (h, w) in pixels lit from `light` (radians): its slope, 0 if flat."""
    dy, dx = np.gradient(height)
    return _as_floats(dx * np.float32(np.cos(light)) + dy * np.float32(np.sin(light)))


def pooled(image: Floats, factor: int) -> Floats:
    """Mean over blocks of factor x factor pixels."""
    if factor == 1:
        return image
    height, width = image.shape[0] // factor, image.shape[1] // factor
    blocks = image.reshape(height, factor, width, factor, *image.shape[2:])
    return _as_floats(blocks.mean(axis=(1, 3)))
