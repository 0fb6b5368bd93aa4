"""The object in the picture: a part whose border, and the ground it lies on, some photographs show."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from obftnet.synthetic.colors import mixed, tinted, tone
from obftnet.synthetic.noise import (
    SIDE,
    BoolMask,
    Floats,
    chance,
    fractal_field,
    log_uniform,
    smooth_field,
    smoothstep,
)
from obftnet.synthetic.plane import rotated

#: An edge that far outside of the picture is not seen.
_AWAY = SIDE
#: Left, top, right, bottom.
_LAYOUTS = ((0,), (1,), (2,), (3,), (0, 2), (1, 3), (0, 1), (2, 3), (0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3))


@dataclass(frozen=True)
class Part:
    """Where the material ends in one photograph, and what is seen beyond it.

    `inside` (size, size) is the depth within the part in units, negative on the ground. `ground` is the
    colour beyond, float32 (size, size, 3) linear 0..1, and `tone` (size, size) the gain of the part itself:
    its bevel or selvedge.
    """

    inside: Floats
    ground: Floats
    tone: Floats

    @classmethod
    def draw(cls, look: Generator, rng: Generator, size: int) -> "Part":
        """A part with one or two straight edges, or four with round corners; `look` is the material's."""
        sides = _LAYOUTS[int(look.integers(len(_LAYOUTS)))]
        depth, wander = look.uniform(0.05, 0.2, 4), look.uniform(0.02, 0.09)
        tilt = float(look.normal(0, 0.05)) + float(rng.normal(0, 0.02))
        corner = log_uniform(look, 1, 60)
        if len(sides) == 4 and chance(look, 0.3):
            depth[:], corner = depth[0], SIDE  # a disc
        # A single edge leaves the picture now and then.
        seen = len(sides) > 1 or chance(rng, 0.75)
        # The part lies elsewhere in each picture, but keeps its size.
        shift_x, shift_y = np.clip(rng.normal(0, wander, 2), 0.01 - depth[:2], depth[2:] - 0.01)
        jitter = (shift_x, shift_y, -shift_x, -shift_y)
        reach = np.full(4, -_AWAY)
        for side in sides if seen else ():
            reach[side] = SIDE * float(depth[side] + jitter[side])
        inside = _rounded_box(size, reach, tilt, corner if len(sides) == 4 else min(corner, 12.0))
        return cls(inside, _ground(look, rng, inside), _border_tone(look, rng, inside))

    @property
    def covers(self) -> BoolMask:
        """The pixels (size, size) that show the part."""
        return np.asarray(self.inside > 0, np.bool_)

    def lay(self, color: Floats) -> Floats:
        """The material's colour (size, size, 3) with the part's border and the ground around it."""
        cover = smoothstep(self.inside, -0.6, 0.6)
        return mixed(self.ground, np.asarray(color * self.tone[..., None], np.float32), cover)


def _rounded_box(
    size: int, reach: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", tilt: float, corner: float
) -> Floats:
    """Signed depth (size, size), units, in a box whose edges lie `reach` inside left, top, right, bottom."""
    left, top, right, bottom = reach
    centre = (SIDE / 2 + (left - right) / 2, SIDE / 2 + (top - bottom) / 2)
    half_x, half_y = (SIDE - left - right) / 2, (SIDE - top - bottom) / 2
    radius = min(corner, half_x, half_y)
    along, across = rotated(size, (float(centre[0]), float(centre[1])), tilt)
    qx, qy = np.abs(along) - (half_x - radius), np.abs(across) - (half_y - radius)
    beyond = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0)
    return np.asarray(radius - beyond, np.float32)


def _ground(look: Generator, rng: Generator, inside: Floats) -> Floats:
    """Near-black, white, grey or a dull texture, darker where the part casts its shadow."""
    size = inside.shape[0]
    style = look.random()
    if style < 0.4:
        color, rough = tone(look, (0.01, 0.06), (0.0, 0.2)), 0.1
    elif style < 0.55:
        color, rough = tone(look, (0.8, 0.97), (0.0, 0.08)), 0.01
    elif style < 0.8:
        color, rough = tone(look, (0.15, 0.65), (0.0, 0.15)), look.uniform(0.01, 0.04)
    else:
        color, rough = tone(look, (0.1, 0.6), (0.0, 0.3)), look.uniform(0.05, 0.15)
    shadow, width = look.uniform(0.0, 0.7), log_uniform(look, 1.5, 12)
    fall = 1 - shadow * np.exp(np.minimum(inside, 0) / np.float32(width))
    texture = rough * fractal_field(rng, size, look.uniform(0.3, 1.2))
    return np.asarray(np.clip(tinted(texture, color, 1.0) * fall[..., None], 0.0, 1.0), np.float32)


def _border_tone(look: Generator, rng: Generator, inside: Floats) -> Floats:
    """Gain along the part's border: none, a round edge that falls off, or a band of another tone.

    In half of the materials it is worn unevenly, elsewhere in each image: an edge is no defect for that.
    """
    style = look.random()
    width, gain = log_uniform(look, 2, 10), float(look.uniform(-0.55, 0.45))
    if style < 0.3:
        return np.ones_like(inside)
    uneven, patch = look.uniform(0.2, 0.9), log_uniform(look, 6, 40)
    if chance(look, 0.5):
        gain = gain * np.clip(1 + uneven * smooth_field(rng, inside.shape[0], patch), 0.0, 2.0)
    if style < 0.7:
        return np.asarray(1 + gain * np.exp(-np.square(inside / np.float32(width))), np.float32)
    band = smoothstep(inside, 2.4 * width + 0.7, 2.4 * width - 0.7)
    seam = np.exp(-np.square((inside - np.float32(2.4 * width)) / 1.2))
    return np.asarray(np.clip(1 + 0.6 * gain * band - 0.25 * seam, 0.2, 1.6), np.float32)
