"""A pack measured on a labelled folder: its guidance is fixed, every image of the folder is a query."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from obftnet.data.collection import Collection, Sample
from obftnet.data.episodes import Episode
from obftnet.errors import InputError
from obftnet.evaluation.answers import Answer, Protocol, SeedResult
from obftnet.evaluation.measures import Measures
from obftnet.evaluation.place import check_place, queries_file
from obftnet.evaluation.queries import write_queries
from obftnet.evaluation.results import summarise
from obftnet.files import write_json
from obftnet.packs import read_pack
from obftnet.segmenter import Segmenter


def evaluate_pack(
    pack: str | Path,
    collection: Collection,
    folds: Mapping[str, Sequence[str]],
    out: str | Path,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    progress: Callable[[int, int, str], None] | None = None,
) -> dict[str, Any]:
    """Segment every image of some folds by a pack and its decision, and compare with the truth.

    What the pack holds is left out, and counted. Outside a region of interest there is neither a defect nor a
    score. Written are the results as of any evaluation, and the table of the queries beside them.

    Args:
        pack: the file.
        collection: the labelled images.
        folds: materials by fold, each measured by itself.
        out: results.json.
        weights: as `Segmenter.load`.
        device: as `Segmenter.from_pretrained`.
        progress: called with (finished, all, name).

    Returns:
        What was written; `left_out` counts the images that the pack holds.

    Raises:
        InputError: as `Segmenter.load` and `predict`; a fold without a defective image but the pack's; what
            is at `out` is no evaluation.
    """
    out = Path(out)
    check_place(out, folds)
    found = read_pack(pack)
    segmenter = Segmenter.load(found, device, weights=weights)
    decision = segmenter.decision.in_pixels(segmenter.scale)
    held = {entry.image.sha256 for entry in found.content.images}
    queries = {fold: _queries(collection, materials) for fold, materials in folds.items()}
    total, done, left_out, seconds = sum(map(len, queries.values())), 0, 0, 0.0
    results: dict[str, list[SeedResult]] = {}
    for fold, samples in queries.items():
        answers = []
        for index, sample in enumerate(samples):
            if progress:
                progress(done, total, sample.image.name)
            done += 1
            if collection.hashes.of(sample.image) in held or segmenter.holds(sample.image):
                left_out += 1
                continue
            start = time.perf_counter()
            score = segmenter.predict(sample.image).score
            seconds += time.perf_counter() - start
            truth = sample.load_mask()
            if decision.interest is not None:
                truth = truth & decision.interest
                score = np.where(decision.interest, score, np.float32(0))
            answers.append(Answer(Episode(sample, (), (), index, 0), Measures.of(score, truth, decision)))
        results[fold] = [SeedResult(answers, 0)]
        if not results[fold][0].defective:
            raise InputError(
                f"{collection.root}: fold {fold} has no defective image that the pack does not hold"
            )
    if progress:
        progress(total, total, "")
    content = found.content
    protocol = Protocol(
        shots=len(content.supports),
        backgrounds=len(content.backgrounds),
        seeds=1,
        background_source=content.background_source,
        threshold=decision.threshold,
        min_area=decision.min_area,
        min_length=decision.min_length,
        low_threshold=decision.low_threshold,
    )
    measured = sum(len(seed.answers) for seeds in results.values() for seed in seeds)
    summary = summarise(
        "obftnet by a pack",
        protocol,
        results,
        pack=found.name,
        guidance_sha256=content.guidance_sha256,
        weights=segmenter.weights_name,
        weights_sha256=segmenter.weights_hash,
        tile=segmenter.tile,
        left_out=left_out,
        images=measured,
        seconds_an_image=seconds / measured,
    )
    write_json(out, summary)
    write_queries(queries_file(out), results, collection)
    return summary


def _queries(collection: Collection, materials: Sequence[str]) -> list[Sample]:
    """All images of some materials, the defective ones first."""
    defects = [
        sample
        for material in materials
        for kind in collection.kinds(material)
        for sample in collection.defects(material, kind)
    ]
    return defects + [sample for material in materials for sample in collection.good(material)]
