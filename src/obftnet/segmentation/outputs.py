"""The three files that are written for a query."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from obftnet.errors import InputError
from obftnet.imaging.overlay import draw_overlay
from obftnet.imaging.write import write_png, write_score
from obftnet.segmenter import Prediction


@dataclass(frozen=True)
class Outputs:
    """Where the results of the query `stem` lie.

    Attributes:
        mask: PNG of 0 and 255, at the query's size.
        score: TIFF of float32 in 0..1, at the query's size.
        overlay: PNG of the query with the mask drawn in.
    """

    mask: Path
    score: Path
    overlay: Path

    @classmethod
    def of(cls, folder: Path, stem: str) -> "Outputs":
        """The results of a query in the output folder."""
        return cls(folder / f"{stem}_mask.png", folder / f"{stem}_score.tiff", folder / f"{stem}_overlay.png")

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """All three."""
        return (self.mask, self.score, self.overlay)

    def write(self, image: NDArray[np.float32], prediction: Prediction) -> None:
        """Write all three, each whole or not at all; image is (h, w, 3) in 0..1.

        Raises:
            InputError: one cannot be written.
        """
        write_png(self.mask, prediction.mask.astype(np.uint8) * np.uint8(255))
        write_score(self.score, prediction.score)
        write_png(self.overlay, draw_overlay(image, prediction.mask, prediction.score))

    def remove(self) -> None:
        """Remove what there is of them. Raises InputError where that is not permitted."""
        for path in self.files:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                reason = error.strerror or error
                raise InputError(f"{path}: cannot be replaced ({reason}); name another --out") from error
