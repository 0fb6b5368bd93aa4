"""What the supports say: each is predicted by the others, or by a turned and re-lit copy of itself."""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import Decision, decide, image_score
from obftnet.errors import InputError, InputWarning
from obftnet.imaging.encoded import Encoded
from obftnet.imaging.interest import painted_out
from obftnet.imaging.read import as_mask, as_picture
from obftnet.inputs import SupportPair, of_interest, with_bits
from obftnet.packs import Pack
from obftnet.segmenter import Segmenter

#: Thresholds that are tried: half of them close to 1, where scores are dense.
_THRESHOLDS = np.unique(np.concatenate([np.linspace(0.05, 0.95, 19), 1 - np.logspace(-1.5, -4, 11)]))
#: How a copy is turned, the best first: by half a turn, upside down, left to right, not at all.
_TURNS = tuple((slice(None, None, y), slice(None, None, x)) for y, x in ((-1, -1), (-1, 1), (1, -1), (1, 1)))
#: How much darker the copy is.
_DARKER = 0.85


@dataclass(frozen=True)
class SupportsSaid:
    """What came of the supports.

    threshold: at which masks of all of them agree best with the annotated ones (intersection over union of
    their pixels together); a guide, no measurement: it is chosen on these very images.
    fatness: annotated pixels over those above 0.5. scores: image scores. copied: how many were predicted by a
    copy of themselves, which is easier. unadapted: how many by a fit that was not adapted though the pack is:
    without them too few images were left for that.
    """

    threshold: float
    fatness: float
    scores: tuple[float, ...]
    copied: int
    unadapted: int = 0


def ask_supports(
    pack: Pack, segmenter: Segmenter, decision: Decision, progress: Callable[[int, int, str], None] | None
) -> SupportsSaid | None:
    """Predict each support without itself.

    Args:
        pack: with good images.
        segmenter: of its weights; it is fitted anew for each support.
        decision: sizes in pixels.
        progress: called with (finished, all, name).

    Returns:
        None where the pack has no good image, which each of these fits needs.
    """
    if not pack.backgrounds:
        return None
    segmenter.decision = replace(segmenter.decision, interest=decision.interest)
    ignored = pack.ignored
    entries, pairs = pack.content.supports, pack.supports
    above = marked = 0
    union = np.zeros((2, len(_THRESHOLDS)), np.int64)
    scores, copied, unadapted = [], 0, 0
    for index, entry in enumerate(entries):
        if progress:
            progress(index, len(entries), entry.name)
        image, mask = pairs[index]
        picture = with_bits(as_picture(image), pack.content.bits)
        truth = as_mask(mask, like=picture.shape, orientation=picture.orientation)
        truth = of_interest(truth, decision.interest, picture)
        others: list[SupportPair] = [
            pair
            for other, pair in zip(entries, pairs, strict=True)
            if other is not entry and other.kind == entry.kind
        ]
        if not others:
            copied += 1
            others = [_copy(painted_out(picture, decision.interest).floats(), truth, decision.interest)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)  # said when the pack was fitted
            goods = pack.backgrounds
            used = {one.name for one in (*(one for one, _ in others), *goods) if isinstance(one, Encoded)}
            left_out = [pair for pair in ignored if pair[0].name in used]
            fit = functools.partial(segmenter.fit, {entry.kind: others}, goods, ignored=left_out)
            try:
                fit(adapt=pack.content.adapt)
            except InputError as error:
                if "adapt" not in error.parameters:
                    raise
                unadapted += 1
                fit()
            score = segmenter.predict(picture).score
        scores.append(image_score(score, decision))
        found = decide(score, replace(decision, threshold=0.5, review=None))
        above, marked = above + int(found.sum()), marked + int(truth.sum())
        for place, threshold in enumerate(_THRESHOLDS):
            seen = score > threshold
            union[:, place] += int((seen & truth).sum()), int((seen | truth).sum())
    both, either = union
    best = int(np.argmax(both / np.maximum(1, either)))
    return SupportsSaid(
        threshold=round(float(_THRESHOLDS[best]), 4),
        fatness=marked / max(1, above),
        scores=tuple(scores),
        copied=copied,
        unadapted=unadapted,
    )


def _copy(
    image: NDArray[np.float32], mask: NDArray[np.bool_], interest: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """An image (h, w, 3) and its mask, upside down and darker; turned so that most of the defect stays in a
    region of interest (h, w), where that is not all."""
    turns = max(_TURNS, key=lambda turns: int(np.count_nonzero(_of(mask[turns], interest))))
    return np.ascontiguousarray(image[turns] * np.float32(_DARKER)), np.ascontiguousarray(mask[turns])


def _of(mask: NDArray[np.bool_], interest: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return mask if interest is None else mask & interest
