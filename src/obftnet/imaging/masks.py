"""What an annotation marks: two values, of which one is clean; or two clear peaks, cut between."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obftnet import wording
from obftnet.errors import InputError, InputWarning
from obftnet.imaging.orientation import swaps_sides
from obftnet.imaging.overlay import grown

#: An anti-aliased or JPEG mask. Shares of white: how near to black and white its two values lie, and how far
#: from them a JPEG's pixels may be anywhere. Pixels from the outline: where a value may lie between the two,
#: and where a JPEG may ring (a block with halved colours).
_PEAK, _NOISE = 0.125, 0.01
#: Least share of the pixels that are black or white, by the first of these.
_FLAT = 0.75
_BETWEEN, _RINGING = 3, 16
#: Samples that are compared at a time.
_STRIP = 1 << 22


def to_mask(
    pixels: NDArray[Any],
    alpha: NDArray[Any] | None,
    *,
    like: tuple[int, int] | None,
    name: str,
    owner: str | None,
    owner_orientation: int = 1,
    allow_empty: bool,
) -> NDArray[np.bool_]:
    """Numbers of two values, black and one other, as True where they are not black.

    An anti-aliased or JPEG mask, two values but for its outline, is cut at half, with an InputWarning.

    Args:
        pixels: (h, w), (h, w, 1) or (h, w, 3).
        alpha: (h, w) opacity, or None.
        like: (h, w) that it must have.
        name: of the mask, for the messages.
        owner: name of its image.
        owner_orientation: EXIF orientation by which that was turned.
        allow_empty: accept a mask without a defect pixel.

    Raises:
        InputError: as `obftnet.imaging.read.read_mask`.
    """
    owner = owner or "its image"
    height, width = pixels.shape[:2]
    if like is not None and (height, width) != tuple(like):
        said = {"mask": name, "width": width, "height": height, "image": owner}
        said |= {"image_width": like[1], "image_height": like[0]}
        if swaps_sides(owner_orientation) and (width, height) == tuple(like):
            raise InputError(wording.MASK_TURNED(**said, orientation=owner_orientation))
        raise InputError(wording.MASK_SIZE(**said))
    if pixels.dtype.kind not in "buif":
        raise InputError(f"{name}: a mask of dtype {pixels.dtype}; bool or two-valued numbers are wanted")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InputError(
            f"{name}: NaN or infinity among its values; the mask of {owner} must hold two, 0 and one other"
        )
    if alpha is not None and (alpha != alpha[0, 0]).any():
        raise InputError(wording.MASK_TRANSPARENT(mask=name, image=owner))
    if pixels.ndim == 3 and all((part == part[:, :, :1]).all() for part in _strips(pixels)):
        pixels = pixels[:, :, 0]
    what, count = _distinct(pixels)
    if count > 2:
        cut = _cut_at_half(pixels)
        if cut is None:
            raise InputError(wording.MASK_VALUES(mask=name, count=f"{count:,}", values=what, image=owner))
        cut_at_half = wording.MASK_CUT(mask=name, count=f"{count:,}", values=what)
        warnings.warn(cut_at_half, InputWarning, stacklevel=3)
        return cut
    mask: NDArray[np.bool_] = pixels != 0 if pixels.ndim == 2 else (pixels != 0).any(axis=2)
    if count == 2 and mask.all():
        raise InputError(wording.MASK_WITHOUT_ZERO(mask=name, values=what, image=owner))
    if not allow_empty and not mask.any():
        raise InputError(wording.MASK_EMPTY(mask=name, image=owner))
    return np.ascontiguousarray(mask)


def _cut_at_half(pixels: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where values lie above the middle of two peaks; None where they are not two peaks and an outline."""
    white = {"u1": 255.0, "u2": 65535.0}.get(pixels.dtype.str[1:], 1.0 if pixels.dtype.kind == "f" else None)
    if white is None:
        return None
    values = pixels.astype(np.float32) / np.float32(white)
    if values.ndim == 3:
        # Colours of classes are no brightness; what a JPEG makes of grey is nearly grey.
        if float(np.ptp(values, axis=2).max()) > _PEAK:
            return None
        values = values.mean(axis=2)
    above = values > 0.5
    if not above.any() or above.all():
        return None
    low, high = _most_common(values[~above]), _most_common(values[above])
    if low > _PEAK or high < 1 - _PEAK:
        return None
    apart = np.abs(values - np.where(above, high, low))
    # In a rough photograph all pixels lie near an outline; a mask has one of two values nearly everywhere.
    if float((apart <= _PEAK).mean()) < _FLAT:
        return None
    # Few values are classes that somebody numbered, if away from the outline: nothing is granted to them.
    is_jpeg = len(np.unique(pixels)) > 8
    between = apart > (2 * _PEAK if is_jpeg else 0)
    ringing = apart > (_NOISE if is_jpeg else 0)
    if (between & ~_near_outline(above, _BETWEEN)).any() or (ringing & ~_near_outline(above, _RINGING)).any():
        return None
    return above


def _most_common(values: NDArray[np.float32]) -> float:
    found, counts = np.unique(values, return_counts=True)
    return float(found[counts.argmax()])


def _near_outline(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Pixels that have one of the other value within reach, along both axes."""
    return grown(mask, reach) & grown(~mask, reach)


def _distinct(pixels: NDArray[Any]) -> tuple[str, int]:
    """How many grey values (h, w) or colours (h, w, 3) there are, and which of the two words fits."""
    if pixels.ndim == 2:
        return wording.GREY_VALUES, _two_or_more(pixels.reshape(-1))
    flat = pixels.reshape(-1, pixels.shape[2])
    first = flat[0]
    others = flat[(flat != first).any(axis=1)]
    if not len(others):
        return wording.COLOURS, 1
    if (others == others[0]).all():
        return wording.COLOURS, 2
    return wording.COLOURS, len(np.unique(flat, axis=0))


def _two_or_more(flat: NDArray[Any]) -> int:
    # Sorting every pixel is needed only where the answer is not one or two.
    low, high = flat.min(), flat.max()
    if low == high:
        return 1
    if all(((part == low) | (part == high)).all() for part in _strips(flat)):
        return 2
    return len(np.unique(flat))


def _strips(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Parts of an array along its first axis: beside a large mask there is no room for several more."""
    step = max(1, _STRIP // values[0].size)
    return (values[at : at + step] for at in range(0, len(values), step))
