"""What an annotation tool can draw, and the pixels that it marks. Drawn when it is asked for, not before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from obftnet.annotations.raster import ellipse, fill

#: A point may lie this far outside its image, pixels: tools round.
_OUTSIDE = 1.0


class FormError(ValueError):
    """Something drawn that no mask can be made of: why, without the file's name."""


class Form(Protocol):
    """Something drawn on an image."""

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """The pixels that it marks.

        Args:
            size: (h, w) of the image that it was drawn on.

        Returns:
            (h, w) bool.

        Raises:
            FormError: it does not fit that image, or is damaged. InputError: a file of its own is unusable.
        """
        ...


@dataclass(frozen=True)
class Polygon:
    """A closed outline. rings: each a list of (x, y), pixels; a second one inside the first is a hole."""

    rings: tuple[tuple[tuple[float, float], ...], ...]

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """As `Form`."""
        for ring in self.rings:
            if len(ring) < 3:
                raise FormError(f"an outline of {len(ring)} point(s); 3 or more are wanted")
            for x, y in ring:
                _check_inside(x, y, size)
        return fill([np.array(ring, np.float64) for ring in self.rings], size)


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    """An upright rectangle between two corners, whichever they are."""
    return Polygon((((x0, y0), (x1, y0), (x1, y1), (x0, y1)),))


@dataclass(frozen=True)
class TurnedBox:
    """A rectangle that was turned; what of it leaves the image is cut off.

    corner: (x, y), pixels. sides: width and height, pixels. rotation: about the corner, clockwise, degrees.
    """

    corner: tuple[float, float]
    sides: tuple[float, float]
    rotation: float

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """As `Form`."""
        _check_finite(*self.corner, *self.sides, self.rotation)
        cos, sin = math.cos(math.radians(self.rotation)), math.sin(math.radians(self.rotation))
        (x, y), (w, h) = self.corner, self.sides
        across, down = np.array([w * cos, w * sin]), np.array([-h * sin, h * cos])
        corner = np.array([x, y])
        return fill([np.stack([corner, corner + across, corner + across + down, corner + down])], size)


@dataclass(frozen=True)
class Ellipse:
    """An ellipse, or a circle; what of it leaves the image is cut off. As `raster.ellipse`."""

    center: tuple[float, float]
    radii: tuple[float, float]
    rotation: float = 0.0

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """As `Form`."""
        _check_finite(*self.center, *self.radii, self.rotation)
        if min(self.radii) <= 0:
            raise FormError(f"an ellipse of radii {self.radii[0]:g} and {self.radii[1]:g}; above 0 is wanted")
        _check_inside(*self.center, size)
        return ellipse(self.center, self.radii, self.rotation, size)


@dataclass(frozen=True)
class Runs:
    """Pixels of a window, run by run: those that are not marked and those that are, by turns.

    counts: lengths of the runs, those that are not marked first. window: (x, y, width, height), pixels, of
    the part of the image; None: all of it. by_column: the runs go down one column after the other (COCO),
    else along one row after the other (CVAT).
    """

    counts: Sequence[int]
    window: tuple[int, int, int, int] | None
    by_column: bool

    def mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """As `Form`."""
        x, y, width, height = (0, 0, size[1], size[0]) if self.window is None else self.window
        check_window(x, y, width, height, size)
        if any(count < 0 for count in self.counts):
            raise FormError("a run of fewer than 0 pixels")
        if sum(self.counts) != width * height:
            raise FormError(f"runs of {sum(self.counts):,} pixels for {width} x {height}")
        counts = np.array(self.counts, np.int64)
        pixels = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        found = np.zeros(size, np.bool_)
        found[y : y + height, x : x + width] = (
            pixels.reshape(width, height).T if self.by_column else pixels.reshape(height, width)
        )
        return found


def check_window(x: int, y: int, width: int, height: int, size: tuple[int, int]) -> None:
    """Raises FormError unless a part of an image (h, w) lies in it."""
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > size[1] or y + height > size[0]:
        raise FormError(f"a part of {width} x {height} pixels at ({x}, {y}), outside the image{_of(size)}")


def _check_inside(x: float, y: float, size: tuple[int, int]) -> None:
    _check_finite(x, y)
    if not (-_OUTSIDE <= x <= size[1] + _OUTSIDE and -_OUTSIDE <= y <= size[0] + _OUTSIDE):
        raise FormError(f"a point at ({x:g}, {y:g}), outside the image{_of(size)}")


def _check_finite(*values: float) -> None:
    for value in values:
        if not math.isfinite(value):
            raise FormError(f"{value} among its numbers; finite ones are wanted")
        if abs(value) > 1e9:
            raise FormError(f"{value:g} among its numbers, beyond any image")


def _of(size: tuple[int, int]) -> str:
    return f" of {size[1]} x {size[0]}"
