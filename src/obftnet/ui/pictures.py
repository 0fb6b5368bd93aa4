"""Photographs as a browser can show them: tiles of a pyramid, 16 bits through a window of levels."""

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obftnet.imaging.picture import Picture
from obftnet.imaging.read import read_picture
from obftnet.ui.painting import DEFECT, IGNORED, MAX_LEVEL, Labels

#: Side of a tile that is sent, pixels.
TILE = 512
#: Longest side of a small picture in a list, pixels.
THUMBNAIL = 160
#: Bytes of pictures that are kept decoded, beside the one that is looked at.
_KEPT = 300_000_000
#: Shares of the samples that the automatic window leaves out at either end.
_CUT = (0.005, 0.995)

#: Decoding changes how warnings are shown, for the whole process (`imaging.checks.decoding`): one at a time.
READING = threading.Lock()

#: Red, green, blue and opacity of what is painted: defect, and what is neither defect nor good.
COLORS = {DEFECT: (255, 0, 220, 255), IGNORED: (0, 220, 255, 255)}


def levels_of(size: tuple[int, int]) -> int:
    """How many halvings of an image (h, w) there are until a tile holds it."""
    level = 0
    while level < MAX_LEVEL and max(size) > TILE * 2**level:
        level += 1
    return level


@dataclass(frozen=True)
class Shown:
    """A picture with its halvings, the first its own pixels."""

    levels: tuple[NDArray[Any], ...]
    white: float
    name: str

    @classmethod
    def of(cls, picture: Picture) -> "Shown":
        """A picture and as many halvings as are looked at."""
        found = [picture.values()]
        for _ in range(levels_of(picture.shape)):
            found.append(_halved(found[-1]))
        return cls(tuple(found), float(picture.white), picture.name)

    @property
    def nbytes(self) -> int:
        """Of memory."""
        return sum(level.nbytes for level in self.levels)

    def window(self) -> tuple[float, float]:
        """The samples that the automatic window shows as black and as white."""
        small = self.levels[-1].astype(np.float32, copy=False).ravel()
        low, high = (float(np.quantile(small, share)) for share in _CUT)
        return (low, high) if high > low else (0.0, self.white)

    def tile(self, level: int, row: int, column: int, window: tuple[float, float] | None) -> bytes | None:
        """A PNG of a tile; None where there is none. window: samples that are black and white."""
        if not (0 <= level < len(self.levels) and row >= 0 and column >= 0):
            return None
        part = self.levels[level][row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        return _png(self._bytes(part, window)) if part.size else None

    def thumbnail(self) -> bytes:
        """A small PNG of all of it; of 16 bits through the automatic window, as it is shown first."""
        smallest = self.levels[-1]
        image = Image.fromarray(self._bytes(smallest, None if smallest.dtype == np.uint8 else self.window()))
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        return _encoded(image)

    def _bytes(self, part: NDArray[Any], window: tuple[float, float] | None) -> NDArray[np.uint8]:
        low, high = window or (0.0, self.white)
        if part.dtype == np.uint8 and (low, high) == (0.0, 255.0):
            return np.asarray(part, np.uint8)
        scaled = (part.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1e-9))
        found: NDArray[np.uint8] = np.rint(scaled.clip(0, 255)).astype(np.uint8)
        return found


class Pictures:
    """Files as they are shown, the last ones kept decoded."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int], Shown] = OrderedDict()

    def of(self, path: Path) -> Shown:
        """A file's picture. Raises InputError as `read_picture`."""
        with READING:
            found = path.stat()
            key = (str(path), found.st_size, found.st_mtime_ns)
            if key not in self._kept:
                while self._kept and sum(one.nbytes for one in self._kept.values()) > _KEPT:
                    self._kept.popitem(last=False)
                self._kept[key] = Shown.of(read_picture(path))
            self._kept.move_to_end(key)
            return self._kept[key]


def painted_png(labels: Labels) -> bytes:
    """A PNG of labels (h, w) in their colours, transparent where nothing is."""
    image = Image.fromarray(labels, mode="P")
    colours = [(0, 0, 0, 0), COLORS[DEFECT], COLORS[IGNORED]]
    image.putpalette([channel for colour in colours for channel in colour[:3]])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1, transparency=bytes(colour[3] for colour in colours))
    return buffer.getvalue()


def _halved(image: NDArray[Any]) -> NDArray[Any]:
    """(h, w, ...) at half the size, each the mean of four; an odd last row or column counts twice.

    By strips: of a large photograph there is no room for a copy of floats.
    """
    height, width = (-(-n // 2) for n in image.shape[:2])
    found = np.empty((height, width, *image.shape[2:]), image.dtype)
    wide = np.float32 if image.dtype.kind == "f" else np.uint32
    for top in range(0, height, 256):
        strip = image[2 * top : 2 * (top + 256)].astype(wide)
        pad = [(0, strip.shape[0] % 2), (0, strip.shape[1] % 2)] + [(0, 0)] * (image.ndim - 2)
        strip = np.pad(strip, pad, mode="edge")
        total = strip[::2, ::2] + strip[1::2, ::2] + strip[::2, 1::2] + strip[1::2, 1::2]
        found[top : top + 256] = total / 4 if wide is np.float32 else (total + 2) // 4
    return found


def _png(pixels: NDArray[np.uint8]) -> bytes:
    return _encoded(Image.fromarray(np.ascontiguousarray(pixels)))


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
