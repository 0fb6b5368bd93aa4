"""What one photograph sees of a material: the coordinates of its pixels on the material, and the light."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.noise import SIDE, Floats
from obftnet.synthetic.part import Part


@dataclass(frozen=True)
class View:
    """A place on the material under a camera.

    `angle` (radians) is the direction of the material's own x axis in the image, `scale` the material units
    that a unit of the image spans, `origin` the place of the image's centre on the material, `light` the
    direction (radians) that the light comes from, `rng` the generator of all that differs between images.
    """

    size: int
    angle: float
    scale: float
    origin: tuple[float, float]
    light: float
    rng: Generator

    def coordinates(self, factor: int = 1) -> tuple[Floats, Floats]:
        """Material coordinates u, v (units) of the pixels of an image `factor` times finer, each (h, w)."""
        count = self.size * factor
        line = ((np.arange(count, dtype=np.float32) + 0.5) / count - 0.5) * np.float32(SIDE * self.scale)
        x, y = line[None, :], line[:, None]
        cosine, sine = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        return (
            np.asarray(cosine * x + sine * y + self.origin[0], np.float32),
            np.asarray(cosine * y - sine * x + self.origin[1], np.float32),
        )


@dataclass(frozen=True)
class Surface:
    """A rendered piece of material, before it is photographed.

    `color` is float32 (size, size, 3), linear 0..1. `angle` (radians) is the direction of threads or grain,
    `period` the (x, y) repeat in image units, (0, 0) where nothing repeats; `light` as in `View`. `part` is
    where the material ends in the picture, None where it fills it; `color` goes on beyond, until it is laid.
    """

    color: Floats
    angle: float
    light: float
    period: tuple[float, float] = (0.0, 0.0)
    part: Part | None = None

    @property
    def size(self) -> int:
        """Pixels along a side."""
        return int(self.color.shape[0])

    @property
    def mean(self) -> Floats:
        """The mean colour (3,)."""
        return np.asarray(self.color.reshape(-1, 3).mean(axis=0), np.float32)
