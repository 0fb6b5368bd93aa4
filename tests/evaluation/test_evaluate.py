import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from obftnet.backbones.features import Features
from obftnet.backbones.weights import load_backbone
from obftnet.config import CuesConfig
from obftnet.data import (
    Collection,
    Episode,
    Sample,
    default_folds,
    read_episodes,
    read_layout,
    write_episodes,
)
from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.evaluation import evaluate as module
from obftnet.evaluation.answers import Answer, Protocol, SeedResult
from obftnet.evaluation.evaluate import Evaluator, as_drawn, draw, draw_fold, evaluate, group
from obftnet.evaluation.measures import Measures
from obftnet.evaluation.metrics import Counts
from obftnet.evaluation.results import summarise
from obftnet.guidance.guidance import masked_guidance
from obftnet.loading.store import FeatureStore
from obftnet.model import OBFTNet

SHARES = {"leather/cut": 1 / 4, "leather/fold": 1 / 8, "tile/crack": 1 / 2}


class Painted:
    """A method that reads its answer off the red channel: score = gain * red + offset."""

    size = 64
    reads_masks = False

    def __init__(self, gain: float = 1, offset: float = 0) -> None:
        self.backbone = SimpleNamespace(mean=torch.zeros(1))
        self.gain, self.offset = gain, offset
        self.looked = 0

    def extract(self, images, masks=None):
        self.looked += len(images)
        return Features((images,), (64, 64))

    def guide(self, supports, masks, backgrounds, usable=None):
        return masked_guidance(supports, masks, backgrounds, usable)

    def score(self, query, guidance):
        return query.taps[0][:, 0] * self.gain + self.offset


TRUTH, NOTHING, EVERYTHING = {"gain": 1}, {"gain": 0}, {"gain": 0, "offset": 1}


def results(collection, protocol=None, **method) -> dict[str, list[SeedResult]]:
    protocol = protocol or Protocol(seeds=2)
    drawn = draw(collection, default_folds(collection), protocol)
    return evaluate(Evaluator(Painted(**method), collection), drawn, protocol)


def test_the_truth_scores_one(collection):
    for seeds in results(collection, **TRUTH).values():
        assert [(seed.miou, seed.fb_iou) for seed in seeds] == [(1, 1), (1, 1)]


def test_nothing_found_scores_zero(collection):
    for seed in (seed for seeds in results(collection, **NOTHING).values() for seed in seeds):
        assert seed.miou == 0
        total = sum(seed.classes.values(), Counts())
        assert seed.fb_iou == pytest.approx(total.background_iou / 2)


def test_everything_called_defect_scores_the_defects_share(collection):
    found = results(collection, **EVERYTHING)
    for seed in (seed for seeds in found.values() for seed in seeds):
        for name, counts in seed.classes.items():
            assert counts.iou == pytest.approx(SHARES[name]), name
    assert found["leather"][0].miou == pytest.approx((1 / 4 + 1 / 8) / 2)
    # By pixels of the fold: 3 images of 2048 px, a quarter defect, and 3 of 1024 px, an eighth.
    assert found["leather"][0].fb_iou == pytest.approx((2048 / 4 + 1024 / 8) / 3072 / 2)


def test_every_defect_image_is_the_query_once(collection):
    found = results(collection)
    assert [seed.episodes for seed in found["leather"]] == [6, 6]
    assert [seed.episodes for seed in found["tile"]] == [3, 3]
    # Counted at the source's own size.
    counts = found["leather"][0].classes["leather/cut"]
    assert counts.true_positive + counts.true_negative == 3 * 32 * 64


def test_good_images_are_counted_apart_by_material(collection):
    for method, area in ((TRUTH, 0), (EVERYTHING, 1)):
        found = results(collection, **method)["tile"][0]
        assert set(found.good) == {"tile"}
        assert found.good["tile"].predicted_share == area
        assert set(found.classes) == {"tile/crack"}


def test_a_score_has_its_querys_size(collection):
    protocol = Protocol(seeds=1)
    evaluator = Evaluator(Painted(), collection)
    episodes = draw_fold(collection, "leather", ["leather"], protocol, 0)
    assert {evaluator.score(episode).shape for episode in episodes} == {(32, 64), (32, 32)}
    score = evaluator.score(next(e for e in episodes if e.query.kind == "cut"))
    assert score.dtype == np.float32
    assert score[4, 4] == pytest.approx(1)
    assert score[28, 60] == 0


def test_a_score_outside_the_range_is_brought_into_it(collection):
    (episode, *_) = draw_fold(collection, "tile", ["tile"], Protocol(), 0)
    assert Evaluator(Painted(offset=3), collection).score(episode).max() == 1


def test_the_threshold_decides(collection):
    below = results(collection, Protocol(seeds=1, threshold=0.7), gain=0.6)
    above = results(collection, Protocol(seeds=1, threshold=0.5), gain=0.9)
    assert below["tile"][0].miou == 0
    assert above["tile"][0].miou == 1


def test_images_met_before_are_not_looked_at_again(collection):
    method, protocol = Painted(), Protocol(seeds=3)
    drawn = draw(collection, default_folds(collection), protocol)
    evaluate(Evaluator(method, collection), drawn, protocol)
    used = {
        sample.image
        for by_seed in drawn.values()
        for episodes in by_seed.values()
        for e in episodes
        for sample in (e.query, *e.supports, *(b.sample for b in e.backgrounds))
    }
    assert method.looked == len(used)


def test_a_store_without_room_changes_nothing(collection):
    protocol = Protocol(seeds=1)
    episodes = draw_fold(collection, "leather", ["leather"], protocol, 0)
    plain = Evaluator(Painted(), collection).run(episodes, protocol)
    assert Evaluator(Painted(), collection, FeatureStore(limit=0)).run(episodes, protocol) == plain


def test_episodes_with_fewer_supports_than_shots_are_counted(collection):
    assert results(collection, Protocol(shots=2, seeds=1))["leather"][0].short_of_shots == 0
    assert results(collection, Protocol(shots=3, seeds=1))["leather"][0].short_of_shots == 6


def test_seeds_draw_other_guidance_and_are_repeatable(collection):
    folds = default_folds(collection)
    drawn = draw(collection, folds, Protocol(seeds=3))
    assert drawn == draw(collection, folds, Protocol(seeds=3))
    guidance = [tuple((e.supports, e.backgrounds) for e in drawn["leather"][seed]) for seed in range(3)]
    assert len(set(guidance)) == 3


def test_a_fold_that_cannot_be_tested_is_named(collection):
    single = Collection(
        collection.root,
        collection.layout,
        tuple(s for s in collection.samples if s.material != "tile" or s.mask is None or s.image.stem == "0"),
    )
    with pytest.raises(InputError, match="fold tile has no kind with images of two groups"):
        draw(single, default_folds(single), Protocol(seeds=1))


def test_episodes_from_a_file_give_the_same_results(collection, tmp_path):
    folds, protocol = default_folds(collection), Protocol(shots=2, backgrounds=2, seeds=2)
    drawn = draw(collection, folds, protocol)
    listed = [e for by_seed in drawn.values() for some in by_seed.values() for e in some]
    write_episodes(tmp_path / "episodes.json", listed, collection)
    again = group(read_episodes(tmp_path / "episodes.json", collection), folds)
    assert again == drawn
    assert as_drawn(Protocol(seeds=9), again) == protocol
    assert set(group(listed, {"tile": ("tile",)})) == {"tile"}


def test_the_protocol_of_a_file_knows_where_backgrounds_came_from(steel):
    data = read_layout("neu_seg", steel)
    for source in ("complement", "window"):
        drawn = draw(data, default_folds(data), Protocol(seeds=1, background_source=source))
        assert as_drawn(Protocol(), drawn).background_source == source


def test_a_fold_of_good_queries_alone_has_no_miou(collection):
    drawn = draw(collection, default_folds(collection), Protocol(seeds=1))
    drawn["tile"][0] = [e for e in drawn["tile"][0] if e.query.mask is None]
    with pytest.raises(InputError, match="fold tile: every seed needs defect queries"):
        evaluate(Evaluator(Painted(), collection), drawn, Protocol(seeds=1))


def test_seeds_of_different_classes_are_refused(collection):
    drawn = draw(collection, default_folds(collection), Protocol(seeds=2))
    drawn["leather"][1] = [e for e in drawn["leather"][1] if e.query.kind != "cut"]
    with pytest.raises(InputError, match=r"fold leather: .* same classes"):
        evaluate(Evaluator(Painted(), collection), drawn, Protocol(seeds=2))


@pytest.mark.parametrize("source", ["complement", "window"])
def test_steel_without_good_images(steel, source):
    data = read_layout("neu_seg", steel)
    protocol = Protocol(seeds=1, background_source=source)
    drawn = draw(data, default_folds(data), protocol)
    # The red channel marks every kind: 8 x 36 px of the query's own, and 6 x 10 of another on two images.
    found = evaluate(Evaluator(Painted(), data), drawn, protocol)["steel"][0]
    assert set(found.classes) == {"steel/inclusion", "steel/patches", "steel/scratches"}
    assert found.episodes == 8
    assert found.good == {}
    assert all(0 < counts.iou < 1 for counts in found.classes.values())


def test_a_model_with_kept_relations_scores_as_without(collection, tmp_path):
    model = OBFTNet(CuesConfig(backbone="compact", size=64), load_backbone("compact", "random"))
    (episode, *_) = draw_fold(collection, "tile", ["tile"], Protocol(shots=2), 0)
    plain = Evaluator(model.eval(), collection).score(episode)
    cached = Evaluator(model, collection, cache=tmp_path)
    np.testing.assert_allclose(cached.score(episode), plain, atol=5e-3)
    np.testing.assert_array_equal(
        Evaluator(model, collection, cache=tmp_path).score(episode), cached.score(episode)
    )
    assert len(list(tmp_path.rglob("*.npz"))) == 1


def test_progress_tells_every_episode(collection):
    told, protocol = [], Protocol(seeds=2)
    drawn = draw(collection, {"tile": ("tile",)}, protocol)
    evaluate(Evaluator(Painted(), collection), drawn, protocol, lambda *told_now: told.append(told_now))
    count = len(drawn["tile"][0])
    assert [done for label, done, total in told if label == "tile, seed 1"] == list(range(1, count + 1))
    assert {total for _, _, total in told} == {count}


def test_good_queries_are_bounded(collection, monkeypatch):
    monkeypatch.setattr(module, "GOOD_LIMIT", 2)
    episodes = draw_fold(collection, "tile", ["tile"], Protocol(), 0)
    assert sum(e.query.mask is None for e in episodes) == 2


def answered(name: str, *counts: int, shots: int = 2) -> Answer:
    """An answer whose query is of a material and kind, with so many supports."""
    material, kind = name.split("/")
    mask = None if kind == "good" else Path("mask.png")
    support = Sample(material, "cut", Path("support.png"), Path("mask.png"), "0")
    query = Sample(material, kind, Path("query.png"), mask, "1")
    hit, false, missed, rest = counts
    score = np.repeat(np.float32([0.9, 0.9, 0.1, 0.1]), counts)[None]
    truth = np.repeat([True, False, True, False], counts)[None]
    measures = Measures.of(score, truth, Decision())
    assert measures.counts == Counts(hit, false, missed, rest)
    return Answer(Episode(query, (support,) * shots, (), 0, 0), measures)


def test_the_summary_is_the_mean_and_the_sample_deviation_over_seeds():
    def seed(hit: int, good: int) -> SeedResult:
        # The pixels of a class are those of all its queries.
        answers = [
            answered("m/a", hit, 0, 5 - hit // 2, 40),
            answered("m/a", 0, 0, 5 - hit + hit // 2, 50),
            answered("m/b", 2, 0, 3, 40, shots=1),
            answered("m/b", 3, 0, 2, 50),
            answered("m/good", 0, good, 0, 50 - good),
            answered("m/good", 0, 0, 0, 50, shots=1),
        ]
        return SeedResult(answers, shots=2)

    summary = summarise("x", Protocol(seeds=3), {"m": [seed(2, 0), seed(4, 3), seed(9, 9)]}, note="n")
    fold = summary["folds"]["m"]
    assert fold["classes"]["m/a"] == {
        "iou": pytest.approx(0.5),
        "std": pytest.approx(np.sqrt(0.13)),
        "best_iou": pytest.approx(0.5),
    }
    assert fold["classes"]["m/b"] == {"iou": 0.5, "std": 0, "best_iou": 0.5}
    assert fold["miou"] == {"mean": pytest.approx(0.5), "std": pytest.approx(np.sqrt(0.13) / 2)}
    assert fold["false_positive_area"] == {"mean": pytest.approx(0.04), "std": pytest.approx(np.sqrt(0.0021))}
    assert fold["good_images"]["m"]["false_positive_area"] == fold["false_positive_area"]
    assert (fold["episodes"], fold["episodes_short_of_shots"]) == (4, 1)
    assert (summary["method"], summary["seeds"], summary["shots"], summary["note"]) == ("x", 3, 1, "n")


def test_the_means_over_folds_weigh_folds_equally():
    one = [SeedResult([answered("m/a", 1, 0, 0, 1)])]
    two = [SeedResult([answered("n/a", 0, 0, 1, 1), answered("n/b", 0, 0, 1, 1)])]
    summary = summarise("x", Protocol(seeds=1), {"m": one, "n": two})
    assert summary["mean_miou"] == 0.5
    assert summary["folds"]["m"]["miou"] == {"mean": 1.0, "std": 0.0}
    assert summary["folds"]["m"]["false_positive_area"] is None
    assert summary["mean_fb_iou"] == pytest.approx((1 + (0 + 1 / 2) / 2) / 2)
    json.dumps(summary, allow_nan=False)


def test_timing_keeps_nothing_between_episodes(collection, monkeypatch):
    monkeypatch.setattr(module, "TIMED", 2)
    method = Painted()
    episodes = draw_fold(collection, "tile", ["tile"], replace(Protocol(), seeds=1), 0)
    seconds = Evaluator(method, collection).seconds(episodes)
    assert set(seconds) == {"episode", "query"}
    assert all(value > 0 for value in seconds.values())
    # Three episodes: query, support and background; support and background for the guidance; the query.
    assert method.looked == 3 * (3 + 2 + 1)


def test_figures_without_a_threshold_see_what_a_threshold_misses(collection):
    """Half of the truth's score: nothing is above 0.5, but all is in order."""
    for name, (seed, *_) in results(collection, gain=0.4).items():
        assert (seed.miou, seed.best_miou[0]) == (0, 1)
        assert 0 < seed.best_miou[1] < 0.4
        detection = seed.materials[name]
        assert (detection.ap, detection.aupro) == (1, pytest.approx(1))
        assert (detection.image_auroc, detection.region_recall) == (1, 0)
        assert (detection.with_mark, detection.with_region) == (0, 0)


def test_marks_on_good_images_are_counted(collection):
    marked = results(collection, **EVERYTHING)["leather"][0].materials["leather"]
    assert (marked.with_mark, marked.with_region, marked.good_images) == (1, 1, 4)
    assert (marked.image_auroc, marked.region_recall) == (0.5, 1)
    # A least region of more pixels than an image of 32 x 64 has.
    small = results(collection, Protocol(seeds=1, min_area=5000), **EVERYTHING)["leather"][0]
    assert (small.materials["leather"].with_mark, small.materials["leather"].with_region) == (1, 0)
    assert (small.miou, small.materials["leather"].region_recall) == (0, 0)


def test_ap_and_aupro_are_of_good_and_defective_pixels_of_a_material(collection):
    protocol = Protocol(seeds=1)
    evaluator = Evaluator(Painted(gain=0.3, offset=0.2), collection)
    episodes = draw_fold(collection, "leather", ["leather"], protocol, 0)
    pairs = [(evaluator.score(e), e.query.load_mask()) for e in episodes]
    found = evaluator.run(episodes, protocol).materials["leather"]
    scores = np.concatenate([score.ravel() for score, _ in pairs])
    truth = np.concatenate([mask.ravel() for _, mask in pairs])
    assert len(pairs) == 6 + 4
    exact = average_precision_score(truth, scores)
    assert abs(found.ap - exact) <= found.ap_error + 1e-12


def test_data_without_good_images_has_no_figures_of_them(steel):
    data = read_layout("neu_seg", steel)
    protocol = Protocol(seeds=1, background_source="window")
    drawn = draw(data, default_folds(data), protocol)
    summary = summarise("x", protocol, evaluate(Evaluator(Painted(), data), drawn, protocol))
    fold = summary["folds"]["steel"]
    for name in ("image_auroc", "with_mark", "with_region", "false_positive_area"):
        assert fold[name] is None
        assert summary[f"mean_{name}"] is None
    assert 0 < summary["mean_ap"] == fold["ap"]["mean"] == fold["materials"]["steel"]["ap"]["mean"]


def test_a_score_that_is_no_number_is_named(collection):
    (episode, *_) = draw_fold(collection, "tile", ["tile"], Protocol(), 0)
    with pytest.raises(InputError, match=r"\.png: its score is no number"):
        Evaluator(Painted(offset=float("nan")), collection).score(episode)
