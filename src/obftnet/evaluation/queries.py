"""Every query of an evaluation by itself: a table to sort, and those that were answered worst."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from obftnet.data.collection import Collection
from obftnet.evaluation.answers import Answer, SeedResult
from obftnet.files import atomic

_COLUMNS = ("fold", "seed", "material", "kind", "query", "supports", "backgrounds", "iou", "predicted_share")
_COUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")


def write_queries(path: Path, folds: Mapping[str, Sequence[SeedResult]], collection: Collection) -> None:
    """Write a CSV, a row a query of every fold and seed, whole or not at all.

    Files are named from the collection's root, several by semicolons. `iou` (0..1) is empty for a good query;
    `predicted_share` is the share of the image that was marked, 0..1; the rest are pixels.

    Raises:
        InputError: it cannot be written.
    """
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_COLUMNS, *_COUNTS])
        for fold, seeds in folds.items():
            for answer in (answer for seed in seeds for answer in seed.answers):
                writer.writerow([fold, *_row(answer, collection)])


def worst(result: SeedResult, count: int) -> list[Answer]:
    """At most `count` of the defective queries of a fold and seed, those of the lowest IoU, lowest first."""
    return sorted(result.defective, key=lambda answer: answer.counts.iou)[:count]


def _row(answer: Answer, collection: Collection) -> list[object]:
    episode, counts = answer.episode, answer.counts
    query = episode.query
    return [
        episode.seed,
        query.material,
        query.kind,
        collection.relative(query.image),
        ";".join(collection.relative(support.image) for support in episode.supports),
        ";".join(collection.relative(background.sample.image) for background in episode.backgrounds),
        "" if query.mask is None else f"{counts.iou:.4f}",
        f"{counts.predicted_share:.6f}",
        *(asdict(counts)[name] for name in _COUNTS),
    ]
