"""Folders of results as `segment_files` leaves them, without a network."""

from pathlib import Path

import numpy as np
from PIL import Image

from obftnet.decision import Decision
from obftnet.files import file_hash
from obftnet.imaging.read import read_picture
from obftnet.prediction import Prediction
from obftnet.segmentation.decider import Decider
from obftnet.segmentation.interest import keep_interest
from obftnet.segmentation.record import Entry, GuidanceRecord, Record, Settled
from obftnet.segmentation.tables import write_tables

GUIDANCE = "9" * 64


def smooth(seed: int, shape: tuple[int, int], blobs: int = 4) -> np.ndarray:
    """A score map (h, w) with some bumps."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    score = np.zeros(shape)
    for _ in range(blobs):
        at, wide = rng.uniform(0, shape[0]), rng.uniform(2, shape[0] / 6)
        score = np.maximum(
            score,
            rng.uniform(0.3, 1) * np.exp(-((y - at) ** 2 + (x - rng.uniform(0, shape[1])) ** 2) / wide**2),
        )
    return score.astype(np.float32)


def write_results(
    out: Path,
    scores: dict[str, np.ndarray],
    *,
    decision: Decision | None = None,
    scale: float | None = None,
    keep: tuple = ("mask", "score", "overlay"),
    kinds: tuple[str, ...] = (),
) -> Record:
    """Results of images (grey noise) in `<out>/../photos`, by name."""
    photos = out.parent / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    decision = decision or Decision(min_area=9)
    settled = Settled.of(decision, scale)
    guidance = GuidanceRecord(
        folder="/g", sha256=GUIDANCE, supports=["s.png"], backgrounds=["b.png"], kinds=list(kinds)
    )
    record = Record(weights="w", weights_sha256="0" * 64, settled=settled, guidance=guidance)
    decider = Decider(out, settled, decision.in_pixels(scale), kinds or ("defect",))
    out.mkdir(parents=True, exist_ok=True)
    keep_interest(out, decision.interest)
    for seed, (name, score) in enumerate(scores.items()):
        path = photos / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, score.shape, dtype=np.uint8)
        Image.fromarray(noise).save(path)
        best = None
        if kinds:
            best = (np.arange(score.shape[1]) % len(kinds)).astype(np.uint8)
            best = np.ascontiguousarray(np.broadcast_to(np.sort(best), score.shape))
        entry = Entry.undecided(str(path), file_hash(path), name, score.shape, 0.5)
        prediction = Prediction(score, np.zeros(score.shape, bool), kinds or ("defect",), best)
        record.put([decider.write(entry, prediction, read_picture(path), keep)])
    record.tables = write_tables(out, record)
    record.write(out)
    return record
