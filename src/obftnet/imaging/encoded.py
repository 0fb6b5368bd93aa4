"""Image files as bytes: what a pack holds of its guidance, and how a picture without a file becomes one."""

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from obftnet.errors import InputError
from obftnet.files import unwritable
from obftnet.imaging.decode import decode
from obftnet.imaging.picture import Picture


@dataclass(frozen=True)
class Encoded:
    """The bytes of an image file, as they came.

    name: what messages call it. data: a whole PNG, TIFF, JPEG, WebP or BMP file.
    """

    name: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of the bytes, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """A file of these bytes while the block lasts; what is said of it there is said of `name`.

        Raises:
            InputError: there is no room for it.
        """
        try:
            folder = tempfile.TemporaryDirectory(prefix="obftnet-")
        except OSError as error:
            raise unwritable(Path(tempfile.gettempdir()), error) from error
        with folder:
            path = Path(folder.name) / "image"
            try:
                path.write_bytes(self.data)
            except OSError as error:
                raise unwritable(path, error) from error
            try:
                yield path
            except InputError as error:
                raise InputError(str(error).replace(str(path), self.name), *error.parameters) from error

    def picture(self) -> Picture:
        """What it shows. Raises InputError as `decode`."""
        with self.on_disk() as path:
            found = decode(path)
        return replace(found, name=self.name)


def encode_picture(picture: Picture, stem: str) -> Encoded:
    """A picture as a file that shows the same, to the bit of `Picture.floats`.

    PNG of 8 bits; TIFF of 16 bits, and of floats where samples mean neither. What is transparent is left out.

    Args:
        picture: of any kind.
        stem: the file's name without its ending.
    """
    samples = np.ascontiguousarray(picture.samples)
    if samples.dtype == np.uint8 and picture.white in (1, 255) and not picture.inverted:
        if picture.white == 1:
            samples = samples * np.uint8(255)
        return Encoded(f"{stem}.png", _png(samples))
    if not (samples.dtype == np.uint16 and picture.white == 65535) or picture.inverted:
        floats = picture.floats()
        samples = floats if samples.ndim == 3 else np.ascontiguousarray(floats[:, :, 0])
    kind = "rgb" if samples.ndim == 3 else "minisblack"
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, photometric=kind, metadata=None)
    return Encoded(f"{stem}.tiff", stream.getvalue())


def encode_mask(mask: NDArray[np.bool_], stem: str) -> Encoded:
    """(h, w) bool as a PNG of 0 and 255."""
    return Encoded(f"{stem}.png", _png(mask.astype(np.uint8) * np.uint8(255)))


def _png(samples: NDArray[np.uint8]) -> bytes:
    import imagecodecs  # not at the top: obftnet-runtime, which makes no packs, may have none

    return bytes(imagecodecs.png_encode(samples, level=6))
