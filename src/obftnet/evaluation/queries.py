"""Every query of an evaluation by itself: a table to sort, and those that were answered worst."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from obftnet.data.collection import Collection
from obftnet.evaluation.answers import Answer, SeedResult
from obftnet.files import atomic

_EPISODE = ("fold", "seed", "material", "kind", "query", "supports", "backgrounds")
_FIGURES = (
    "iou",
    "best_iou",
    "ap",
    "predicted_share",
    "largest_score",
    "image_score",
    "regions",
    "found",
)
_COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")


def write_queries(path: Path, folds: Mapping[str, Sequence[SeedResult]], collection: Collection) -> None:
    """Write a CSV, a row a query of every fold and seed, whole or not at all.

    Files are named from the collection's root, several by semicolons. `iou`, `best_iou` (at its best
    threshold) and `ap` (of its pixels), 0..1, are empty for a good query; `predicted_share` is the share
    of the image that was marked, 0..1; `largest_score` and `image_score` are in 0..1, `regions` and `found`
    annotated regions, as `Measures` has them; the rest are pixels.

    Raises:
        InputError: it cannot be written.
    """
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_EPISODE, *_FIGURES, *_COUNTS])
        for fold, seeds in folds.items():
            for answer in (answer for seed in seeds for answer in seed.answers):
                writer.writerow([fold, *_row(answer, collection)])


def worst(result: SeedResult, count: int) -> list[Answer]:
    """At most `count` of the defective queries of a fold and seed, those of the lowest IoU, lowest first."""
    return sorted(result.defective, key=lambda answer: answer.counts.iou)[:count]


def _row(answer: Answer, collection: Collection) -> list[object]:
    episode, measures, counts = answer.episode, answer.measures, answer.counts
    query = episode.query
    judged: list[float | None] = [None] * 3
    if query.mask is not None:
        scores = measures.histogram
        judged = [counts.iou, float(scores.iou.max()), scores.average_precision]
    return [
        episode.seed,
        query.material,
        query.kind,
        collection.relative(query.image),
        ";".join(collection.relative(support.image) for support in episode.supports),
        ";".join(collection.relative(background.sample.image) for background in episode.backgrounds),
        *("" if figure is None else f"{figure:.4f}" for figure in judged),
        f"{counts.predicted_share:.6f}",
        f"{measures.largest_score:.6f}",
        f"{measures.image_score:.6f}",
        measures.regions,
        measures.found,
        *(asdict(counts)[name] for name in _COUNTS),
    ]
