"""Evaluation by the protocol: every defect image once as the query, several seeds (docs/method.md)."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from obftnet.contract import Method
from obftnet.data.collection import Collection, Sample
from obftnet.data.episodes import Episode, good_episodes, test_episodes
from obftnet.errors import InputError
from obftnet.evaluation.answers import Answer, Protocol, SeedResult
from obftnet.evaluation.journal import Journal, Kept
from obftnet.evaluation.measures import Measures
from obftnet.imaging.read import image_size
from obftnet.loading.features import EpisodeReader
from obftnet.loading.relations import Relations
from obftnet.loading.store import FeatureStore
from obftnet.model import OBFTNet
from obftnet.safefile import tensors_hash
from obftnet.tensors import resize_score, without_autocast

Progress = Callable[[str, int, int], None]

#: Good images a material at most: they are as dear as defective ones, and each seed draws others.
GOOD_LIMIT = 10
#: Episodes in the timing; enough for a median.
TIMED = 7


class Evaluator:
    """Runs a method over test episodes; features of images met before are kept."""

    def __init__(
        self,
        method: Method[Any],
        collection: Collection,
        store: FeatureStore | None = None,
        cache: Path | None = None,
    ) -> None:
        """`cache`: folder in which an OBFTNet's relations are kept between runs, in half precision."""
        self._method = method
        self._collection = collection
        self._episodes = EpisodeReader(method, store)
        self._kept: tuple[OBFTNet, Relations] | None = None
        if cache is not None and isinstance(method, OBFTNet):
            digest = tensors_hash(method.backbone.state_dict())
            self._kept = method, Relations(method, self._episodes, digest, collection.hashes, cache)

    @without_autocast
    @torch.inference_mode()
    def score(self, episode: Episode, guidance: Any = None) -> NDArray[np.float32]:
        """Score map of an episode's query at its own size: (h, w) float32 in 0..1.

        `guidance`: what the method's `guide` made of the episode; None where it is still to be made.

        Raises:
            InputError: an image or mask cannot be used, or the score is no number somewhere.
        """
        if self._kept is not None and self._kept[0].one_relation(len(episode.supports)):
            model, relations = self._kept
            score = model.scores(relations.get(episode), (model.size, model.size))
        else:
            guidance = guidance if guidance is not None else self._episodes.guidance(episode)
            score = self._method.score(self._episodes.query(episode.query), guidance)
        shape = episode.query.load_mask().shape
        values: NDArray[np.float32] = resize_score(score[0].cpu(), shape).clamp(0, 1).numpy()
        if not np.isfinite(values).all():
            raise InputError(f"{episode.query.image}: its score is no number in places; take other weights")
        return values

    def run(
        self,
        episodes: Sequence[Episode],
        protocol: Protocol,
        progress: Callable[[int, int], None] | None = None,
        kept: Kept | None = None,
    ) -> SeedResult:
        """The answers to episodes.

        Args:
            episodes: defective queries and good ones.
            protocol: its decision makes masks of scores.
            progress: told (done, in all).
            kept: what was measured already, by place in `episodes`; told of each that is new.

        Raises:
            InputError: as `score`, or a file changed since it was hashed for the key of what is kept.
        """
        answers = []
        for place, episode in enumerate(episodes):
            measures = None if kept is None else kept.get(place)
            if measures is None or measures.counts.total != math.prod(image_size(episode.query.image)):
                measures = Measures.of(self.score(episode), episode.query.load_mask(), protocol.decision)
                self._collection.hashes.check(_files(episode))
                if kept is not None:
                    kept.add(place, measures)
            answers.append(Answer(episode, measures))
            if progress is not None:
                progress(place + 1, len(episodes))
        return SeedResult(answers, protocol.shots)

    def seconds(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Median seconds of a whole episode (images, features, guidance, query) and of a query alone with its
        guidance cached; after one warm-up, nothing kept between episodes."""
        whole, alone = [], []
        for episode in episodes[: TIMED + 1]:
            fresh = Evaluator(self._method, self._collection, FeatureStore(limit=0))
            start = time.perf_counter()
            fresh.score(episode)
            whole.append(time.perf_counter() - start)
            guidance = fresh._episodes.guidance(episode)
            again = Evaluator(self._method, self._collection, FeatureStore(limit=0))
            start = time.perf_counter()
            again.score(episode, guidance)
            alone.append(time.perf_counter() - start)
        return {
            "episode": float(np.median(whole[1:] or whole)),
            "query": float(np.median(alone[1:] or alone)),
        }


def samples_of(episodes: Iterable[Episode]) -> list[Sample]:
    """The samples that episodes use: queries, supports and backgrounds."""
    return [
        sample
        for episode in episodes
        for sample in (episode.query, *episode.supports, *(one.sample for one in episode.backgrounds))
    ]


def _files(episode: Episode) -> list[Path]:
    files = (file for sample in samples_of([episode]) for file in (sample.image, sample.mask))
    return [file for file in files if file is not None]


def draw(
    collection: Collection, folds: Mapping[str, Sequence[str]], protocol: Protocol
) -> dict[str, dict[int, list[Episode]]]:
    """Test episodes by fold and seed: every defect image once, then good queries where good images exist."""
    return {
        fold: {seed: draw_fold(collection, fold, materials, protocol, seed) for seed in range(protocol.seeds)}
        for fold, materials in folds.items()
    }


def draw_fold(
    collection: Collection, fold: str, materials: Sequence[str], protocol: Protocol, seed: int
) -> list[Episode]:
    """The test episodes of one fold and seed: a pure function of their names."""
    options: dict[str, Any] = {
        "split": f"test:{fold}",
        "seed": seed,
        "shots": protocol.shots,
        "backgrounds": protocol.backgrounds,
        "background_source": protocol.background_source,
    }
    episodes = test_episodes(collection, materials, **options)
    if not episodes:
        raise InputError(
            f"{collection.root}: fold {fold} has no kind with images of two groups or more to test on"
        )
    if protocol.background_source != "good":
        return episodes
    return episodes + good_episodes(collection, materials, **options, limit=GOOD_LIMIT)


def as_drawn(protocol: Protocol, episodes: Mapping[str, Mapping[int, Sequence[Episode]]]) -> Protocol:
    """The protocol that episodes read from a file were drawn by: their seeds and background source, and as
    many shots and backgrounds as any has, where that is more than the protocol's (a kind may have fewer)."""
    every = [e for by_seed in episodes.values() for drawn in by_seed.values() for e in drawn]
    backgrounds = [background for episode in every for background in episode.backgrounds]
    source = "good"
    if any(background.complement for background in backgrounds):
        source = "complement"
    elif any(background.window for background in backgrounds):
        source = "window"
    return replace(
        protocol,
        shots=max(protocol.shots, *(len(episode.supports) for episode in every)),
        backgrounds=max(protocol.backgrounds, *(len(episode.backgrounds) for episode in every)),
        seeds=max(len(by_seed) for by_seed in episodes.values()),
        background_source=source,
    )


def group(
    episodes: Sequence[Episode], folds: Mapping[str, Sequence[str]]
) -> dict[str, dict[int, list[Episode]]]:
    """Episodes read from a file, by the fold of their material and by seed."""
    fold_of = {material: fold for fold, materials in folds.items() for material in materials}
    grouped: dict[str, dict[int, list[Episode]]] = {}
    for episode in episodes:
        if episode.query.material in fold_of:
            by_seed = grouped.setdefault(fold_of[episode.query.material], {})
            by_seed.setdefault(episode.seed, []).append(episode)
    return grouped


def evaluate(
    evaluator: Evaluator,
    episodes: Mapping[str, Mapping[int, Sequence[Episode]]],
    protocol: Protocol,
    progress: Progress | None = None,
    journal: Journal | None = None,
) -> dict[str, list[SeedResult]]:
    """Results of every seed, by fold; what is in the journal is not made again.

    Raises:
        InputError: a fold and seed without a defect image among its queries, or with other classes than the
            fold's first seed; or an image or mask that cannot be used.
    """
    for fold, by_seed in episodes.items():
        classes = [
            {(e.query.material, e.query.kind) for e in drawn if e.query.mask} for drawn in by_seed.values()
        ]
        if not all(classes) or any(some != classes[0] for some in classes):
            raise InputError(f"fold {fold}: every seed needs defect queries, of the same classes, for a mIoU")
    results: dict[str, list[SeedResult]] = {}
    for fold, by_seed in episodes.items():
        results[fold] = []
        for seed, drawn in by_seed.items():
            label = f"{fold}, seed {seed}"
            told = None if progress is None else partial(progress, label)
            kept = None if journal is None else Kept(journal, fold, seed)
            results[fold].append(evaluator.run(drawn, protocol, told, kept))
    return results
