import math
from collections import Counter
from dataclasses import replace

import pytest
from pydantic import ValidationError

from obftnet.config import CuesConfig, EncoderConfig
from obftnet.methods.learned import LearnedConfig
from obftnet.training.config import TrainConfig, recipe
from obftnet.training.steps import episodes_of, learning_rate, side_of


def episode_of(*arguments):
    (episode,) = episodes_of(*arguments)
    return episode


def test_an_episode_is_a_pure_function_of_seed_step_and_slot(collection, folds):
    config = TrainConfig(seed=4)
    backward = [episode_of(collection, folds, config, step, slot) for step in (2, 1, 0) for slot in (1, 0)]
    forward = [episode_of(collection, folds, config, step, slot) for step in (0, 1, 2) for slot in (0, 1)]
    assert backward[::-1] == forward
    other = TrainConfig(seed=5)
    assert forward != [
        episode_of(collection, folds, other, step, slot) for step in (0, 1, 2) for slot in (0, 1)
    ]


def test_the_order_in_which_folds_are_named_does_not_matter(collection, folds):
    turned = dict(reversed(list(folds.items())))
    for slot in range(8):
        config = TrainConfig()
        assert episode_of(collection, folds, config, 0, slot) == episode_of(
            collection, turned, config, 0, slot
        )


def test_folds_are_drawn_equally_often_whatever_their_size(collection, folds):
    draws = 600
    config = TrainConfig(batch=1, episodes=3)
    fold_of = {material: fold for fold, materials in folds.items() for material in materials}
    counts = Counter(
        fold_of[episode_of(collection, folds, config, step, 0).query.material] for step in range(draws)
    )
    assert set(counts) == {"fabric", "leather", "tile"}
    # Six standard deviations of the binomial distribution.
    slack = 6 * math.sqrt(draws / 3 * 2 / 3)
    assert all(abs(count - draws / 3) < slack for count in counts.values()), counts


def test_runs_that_leave_different_folds_out_share_their_episodes(collection, folds):
    config = TrainConfig(episodes=4, batch=2)

    def of_fabric(left_out: str) -> set:
        kept = {name: materials for name, materials in folds.items() if name != left_out}
        drawn = [episode_of(collection, kept, config, step, slot) for step in range(40) for slot in range(2)]
        return {episode for episode in drawn if episode.query.material.startswith("fabric")}

    assert of_fabric("leather") == of_fabric("tile")
    assert 1 < len(of_fabric("leather")) <= 4


def test_a_bound_on_the_episodes_bounds_them(collection, folds):
    config = TrainConfig(episodes=2)
    drawn = {episode_of(collection, folds, config, step, slot) for step in range(10) for slot in range(4)}
    assert len(drawn) == 2 * len(folds)


def test_without_a_bound_indices_never_repeat(collection, folds):
    config = TrainConfig(batch=4)
    indices = [
        episode_of(collection, folds, config, step, slot).index for step in range(5) for slot in range(4)
    ]
    assert indices == list(range(20))


def test_shots_backgrounds_source_and_good_queries_are_passed_on(collection, folds):
    config = TrainConfig(shots=2, backgrounds=2, good_fraction=1.0)
    episode = episode_of(collection, folds, config, 0, 0)
    assert (len(episode.supports), len(episode.backgrounds), episode.query.kind) == (2, 2, "good")
    complement = episode_of(collection, folds, TrainConfig(background_source="complement"), 0, 0)
    assert complement.backgrounds[0].complement


def test_the_cosine_falls_from_lr_to_zero():
    config = TrainConfig(steps=100, lr=0.5)
    assert learning_rate(config, 0) == 0.5
    assert learning_rate(config, 50) == pytest.approx(0.25)
    assert learning_rate(config, 25) == pytest.approx(0.25 * (1 + math.sqrt(0.5)))
    assert learning_rate(config, 100) == pytest.approx(0, abs=1e-12)
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates == sorted(rates, reverse=True)


def test_the_warm_cosine_rises_over_the_first_tenth():
    config = TrainConfig(steps=100, lr=0.5)
    warm = config.model_copy(update={"schedule": "warm_cosine"})
    shares = [learning_rate(warm, step) / learning_rate(config, step) for step in range(100)]
    assert shares[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert shares[10:] == [1] * 90


def test_a_constant_rate_is_constant():
    config = TrainConfig(steps=10, lr=0.5, schedule="constant")
    assert {learning_rate(config, step) for step in range(10)} == {0.5}


def test_the_power_of_what_is_left():
    config = TrainConfig(steps=10, lr=2.0, schedule="poly")
    assert [learning_rate(config, step) for step in (0, 5, 10)] == pytest.approx([2, 2 * 0.5**0.9, 0])


def test_a_tenth_after_each_third():
    config = TrainConfig(steps=9, lr=1.0, schedule="thirds")
    rates = [learning_rate(config, step) for step in range(9)]
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])


def test_the_paper_recipe_is_cross_entropy_without_augmentation():
    config = TrainConfig(**recipe("paper", EncoderConfig()))
    assert (config.loss, config.augment, config.optimizer, config.schedule) == (
        "ce",
        "none",
        "adam",
        "constant",
    )


def test_the_fast_recipe_gives_each_reader_its_rate():
    assert recipe("fast", CuesConfig())["lr"] == 2e-3
    assert recipe("fast", EncoderConfig())["lr"] < 2e-3


@pytest.mark.parametrize("model", [EncoderConfig(), CuesConfig(), LearnedConfig(method="pfenet")])
def test_the_short_recipe_differs_between_methods_in_the_rate_alone(model):
    rest = recipe("short", model) | {"lr": 0.0}
    assert rest == recipe("short", EncoderConfig()) | {"lr": 0.0}
    config = TrainConfig(**recipe("short", model))
    assert (config.loss, config.schedule) == ("ce10_dice", "warm_cosine")


def test_unknown_settings_raise():
    with pytest.raises(ValidationError, match="nesterov"):
        TrainConfig(nesterov=True)


def test_varied_shots_are_one_to_the_most_and_half_of_them_one(collection, folds):
    config = TrainConfig(shots=2, backgrounds=3, varied_shots=True)
    drawn = [episode_of(collection, folds, config, step, 0) for step in range(60)]
    counts = {(len(episode.supports), len(episode.backgrounds)) for episode in drawn}
    assert counts == {(k, j) for k in (1, 2) for j in (1, 2, 3)}
    assert sum(len(e.supports) == len(e.backgrounds) == 1 for e in drawn) > 20


def test_of_many_backgrounds_few_are_the_likelier(collection, folds):
    """Beyond the half that has one, j of 3 has the share of log(j + 1) - log(j)."""
    config = TrainConfig(shots=1, backgrounds=3, varied_shots=True)
    drawn = Counter(len(episode_of(collection, folds, config, s, 0).backgrounds) for s in range(400))
    shares = {1: 0.75, 2: 0.5 * math.log(3 / 2, 4), 3: 0.5 * math.log(4 / 3, 4)}
    for count, share in shares.items():
        assert abs(drawn[count] - 400 * share) < 5 * math.sqrt(400 * share * (1 - share)), drawn


def test_episodes_of_one_guidance_differ_in_their_queries_alone(collection, folds):
    config = TrainConfig(shots=1, backgrounds=2, queries=3, good_fraction=0.5)
    alone = TrainConfig(shots=1, backgrounds=2, good_fraction=0.5)
    counts = Counter()
    for step in range(20):
        episodes = episodes_of(collection, folds, config, step, 0)
        first = episodes[0]
        assert first == episode_of(collection, folds, alone, step, 0)
        assert all(replace(e, query=first.query) == first for e in episodes)
        groups = [e.query.group for e in episodes]
        assert len({*groups}) == len(groups)
        shown = {s.group for s in first.supports} | {b.sample.group for b in first.backgrounds}
        assert not shown & set(groups)
        assert {e.query.kind for e in episodes} <= {"good", first.kind}
        counts.update(e.query.kind == "good" for e in episodes)
        # Three images a kind and four good ones: one support leaves two, two backgrounds leave two.
        assert 1 <= len(episodes) <= 3
    assert counts[True] > 8
    assert counts[False] > 8


def test_sides_run_from_the_smallest_to_the_models_in_steps_of_64():
    assert {side_of(TrainConfig(smallest=256), 384, step) for step in range(40)} == {256, 320, 384}
    assert {side_of(TrainConfig(), 384, step) for step in range(9)} == {384}
    assert {side_of(TrainConfig(smallest=512), 384, step) for step in range(9)} == {384}


def test_small_sides_are_the_likelier_by_the_fourth_power():
    drawn = Counter(side_of(TrainConfig(smallest=256), 512, step) for step in range(2000))
    ratio = drawn[256] / drawn[320]
    assert ratio == pytest.approx((320 / 256) ** 4, rel=0.25)
    assert 0 < drawn[512] < drawn[384]
