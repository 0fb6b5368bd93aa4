"""Results as `segment` would write them, of scores that a test chooses; no network has a part in it."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from obftnet.decision import Decision, decide, image_score, judge
from obftnet.files import file_hash
from obftnet.imaging.read import read_picture
from obftnet.imaging.write import write_png
from obftnet.prediction import Prediction
from obftnet.regions import find_regions
from obftnet.reporting.item import Item
from obftnet.segmentation.outputs import KINDS, Outputs
from obftnet.segmentation.record import Entry, GuidanceRecord, Reason, Record, Settled, Written

HEIGHT, WIDTH = 48, 60
DECISION = Decision(threshold=0.5, min_area=9, review=(0.4, 0.7))


@dataclass
class Made:
    """Results in `folder`, of photographs in `photos`."""

    folder: Path
    photos: Path
    record: Record


def spot(level: float, place: int = 0) -> np.ndarray:
    """A score map with a square of a level, large enough to count; it moves with `place`."""
    score = np.full((HEIGHT, WIDTH), 0.02, np.float32)
    score[10:20, 5 + place : 17 + place] = level
    return score


def write_results(
    root: Path,
    levels: dict[str, float],
    *,
    decision: Decision = DECISION,
    keep: Sequence[str] = KINDS,
    kinds: Sequence[str] = (),
    refused: Sequence[Reason] = (),
    left_out: Sequence[Reason] = (),
    folder: str = "found",
) -> Made:
    """Write results of image scores {name: level} below a folder."""
    out, photos = root / folder, root / "photos"
    settled = Settled.of(decision, None)
    rng = np.random.default_rng(0)
    entries = []
    for number, (name, level) in enumerate(levels.items()):
        photo = photos / f"{name}.png"
        write_png(photo, rng.integers(60, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        score = spot(level, number % 20)
        mask = decide(score, decision)
        best = np.full(mask.shape, number % len(kinds), np.uint8) if len(kinds) > 1 else None
        outputs = Outputs.of(out, name)
        names = tuple(kinds) or ("defect",)
        regions = find_regions(mask, score, names, best)
        written = outputs.write(read_picture(photo), Prediction(score, mask, names, best), regions, keep)
        value = image_score(score, decision)
        entries.append(
            Entry(
                file=str(photo),
                sha256=file_hash(photo),
                result=name,
                width=WIDTH,
                height=HEIGHT,
                decided_by=settled.key,
                verdict=judge(value, decision),
                image_score=value,
                regions=len(regions),
                defect_area=float(mask.mean()),
                max_score=float(score.max()),
                seconds=0.5,
                written={kind: Written.of(outputs.files[kind]) for kind in written},
            )
        )
    guidance = GuidanceRecord(
        folder="/guidance", sha256="cd" * 32, supports=["s.png"], backgrounds=["b.png"], kinds=list(kinds)
    )
    record = Record(
        weights="/weights.safetensors",
        weights_sha256="ab" * 32,
        settled=settled,
        guidance=guidance,
        images=entries,
        refused=list(refused),
        left_out=list(left_out),
    )
    out.mkdir(parents=True, exist_ok=True)
    record.write(out)
    return Made(out, photos, record)


@pytest.fixture(scope="session")
def write() -> Callable[..., Made]:
    """`write_results`, without waiting for the disk."""

    def quickly(*args, **options) -> Made:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", lambda _: None)
            return write_results(*args, **options)

    return quickly


@pytest.fixture
def make(write, tmp_path) -> Callable[..., Made]:
    """`write` below the test's folder."""
    return functools.partial(write, tmp_path)


@pytest.fixture
def items() -> Callable[..., list[Item]]:
    """Images of image scores, without files."""

    def of(scores: Sequence[float], decision: Decision = DECISION) -> list[Item]:
        return [
            Item(
                number,
                f"part{number}.png",
                Entry(
                    file=f"/photos/part{number}.png",
                    sha256=f"{number:064x}",
                    result=f"part{number}",
                    width=WIDTH,
                    height=HEIGHT,
                    decided_by="",
                    verdict=judge(score, decision),
                    image_score=score,
                    regions=int(score > decision.threshold),
                    defect_area=0,
                    max_score=score,
                    seconds=0.5,
                    written={},
                ),
            )
            for number, score in enumerate(scores, start=1)
        ]

    return of
