"""The files that are written for a query."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from obftnet.errors import InputError
from obftnet.imaging.kind_map import write_kind_map
from obftnet.imaging.overlay import overlay_strips
from obftnet.imaging.picture import Picture
from obftnet.imaging.write import write_png, write_png_strips, write_score
from obftnet.prediction import Prediction
from obftnet.regions import Region, write_regions

Kind = Literal["mask", "score", "overlay"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: What is written: beside what is asked for, with a score of several kinds of defect, which of them it is of;
#: and regions, where there are any.
File = Kind | Literal["kind", "regions"]
_ENDINGS: Mapping[File, str] = {
    "mask": "_mask.png",
    "score": "_score.tiff",
    "overlay": "_overlay.png",
    "kind": "_kind.png",
    "regions": "_regions.json",
}
LONGEST = max(_ENDINGS.values(), key=len)


@dataclass(frozen=True)
class Outputs:
    """Where the results of a query lie.

    Attributes:
        mask: PNG of 0 and 255, at the query's size.
        score: TIFF of float32 in 0..1, at the query's size.
        overlay: PNG of the query with the mask drawn in.
        kind: PNG, at the query's size, of which kind of defect a score is (`imaging.kind_map`); of one kind
            there is none.
        regions: JSON of the regions that are marked (`regions.stored`); where nothing is, there is none.
    """

    mask: Path
    score: Path
    overlay: Path
    kind: Path
    regions: Path

    @classmethod
    def of(cls, folder: Path, name: str) -> "Outputs":
        """The results called `name` (with folders, by slashes) in the output folder."""
        return cls(*(folder / f"{name}{ending}" for ending in _ENDINGS.values()))

    @property
    def files(self) -> dict[File, Path]:
        """All of them, by what they are."""
        return {file: getattr(self, file) for file in _ENDINGS}

    def write(
        self,
        image: Picture | None,
        prediction: Prediction,
        regions: Sequence[Region],
        keep: Collection[Kind],
        there: Collection[File] = (),
    ) -> list[File]:
        """Write those of the kinds in `keep`, each whole or not at all, whose a score is, and regions.

        Args:
            image: of the query; of an overlay alone it is wanted.
            prediction: of it.
            regions: of the prediction's mask.
            keep: what of it to write.
            there: regions that are in here are there as they would be written.

        Returns:
            What was written.

        Raises:
            InputError: one cannot be written.
        """
        written: list[File] = [*keep]
        if "mask" in keep:
            write_png(self.mask, prediction.mask)
        if "score" in keep:
            write_score(self.score, prediction.score)
            if prediction.best is not None:
                write_kind_map(self.kind, prediction.best, prediction.kinds)
                written.append("kind")
        if "overlay" in keep and image is not None:
            strips = overlay_strips(image, prediction.mask, prediction.score, prediction.best)
            write_png_strips(self.overlay, image.shape, strips)
        if "regions" in there:
            return written
        if regions:
            write_regions(self.regions, regions)
            written.append("regions")
        else:
            self.remove(["regions"])
        return written

    def remove(self, files: Collection[File] = tuple(_ENDINGS)) -> None:
        """Remove what there is of them. Raises InputError where that is not permitted."""
        for file in files:
            path = self.files[file]
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                reason = error.strerror or error
                raise InputError(f"{path}: cannot be replaced ({reason}); name another folder") from error
