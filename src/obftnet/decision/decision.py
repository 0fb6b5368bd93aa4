"""What is decided by: a threshold, the least region, a band for review, a region of interest."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError

#: The softmax's own decision: defect where its channel is the larger (section III.D).
DEFAULT_THRESHOLD = 0.5


class Verdict(StrEnum):
    """What is to be done with an image."""

    PASS = "pass"
    REVIEW = "review"
    FAIL = "fail"


@dataclass(frozen=True, eq=False)
class Decision:
    """By what a score map becomes a mask and an image a verdict.

    threshold: in 0..1; a pixel is marked where its score is above it, in a region of the least size.
    low_threshold: above 0, at most the threshold; what is marked is drawn out to all of its region that
        scores above it (hysteresis thresholding, Canny 1986). Which images are marked depends on `threshold`
        alone. None: it is not.
    min_area: least area of a region, in pixels, or mm² with `unit` "mm"; 0 for none.
    min_length: least length of a region (`regions.geometry.length`), in pixels or mm; 0 for none.
    unit: of `min_area` and `min_length`; "mm" until `in_pixels` has the scale.
    review: (low, high) with low <= threshold <= high: an image whose image score is above low and not above
        high is for a person to look at. None: nothing is.
    interest: (h, w) bool, True where defects are looked for; None for everywhere.

    Sizes in mm become pixels once the scale is known, here 10 pixels a millimetre:

    >>> Decision(threshold=0.6, min_area=0.5, min_length=2, unit="mm").in_pixels(10).min_area
    50.0

    Raises:
        InputError: a number outside its range.
    """

    threshold: float = DEFAULT_THRESHOLD
    min_area: float = 0.0
    min_length: float = 0.0
    unit: Literal["px", "mm"] = "px"
    review: tuple[float, float] | None = None
    interest: NDArray[np.bool_] | None = None
    low_threshold: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise InputError(f"threshold must lie in 0..1, got {self.threshold}")
        # At 0, every pixel of an image that is marked would be.
        if self.low_threshold is not None and not 0 < self.low_threshold <= self.threshold:
            raise InputError(
                f"low_threshold must lie above 0 and be at most {self.threshold:g}, the threshold, got "
                f"{self.low_threshold}"
            )
        for name in ("min_area", "min_length"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} must be a finite number of at least 0, got {value}")
        if self.unit not in ("px", "mm"):
            raise InputError(f"unit must be px or mm, got {self.unit!r}")
        if self.review is not None:
            low, high = self.review
            if not 0 <= low <= self.threshold <= high <= 1:
                raise InputError(
                    f"review must be two numbers in 0..1 with the threshold {self.threshold:g} between them "
                    f"or equal to one, got {low} and {high}"
                )
        if self.interest is not None and (self.interest.dtype != np.bool_ or self.interest.ndim != 2):
            raise InputError(
                f"interest must be (h, w) bool, got {self.interest.dtype} of shape {self.interest.shape}"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        if (self.interest is None) != (other.interest is None):
            return False
        same = self.interest is None or np.array_equal(self.interest, other.interest)  # type: ignore[arg-type]
        return same and self._numbers == other._numbers

    __hash__ = None  # type: ignore[assignment]

    @property
    def sized(self) -> bool:
        """Whether some regions are too small to be marked: each has a pixel at least."""
        return self.min_area > 1 or self.min_length > 1 or (self.unit == "mm" and self._least > 0)

    def in_pixels(self, scale: float | None) -> Self:
        """The same decision with its sizes in pixels.

        Args:
            scale: pixels a millimetre; None where it is not known.

        Raises:
            InputError: sizes in mm and no scale, or a scale that is not a finite number above 0.
        """
        if self.unit == "px":
            return self
        if scale is None:
            raise InputError(
                "a least region in mm needs the scale, pixels a millimetre; or give it in pixels"
            )
        if not (math.isfinite(scale) and scale > 0):
            raise InputError(f"the scale must be a finite number above 0 pixels a millimetre, got {scale}")
        return replace(self, min_area=self.min_area * scale**2, min_length=self.min_length * scale, unit="px")

    def check_markable(self, shape: tuple[int, int], name: str) -> None:
        """Find out whether anything of an image could ever be marked, sizes in pixels.

        Args:
            shape: (h, w) of the image.
            name: of the image.

        Raises:
            InputError: the least region is larger or longer than the image, or than its region of interest:
                whatever it shows would pass.
        """
        height, width = shape
        within = height * width if self.interest is None else int(np.count_nonzero(self.interest))
        where = "image" if self.interest is None else "region of interest"
        # No region is longer than the diagonal of what holds it.
        for least, most, unit in (
            (self.min_area, within, "pixels"),
            (self.min_length, math.hypot(height, width), "pixels in length"),
        ):
            if least > most:
                raise InputError(
                    f"{name}: a least region of {least:g} {unit}, and the {where} has {most:.0f}: nothing "
                    "could ever be marked; ask for a smaller one"
                )

    @property
    def _least(self) -> float:
        return max(self.min_area, self.min_length)

    @property
    def _numbers(self) -> tuple[object, ...]:
        return (
            self.threshold,
            self.min_area,
            self.min_length,
            self.unit,
            self.review,
            self.low_threshold,
        )
