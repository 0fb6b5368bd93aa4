"""results.json: the numbers of an evaluation in a form that other tools read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from obftnet.evaluation.answers import Protocol, SeedResult


def summarise(
    method: str, protocol: Protocol, folds: Mapping[str, Sequence[SeedResult]], /, **about: Any
) -> dict[str, Any]:
    """Mean and spread over seeds. IoU in 0..1; std is the sample's (n - 1), 0 for one seed."""
    by_fold = {name: _fold(seeds) for name, seeds in folds.items()}
    return {
        "method": method,
        "shots": protocol.shots,
        "backgrounds": protocol.backgrounds,
        "background_source": protocol.background_source,
        "threshold": protocol.threshold,
        "seeds": protocol.seeds,
        **about,
        "folds": by_fold,
        "mean_miou": float(np.mean([fold["miou"]["mean"] for fold in by_fold.values()])),
        "mean_fb_iou": float(np.mean([fold["fb_iou"]["mean"] for fold in by_fold.values()])),
    }


def _fold(seeds: Sequence[SeedResult]) -> dict[str, Any]:
    names = sorted(seeds[0].classes)
    good = sorted(seeds[0].good)
    return {
        "miou": _spread([seed.miou for seed in seeds]),
        "fb_iou": _spread([seed.fb_iou for seed in seeds]),
        "classes": {
            name: {"iou": (s := _spread([seed.classes[name].iou for seed in seeds]))["mean"], "std": s["std"]}
            for name in names
        },
        "episodes": seeds[0].episodes,
        "episodes_short_of_shots": seeds[0].short_of_shots,
        "good_images": {
            name: {"false_positive_area": _spread([seed.good[name].predicted_share for seed in seeds])}
            for name in good
        },
        "false_positive_area": (
            _spread([float(np.mean([seed.good[name].predicted_share for name in good])) for seed in seeds])
            if good
            else None
        ),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "std": std}
