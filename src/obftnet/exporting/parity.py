"""The proof that an engine scores as torch does: both look at the same pictures, by one inference path."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from obftnet.decision import Decision, image_score, judge
from obftnet.errors import InputError, InputWarning
from obftnet.exported import ExportedSegmenter, Proof
from obftnet.exported.contract import LIMIT
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import ImageSource
from obftnet.imaging.resize import resize_image
from obftnet.prediction import Prediction
from obftnet.regions import find_regions
from obftnet.segmenter import Segmenter

#: Numbers of images in one call of an engine that are tried.
BATCHES = (1, 2, 3)

Progress = Callable[[int, int, str], None]


class _Predicts(Protocol):
    def predict(self, image: ImageSource) -> Prediction: ...


@dataclass
class Compared:
    """What of several pictures was found.

    images: compared. largest: difference of a score. pixels: that one marks and the other
    does not, or as another kind.
    """

    images: int = 0
    largest: float = 0.0
    pixels: int = 0


def prove(
    segmenter: Segmenter,
    exported: ExportedSegmenter,
    pictures: Sequence[Picture],
    progress: Progress | None = None,
) -> Proof:
    """Compare a fitted segmenter with what was exported of it.

    Of each picture the scores and what is decided, by the decision of `exported` without its region of
    interest, which it has from then on; and of some of them in one call the scores.

    Args:
        segmenter: in torch.
        exported: of the same guidance and decision.
        pictures: one or more.
        progress: called with (finished, all, name of the picture) before the first and after each.

    Raises:
        InputError: a score that differs by more than `LIMIT`, a mask with another number of regions or
            another verdict, naming the picture and the place.
    """
    engine = f"{exported.engine.name} {exported.engine.version}"
    found = Compared()
    # Where defects are looked for is a place in images of one size, and these are of several. What lies
    # outside of it is painted out by the same code before either looks.
    exported.decision = decision = replace(exported.decision, interest=None)
    segmenter = segmenter.decided_by(decision)
    found.largest = _in_batches(segmenter, exported, pictures, engine)
    with warnings.catch_warnings():
        # That a picture is one of the guidance is what is wanted here.
        warnings.simplefilter("ignore", InputWarning)
        for index, picture in enumerate(pictures):
            if progress:
                progress(index, len(pictures), picture.name)
            compare(segmenter, exported, picture, decision, engine, found)
    if progress:
        progress(len(pictures), len(pictures), "")
    return Proof(
        engine=exported.engine.name,
        version=exported.engine.version,
        images=found.images,
        largest=found.largest,
        pixels=found.pixels,
        limit=LIMIT,
    )


def compare(
    one: _Predicts, other: _Predicts, picture: Picture, decision: Decision, engine: str, found: Compared
) -> None:
    """Compare two predictions of a picture and add what differs to `found`. Raises InputError as `prove`."""
    wanted, got = one.predict(picture), other.predict(picture)
    _check_scores(wanted.score[None], got.score[None], picture.name, engine)
    for what, (a, b) in {
        "verdict": tuple(judge(image_score(p.score, decision), decision) for p in (wanted, got)),
        "number of regions": tuple(len(find_regions(p.mask, p.score)) for p in (wanted, got)),
    }.items():
        if a != b:
            raise InputError(
                f"{picture.name}: {what} {a} by obftnet and {b} by {engine}, with scores at most "
                f"{np.abs(wanted.score - got.score).max():.1e} apart; nothing is exported"
            )
    found.images += 1
    found.largest = max(found.largest, float(np.abs(wanted.score - got.score).max()))
    # Of two kinds that score alike either may be the larger: `_in_batches` compares what each scores.
    found.pixels += int(np.count_nonzero(wanted.kind != got.kind))


def _in_batches(
    segmenter: Segmenter, exported: ExportedSegmenter, pictures: Sequence[Picture], engine: str
) -> float:
    """The largest difference of a score where several images are one call; errors as `prove`."""
    model, guidance = segmenter.model, segmenter.guidance
    largest = 0.0
    for count in BATCHES:
        # Different ones side by side, so that none can pass for another.
        chosen = [pictures[index % len(pictures)] for index in range(count)]
        images = np.stack([resize_image(one, (model.size, model.size)) for one in chosen])
        with torch.inference_mode():
            tensor = torch.from_numpy(images).to(segmenter.device)
            wanted = model.kind_scores(model.extract(tensor), guidance).cpu().numpy()
        got = exported.engine(images)
        for name, one, other in zip([picture.name for picture in chosen], wanted, got, strict=True):
            largest = max(largest, _check_scores(one, other, f"{name}, {count} in one call", engine))
    return largest


def _check_scores(wanted: NDArray[np.float32], got: NDArray[np.float32], name: str, engine: str) -> float:
    """The largest difference of two maps (kinds, h, w). Raises InputError where it is above `LIMIT`."""
    if got.shape != wanted.shape:
        raise InputError(f"{name}: {engine} gives scores of shape {got.shape}; nothing is exported")
    apart = np.abs(wanted - got)
    # So written, NaN is refused as well.
    if not bool((apart <= LIMIT).all()):
        kind, y, x = np.unravel_index(int(np.argmax(np.nan_to_num(apart, nan=np.inf))), apart.shape)
        raise InputError(
            f"{name}: pixel ({x}, {y}) scores {wanted[kind, y, x]:.4f} by obftnet and {got[kind, y, x]:.4f} "
            f"by {engine}, more than {LIMIT:g} apart; nothing is exported"
        )
    return float(apart.max())


def pictures_of(segmenter: Segmenter, images: Iterable[tuple[str, ImageSource]]) -> list[Picture]:
    """What of the guidance's images is compared: all of each; of a segmenter that looks in tiles, the tiles
    that it was fitted with. Images come with what messages call them, supports before backgrounds."""
    named = [segmenter.read(source, name) for name, source in images]
    if segmenter.tile is None:
        return named
    supports, backgrounds = segmenter.parts
    count = len({part.image for part in supports})
    if len(named) == count:
        count = 0  # good material is seen in the supports themselves
    found = []
    for offset, parts in ((0, supports), (count, backgrounds)):
        for part in parts:
            picture = named[offset + part.image]
            y, x = part.corner
            height, width = (
                min(a, b - c) for a, b, c in zip(part.size, picture.shape, part.corner, strict=True)
            )
            found.append(picture[y : y + height, x : x + width])
    return found
