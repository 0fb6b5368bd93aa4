"""results.json: the numbers of an evaluation in a form that other tools read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from obftnet.evaluation.answers import Protocol, SeedResult

#: Of `Detection`, mean over a fold's materials.
_DETECTION = ("ap", "aupro", "region_recall", "image_auroc", "with_mark", "with_region")
#: Figures of a fold whose mean over folds stands in the results as `mean_<name>`, beside mIoU and FB-IoU.
FURTHER = ("best_miou", *_DETECTION, "false_positive_area")


def summarise(
    method: str, protocol: Protocol, folds: Mapping[str, Sequence[SeedResult]], /, **about: Any
) -> dict[str, Any]:
    """Mean and spread over seeds of the figures of `SeedResult`, all in 0..1.

    std is the sample's (n - 1), 0 for one seed; null stands for a figure that there is nothing to measure by
    (no good image). `binning_error` bounds what the binning of scores does to a figure, the largest of all
    seeds and materials.
    """
    by_fold = {name: _fold(seeds) for name, seeds in folds.items()}
    return {
        "method": method,
        "shots": protocol.shots,
        "backgrounds": protocol.backgrounds,
        "background_source": protocol.background_source,
        "threshold": protocol.threshold,
        "min_area": protocol.min_area,
        "min_length": protocol.min_length,
        "low_threshold": protocol.low_threshold,
        "seeds": protocol.seeds,
        **about,
        "folds": by_fold,
        "mean_miou": _mean([fold["miou"] for fold in by_fold.values()]),
        "mean_fb_iou": _mean([fold["fb_iou"] for fold in by_fold.values()]),
        **{f"mean_{name}": _mean([fold[name] for fold in by_fold.values()]) for name in FURTHER},
    }


def _fold(seeds: Sequence[SeedResult]) -> dict[str, Any]:
    names = sorted(seeds[0].classes)
    good = sorted(seeds[0].good)
    materials = {
        name: {
            figure: _spread([getattr(seed.materials[name], figure) for seed in seeds])
            for figure in _DETECTION
        }
        for name in sorted(seeds[0].materials)
    }
    detected = [detection for seed in seeds for detection in seed.materials.values()]
    return {
        "miou": _spread([seed.miou for seed in seeds]),
        "fb_iou": _spread([seed.fb_iou for seed in seeds]),
        "best_miou": _spread([seed.best_miou[0] for seed in seeds]),
        "best_threshold": _spread([seed.best_miou[1] for seed in seeds]),
        **{figure: _spread(_over_materials(seeds, figure)) for figure in _DETECTION},
        "binning_error": {
            "best_miou": max(seed.best_miou[2] for seed in seeds),
            "ap": max(detection.ap_error for detection in detected),
            "aupro": max(detection.aupro_error for detection in detected),
        },
        "classes": {
            name: {
                "iou": (s := _known([seed.classes[name].iou for seed in seeds]))["mean"],
                "std": s["std"],
                "best_iou": _known([float(seed.class_scores[name].iou[1:].max()) for seed in seeds])["mean"],
            }
            for name in names
        },
        "materials": materials,
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


def _over_materials(seeds: Sequence[SeedResult], figure: str) -> list[float | None]:
    """By seed, a figure's mean over the materials that have it."""
    found: list[float | None] = []
    for seed in seeds:
        values = [getattr(detection, figure) for detection in seed.materials.values()]
        known = [value for value in values if value is not None]
        found.append(float(np.mean(known)) if known else None)
    return found


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    return _known(known) if known else None


def _known(values: Sequence[float]) -> dict[str, float]:
    std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "std": std}


def _mean(spreads: Sequence[dict[str, float] | None]) -> float | None:
    """Over the folds that have it."""
    known = [spread["mean"] for spread in spreads if spread is not None]
    return float(np.mean(known)) if known else None
