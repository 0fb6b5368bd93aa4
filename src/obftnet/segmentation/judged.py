"""What a decision makes of the prediction of one image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obftnet.decision import Decision, Verdict, decide, image_score, judge
from obftnet.prediction import Prediction
from obftnet.regions import Region, find_regions


@dataclass(frozen=True)
class Judged:
    """mask: (h, w) bool. image_score: 0..1 (`obftnet.decision.image_score`). regions: of the mask."""

    mask: NDArray[np.bool_]
    image_score: float
    verdict: Verdict
    regions: list[Region]


def judge_prediction(prediction: Prediction, decision: Decision, kinds: Sequence[str]) -> Judged:
    """Decide by a prediction's scores; its own mask has no part in it.

    Args:
        prediction: of an image.
        decision: sizes in pixels.
        kinds: names of the kinds of defect.
    """
    mask = decide(prediction.score, decision)
    value = image_score(prediction.score, decision)
    several = kinds if prediction.best is not None else kinds[0]
    regions = find_regions(mask, prediction.score, several, prediction.best)
    return Judged(mask, value, judge(value, decision), regions)
