"""An image as it is stored: integers stay integers until a part of them is wanted as numbers in 0..1."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obftnet import wording
from obftnet.errors import InputError

#: Float samples may leave 0..1 by a rounding, that of float16 at 1, and are then cut.
_ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class Picture:
    """Samples of an image, upright, and what they mean.

    Attributes:
        samples: (h, w) grey or (h, w, 3) RGB; uint8, uint16 or float32.
        white: the sample of full brightness: 255 of 8 bits, 1 of floats.
        name: what messages call it.
        inverted: 0 is white and `white` is black (TIFF's WhiteIsZero).
        alpha: (h, w) opacity where the file had one; what is seen without it is in `samples`.
        orientation: EXIF orientation 1..8 that was followed; 1 where there was none.
    """

    samples: NDArray[Any]
    white: int
    name: str
    inverted: bool = False
    alpha: NDArray[Any] | None = None
    orientation: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        height, width = self.samples.shape[:2]
        return height, width

    @property
    def is_deep(self) -> bool:
        """Whether its samples have 16 bits, of which a camera may have filled fewer."""
        return self.samples.dtype == np.uint16 and self.white == 65535

    def __getitem__(self, window: slice | tuple[slice, slice]) -> "Picture":
        """A part of it, a view: rows, or rows and columns."""
        return replace(self, samples=self.samples[window], alpha=None)

    def floats(self) -> NDArray[np.float32]:
        """(h, w, 3) float32, RGB, 0..1; never a view."""
        values = self.samples.astype(np.float32, order="C")
        if self.white != 1:
            values /= np.float32(self.white)  # in place: of a large photograph there is no room for two
        if self.inverted:
            np.subtract(np.float32(1), values, out=values)
        return np.repeat(values[:, :, None], 3, axis=2) if values.ndim == 2 else values

    def values(self) -> NDArray[Any]:
        """The samples with 0 as black, dtype as it is."""
        return self.samples.dtype.type(self.white) - self.samples if self.inverted else self.samples

    def with_bits(self, bits: int) -> "Picture":
        """The same with white at 2^bits - 1, if `is_deep`; else as it is.

        Raises:
            InputError: a sample beyond that.
        """
        if not self.is_deep:
            return self
        white, top = 2**bits - 1, int(self.samples.max())
        if top > white:
            needed = bits_for(top)
            raise InputError(
                wording.BITS_BEYOND(image=self.name, top=top, bits=bits, white=white, needed=needed)
            )
        return replace(self, white=white)


def bits_for(top: int) -> int:
    """The least of 8, 10, 12, 14 and 16 bits that hold a sample."""
    return next(bits for bits in (8, 10, 12, 14, 16) if top < 2**bits)


def unit_floats(values: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Floating samples as float32 in 0..1, those beyond by a rounding cut.

    Raises:
        InputError: samples outside 0..1, or NaN.
    """
    low, high = float(values.min()), float(values.max())
    # Written so that NaN fails too.
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise InputError(wording.FLOATS_BEYOND(file=name, low=f"{low:.9g}", high=f"{high:.9g}"))
    floats: NDArray[np.float32] = np.asarray(values, np.float32)
    return floats.clip(0, 1) if low < 0 or high > 1 else floats
