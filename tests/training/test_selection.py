from collections import Counter

import pytest
import torch

from obftnet.config import CuesConfig
from obftnet.data import Collection, test_queries
from obftnet.errors import InputError
from obftnet.model import OBFTNet
from obftnet.training import selection as module
from obftnet.training.config import TrainConfig
from obftnet.training.selection import HELD_OUT, selection


@pytest.fixture
def training(folds):
    return {name: materials for name, materials in folds.items() if name != "leather"}


def classes(collection, materials):
    return {(query.material, query.kind) for query in test_queries(collection, materials)}


def test_last_judges_on_nothing(collection, training):
    assert selection(TrainConfig(), collection, training, ("leather",)) == (collection, None)


def test_held_out_classes_are_kept_from_training(collection, training, monkeypatch):
    materials = [material for fold in training.values() for material in fold]
    rest, judge = selection(TrainConfig(select="held_out"), collection, training, ("leather",))
    held = classes(collection, materials) - classes(rest, materials)
    assert len(held) == max(1, round(HELD_OUT * len(classes(collection, materials))))
    assert {
        sample.image for sample in collection.samples if (sample.material, sample.kind) in held
    }.isdisjoint(sample.image for sample in rest.samples)
    judged = []
    monkeypatch.setattr(
        module.Evaluator, "score", lambda self, e: judged.append(e) or e.query.load_mask().astype("float32")
    )
    model = OBFTNet(CuesConfig(backbone="compact", size=64))
    assert judge(model) == 1.0
    assert {(episode.query.material, episode.query.kind) for episode in judged} == held
    used = [s for e in judged for s in (e.query, *e.supports, *(b.sample for b in e.backgrounds))]
    assert all(sample.material in materials for sample in used)  # never the tested fold


def test_what_is_held_out_depends_on_the_seed_alone(collection, training):
    def held(seed):
        rest, _ = selection(TrainConfig(select="held_out", seed=seed), collection, training, ())
        return frozenset(classes(collection, collection.materials) - classes(rest, rest.materials))

    assert held(1) == held(1)
    assert len({held(seed) for seed in range(12)}) > 1


def test_every_fold_keeps_a_class_to_train_on(collection, training):
    for seed in range(12):
        chosen, _ = selection(
            TrainConfig(select="held_out", seed=seed), _single_kind(collection), training, ()
        )
        left = Counter(material for material, _ in classes(chosen, chosen.materials))
        assert left["tile"] == 1
        assert left["fabric_00"] + left["fabric_01"] >= 1


def _single_kind(collection):
    """The collection with one kind of tile alone."""
    gone = collection.kinds("tile")[0]
    rest = tuple(s for s in collection.samples if (s.material, s.kind) != ("tile", gone))
    return Collection(collection.root, collection.layout, rest)


def test_held_out_of_one_class_is_refused(collection):
    with pytest.raises(
        InputError, match="selection held_out needs a fold with at least two training classes"
    ):
        selection(TrainConfig(select="held_out"), _single_kind(collection), {"tile": ("tile",)}, ())


def test_the_leak_needs_a_tested_fold_and_judges_on_it(collection, training, monkeypatch):
    config = TrainConfig(select="test_leak")
    with pytest.raises(InputError, match="name that fold"):
        selection(config, collection, training, ())
    chosen, judge = selection(config, collection, training, ("leather",))
    assert chosen == collection
    judged = []
    monkeypatch.setattr(
        module.Evaluator,
        "score",
        lambda self, e: judged.append(e) or 0 * e.query.load_mask().astype("float32"),
    )
    assert judge(OBFTNet(CuesConfig(backbone="compact", size=64))) == 0.0
    assert {episode.query.material for episode in judged} == {"leather"}


def test_judging_leaves_the_random_state_alone(collection, training):
    _, judge = selection(TrainConfig(select="held_out"), collection, training, ())
    model = OBFTNet(CuesConfig(backbone="compact", size=64)).eval()
    state = torch.get_rng_state()
    assert 0 <= judge(model) == judge(model) <= 1
    assert torch.equal(torch.get_rng_state(), state)
