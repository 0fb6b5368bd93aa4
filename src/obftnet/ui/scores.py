"""What an image scored, as the page shows it: a small map for sliders, and what a decision makes of it."""

import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import DEFAULT_THRESHOLD, Decision, decide, image_score, judge
from obftnet.imaging.read import read_picture
from obftnet.regions import find_regions
from obftnet.regions.labelling import label
from obftnet.segmentation import Outputs
from obftnet.ui.painting import Painting, painting_of
from obftnet.ui.pictures import READING

#: Longest side of the map that a browser thresholds while a slider moves, pixels.
PREVIEW = 1200
#: Bytes of score maps that are kept, beside the one that is looked at.
_KEPT = 300_000_000
#: Regions that are listed one by one; a threshold that leaves more is of no use, and a list slow.
MOST_LISTED = 500


@dataclass(frozen=True)
class Decided:
    """What a decision makes of an image. regions: `regions.Region` without its pixels, in mm where known."""

    verdict: str
    image_score: float
    area: float
    count: int
    regions: list[dict[str, Any]]
    painting: Painting

    @property
    def said(self) -> dict[str, Any]:
        """It without its mask, as JSON."""
        return {
            "verdict": self.verdict,
            "image_score": self.image_score,
            "area": self.area,
            "count": self.count,
            "regions": self.regions,
        }


class Scores:
    """Score maps of results, the last ones kept, and what the last decisions made of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._maps: OrderedDict[tuple[str, int, int], NDArray[np.float32]] = OrderedDict()
        self._decided: OrderedDict[tuple[Any, ...], Decided] = OrderedDict()
        self._values: OrderedDict[tuple[Any, ...], float] = OrderedDict()

    def of(self, outputs: Outputs) -> NDArray[np.float32]:
        """(h, w) float32 in 0..1, as it was written. Raises InputError: it is not there, or damaged."""
        with self._lock:
            return self._read(outputs)

    def preview(self, outputs: Outputs) -> tuple[NDArray[np.uint16], int]:
        """A small map of the largest scores, 65535 for 1, and of how many pixels a side each is."""
        score = self.of(outputs)
        step = -(-max(score.shape) // PREVIEW)
        rows = []
        for top in range(0, score.shape[0], step):
            strip = score[top : top + step].max(0)
            strip = np.pad(strip, (0, -len(strip) % step))
            rows.append(strip.reshape(-1, step).max(1))
        return np.rint(np.stack(rows) * np.float32(65535)).astype(np.uint16), step

    def decided(self, outputs: Outputs, decision: Decision, scale: float | None) -> Decided:
        """What a decision (sizes in pixels, no region of interest) makes of an image.

        Args:
            outputs: of the image.
            decision: it.
            scale: pixels a millimetre; None where it is not known.
        """
        key = (_stamp(outputs.score), scale, *asdict(decision).values())
        with self._lock:
            if key not in self._decided:
                self._decided[key] = _decided(self._read(outputs), decision, scale)
                while len(self._decided) > 200:
                    self._decided.popitem(last=False)
            self._decided.move_to_end(key)
            return self._decided[key]

    def value(self, outputs: Outputs, decision: Decision, *, wait: bool) -> float | None:
        """The image score (`decision.image_score`), which a moved threshold leaves as it is.

        Args:
            outputs: of the image.
            decision: sizes in pixels, no region of interest.
            wait: whether it is worth the reading; if not, None where it is not known yet.
        """
        sizes = replace(decision, threshold=DEFAULT_THRESHOLD, low_threshold=None, review=None)
        key = (_stamp(outputs.score), *asdict(sizes).values())
        with self._lock:
            if key not in self._values:
                if not wait:
                    return None
                self._values[key] = image_score(self._read(outputs), decision)
                while len(self._values) > 100_000:
                    self._values.popitem(last=False)
            return self._values[key]

    def _read(self, outputs: Outputs) -> NDArray[np.float32]:
        key = _stamp(outputs.score)
        with READING:
            if key not in self._maps:
                score = np.asarray(read_picture(outputs.score).samples, np.float32)
                while self._maps and sum(one.nbytes for one in self._maps.values()) > _KEPT:
                    self._maps.popitem(last=False)
                self._maps[key] = score
            self._maps.move_to_end(key)
        return self._maps[key]


def _stamp(path: Path) -> tuple[str, int, int]:
    """A file and its state; another one when it is another."""
    found = path.stat() if path.exists() else None
    return str(path), found.st_size if found else 0, found.st_mtime_ns if found else 0


def _decided(score: NDArray[np.float32], decision: Decision, scale: float | None) -> Decided:
    mask = decide(score, decision)
    value = image_score(score, decision)
    count = label(mask).count
    regions = []
    for number, region in enumerate(find_regions(mask, score) if count <= MOST_LISTED else (), start=1):
        said = {name: value for name, value in asdict(region).items() if name != "runs"}
        if scale is not None:
            said |= {"area_mm2": region.area / scale**2, "length_mm": region.length / scale}
        regions.append({"number": number, **said})
    painting = painting_of(mask)
    return Decided(str(judge(value, decision)), value, float(mask.mean()), count, regions, painting)
