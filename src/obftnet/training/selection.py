"""Which step's weights a run keeps, and on what that is judged (docs/method.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from obftnet.contract import Method
from obftnet.data.collection import Collection
from obftnet.data.episodes import test_queries
from obftnet.errors import InputError
from obftnet.evaluation.answers import Protocol
from obftnet.evaluation.evaluate import Evaluator, draw_fold
from obftnet.training.config import TrainConfig
from obftnet.training.streams import stream

#: Share of the training classes that `held_out` keeps out of training.
HELD_OUT = 0.2


def selection(
    config: TrainConfig, collection: Collection, training: Mapping[str, Sequence[str]], tested: Sequence[str]
) -> tuple[Collection, "Judge | None"]:
    """What to train on, and the score that picks the step.

    Returns:
        The collection without what is held out; and what judges a model, None for `last`.

    Raises:
        InputError: nothing to judge on.
    """
    if config.select == "last":
        return collection, None
    if config.select == "test_leak":
        if not tested:
            raise InputError("selection test_leak judges on the tested fold; name that fold", "test_fold")
        return collection, Judge(collection, tuple(tested))
    materials = [material for fold in training.values() for material in fold]
    classes = sorted({(q.material, q.kind) for q in test_queries(collection, materials)})
    kept_out = _kept_out(classes, training, config.seed)
    if not kept_out:
        raise InputError(
            f"selection held_out needs a fold with at least two training classes, there are {len(classes)} "
            f"in {len(training)} folds; take last",
            "select",
        )
    rest = tuple(s for s in collection.samples if (s.material, s.kind) not in kept_out)
    judged = tuple(s for s in collection.samples if s.mask is None or (s.material, s.kind) in kept_out)
    held = collection.part(judged)
    return collection.part(rest), Judge(held, tuple(sorted({material for material, _ in kept_out})))


@dataclass(frozen=True)
class Judge:
    """Judges a model by the mean IoU of one seed over a selection of materials; seed 0, 1 shot."""

    collection: Collection
    materials: tuple[str, ...]

    def __call__(self, model: Method[Any]) -> float:
        """Mean IoU in 0..1."""
        protocol = Protocol(seeds=1)
        episodes = draw_fold(self.collection, "validation", self.materials, protocol, seed=0)
        defective = [episode for episode in episodes if episode.query.mask is not None]
        return Evaluator(model, self.collection).run(defective, protocol).miou

    def content(self) -> str:
        """SHA-256 of all the data that a judgement depends on."""
        return self.collection.content(s for s in self.collection.samples if s.material in self.materials)


def _kept_out(
    classes: Sequence[tuple[str, str]], training: Mapping[str, Sequence[str]], seed: int
) -> set[tuple[str, str]]:
    """Classes drawn by the seed; every fold keeps one at least, or nothing could be drawn from it."""
    fold_of = {material: fold for fold, materials in training.items() for material in materials}
    left = Counter(fold_of[material] for material, _ in classes)
    kept_out: set[tuple[str, str]] = set()
    for index in stream("held_out", seed).permutation(len(classes)):
        if len(kept_out) == max(1, round(HELD_OUT * len(classes))):
            break
        fold = fold_of[classes[index][0]]
        if left[fold] > 1:
            left[fold] -= 1
            kept_out.add(classes[index])
    return kept_out
