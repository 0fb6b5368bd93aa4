"""The results of an image by a decision: from a prediction, or from the score map that was kept of one."""

import errno
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.imaging.kind_map import read_kind_map
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import read_mask, read_picture
from obftnet.prediction import Prediction
from obftnet.segmentation.judged import judge_prediction
from obftnet.segmentation.outputs import KINDS, File, Kind, Outputs
from obftnet.segmentation.record import Entry, Settled, Written

#: What depends on no decision.
_OF_THE_SCORE: tuple[File, ...] = ("score", "kind")
#: What a file system says of a name, which the next image need not have.
_OF_THE_NAME = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


class RefusedError(Exception):
    """An image whose results cannot be made; the others' can."""


@dataclass(frozen=True)
class Decider:
    """Writes results into a folder.

    out: it. settled: the decision as it is recorded. decision: the same, sizes in pixels, with its region of
    interest. kinds: names of the kinds of defect.
    """

    out: Path
    settled: Settled
    decision: Decision
    kinds: tuple[str, ...]

    def write(
        self,
        entry: Entry,
        prediction: Prediction,
        image: Picture | Callable[[], Picture | None],
        keep: Collection[Kind],
        there: Collection[File] = (),
    ) -> Entry:
        """Decide by a score, and write what comes of it.

        Args:
            entry: of the image; what depends on the decision is replaced.
            prediction: its mask is replaced.
            image: the picture, or what reads it where an overlay is to be drawn; None: there shall be none.
            keep: what to write.
            there: what of the entry is as it was written, and need not be again unless the mask is another.

        Raises:
            RefusedError: the file system does not take its name, or the least region is larger than the
                image. InputError: nothing can be written.
        """
        try:
            shape = prediction.score.shape
            self.decision.check_markable((shape[0], shape[1]), entry.file)
        except InputError as error:
            raise RefusedError(str(error)) from error
        outputs = Outputs.of(self.out, entry.result)
        judged = judge_prediction(prediction, self.decision, self.kinds)
        mask, regions = judged.mask, judged.regions
        if not self._is_there(entry, mask, there):
            there = [file for file in there if file in _OF_THE_SCORE]
        lacking = [kind for kind in KINDS if kind in keep and kind not in there]
        picture = None
        if "overlay" in lacking:
            picture = image() if callable(image) else image
            if picture is None:
                lacking.remove("overlay")
        try:
            written = outputs.write(picture, replace(prediction, mask=mask), regions, lacking, there)
        except InputError as error:
            # What cannot be written stops the job, because the next image would meet the same full disk; but
            # not where it is this one's name.
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in _OF_THE_NAME:
                outputs.remove()
                raise RefusedError(str(error)) from error
            raise
        found = {file: entry.written[file] for file in there}
        found |= {file: Written.of(outputs.files[file]) for file in written}
        return entry.model_copy(
            update={
                "decided_by": self.settled.key,
                "verdict": judged.verdict,
                "image_score": judged.image_score,
                "regions": len(regions),
                "defect_area": float(mask.mean()),
                "max_score": float(prediction.score.max()),
                "written": {file: found[file] for file in outputs.files if file in found},
            }
        )

    def again(
        self, entry: Entry, image: Picture | Callable[[], Picture | None], keep: Collection[Kind]
    ) -> Entry:
        """Decide anew by the score map that was kept, which must be as it was written.

        Args and errors as `write`; InputError where the score map cannot be read, too.
        """
        outputs = Outputs.of(self.out, entry.result)
        score = read_score(outputs.score)
        best = None
        if "kind" in entry.written:
            best = read_kind_map(outputs.kind, score.shape, len(self.kinds))
        files = outputs.files
        there = [
            file
            for file, written in entry.written.items()
            if file in _OF_THE_SCORE or written.is_still(files[file])
        ]
        unmarked = np.zeros(score.shape, np.bool_)
        return self.write(entry, Prediction(score, unmarked, self.kinds, best), image, keep, there)

    def _is_there(self, entry: Entry, mask: NDArray[np.bool_], there: Collection[File]) -> bool:
        """Whether what of an image is there shows this very mask."""
        if "regions" in entry.written and "regions" not in there:
            return False
        if not mask.any() or not entry.regions:
            return not mask.any() and not entry.regions
        if "mask" not in there:
            return False
        path = Outputs.of(self.out, entry.result).mask
        return np.array_equal(read_mask(path, like=mask.shape, allow_empty=True), mask)


def read_score(path: Path) -> NDArray[np.float32]:
    """A score map (h, w) as it was kept, 0..1. Raises InputError where it cannot be read or is none."""
    picture = read_picture(path)
    score = picture.samples
    if score.ndim != 2 or score.dtype != np.float32:
        raise InputError(f"{path}: not a score map as obftnet segment writes it; segment the image again")
    return score
