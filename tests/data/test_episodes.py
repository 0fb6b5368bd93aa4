import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.data import (
    Background,
    Collection,
    Sample,
    default_folds,
    draw_episode,
    draw_fold,
    good_episodes,
    read_episodes,
    read_layout,
    test_episodes,
    test_queries,
    train_episode,
    write_episodes,
)
from obftnet.data.draws import Draws
from obftnet.errors import InputError

ROOT = Path("root")


def sample(material: str, kind: str, number: int, group: str | None = None) -> Sample:
    stem = f"{number:03d}"
    image = ROOT / material / "test" / kind / f"{stem}.png"
    mask = None if kind == "good" else ROOT / material / "ground_truth" / kind / f"{stem}_mask.png"
    return Sample(material, kind, image, mask, group or f"{kind}/{stem}")


def collection_of(*samples: Sample) -> Collection:
    return Collection(ROOT, "mvtec", samples)


@pytest.fixture
def cloth():
    """Five holes in three groups, one cut, six good images in three groups of which one is a hole's."""
    holes = [sample("cloth", "hole", i, group) for i, group in enumerate("aabbc")]
    good = [sample("cloth", "good", i, group) for i, group in enumerate("xxyyaa")]
    return collection_of(*holes, sample("cloth", "cut", 0, "d"), *good)


def groups_of(episode):
    return [
        episode.query.group,
        *(s.group for s in episode.supports),
        *(b.sample.group for b in episode.backgrounds),
    ]


def test_groups_never_meet_and_nothing_repeats(cloth):
    for index, query in enumerate(test_queries(cloth, ["cloth"])):
        for shots in (1, 2, 5):
            episode = draw_episode(
                cloth, split="t", seed=0, index=index, query=query, shots=shots, backgrounds=2
            )
            assert len(episode.supports) == min(shots, 2)
            assert {s.kind for s in episode.supports} == {"hole"} == {episode.kind}
            groups = groups_of(episode)
            assert len(set(groups)) == len(groups)


def test_more_backgrounds_than_groups_use_second_images_but_no_taken_group(cloth):
    for index, query in enumerate(test_queries(cloth, ["cloth"])):
        episode = draw_episode(cloth, split="t", seed=0, index=index, query=query, shots=2, backgrounds=9)
        images = [b.sample.image for b in episode.backgrounds]
        assert len(set(images)) == len(images)
        taken = {query.group, *(s.group for s in episode.supports)}
        assert taken == {"a", "b", "c"}
        assert sorted(b.sample.group for b in episode.backgrounds) == ["x", "x", "y", "y"]
        assert {b.sample.group for b in episode.backgrounds[:2]} == {"x", "y"}


def test_an_episode_is_a_pure_function_of_seed_split_and_index(cloth):
    query = cloth.defects("cloth", "hole")[0]
    many = {
        key: draw_episode(cloth, split=key[0], seed=key[1], index=key[2], query=query)
        for key in [(split, seed, index) for split in "tuvwxyz" for seed in range(8) for index in range(8)]
    }
    for (split, seed, index), episode in many.items():
        again = draw_episode(
            collection_of(*cloth.samples[::-1]), split=split, seed=seed, index=index, query=query
        )
        assert again == episode
    for changed in range(3):
        drawn = [
            (e.supports, e.backgrounds)
            for key, e in many.items()
            if all(key[i] in ("t", 0) for i in range(3) if i != changed)
        ]
        assert len(set(drawn)) > 1


def test_draws_are_the_same_in_another_process():
    """Python salts its own hash() per process; nothing of that may enter."""
    code = (
        "from obftnet.data.draws import Draws; d = Draws(3, 'test', 7, 'support');"
        "print([round(d.uniform(), 9) for _ in range(3)], d.shuffled(range(6)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    draws = Draws(3, "test", 7, "support")
    here = [round(draws.uniform(), 9) for _ in range(3)], draws.shuffled(range(6))
    assert output == f"{here[0]} {here[1]}\n"


def test_the_published_function_stays():
    """Episode lists of published results are drawn again from their seeds: these choices may never change."""
    assert Draws(0, "test", 0, "support").shuffled(range(8)) == [0, 3, 1, 5, 7, 4, 6, 2]


def test_draws_are_uniform_and_keys_do_not_run_together():
    counts = Counter(Draws(0, index).one("abcd") for index in range(4000))
    assert all(abs(count - 1000) < 150 for count in counts.values())
    orders = Counter(tuple(Draws(1, index).shuffled("abc")) for index in range(6000))
    assert len(orders) == 6
    assert all(abs(count - 1000) < 150 for count in orders.values())
    assert Draws("a", "bc").uniform() != Draws("ab", "c").uniform()
    assert Draws(1).uniform() != Draws("1").uniform()


def test_fewer_shots_are_the_first_of_more_and_keep_the_backgrounds_apart(cloth):
    for index, query in enumerate(test_queries(cloth, ["cloth"])):
        one, two = (
            draw_episode(cloth, split="t", seed=1, index=index, query=query, shots=shots) for shots in (1, 2)
        )
        assert two.supports[:1] == one.supports


def test_no_support_and_no_background_are_errors(cloth):
    with pytest.raises(InputError, match=r"no support of cloth/cut for cloth/test/cut/000\.png"):
        draw_episode(cloth, split="t", seed=0, index=0, query=cloth.defects("cloth", "cut")[0])
    bare = collection_of(*cloth.defects("cloth", "hole"), sample("cloth", "good", 0, "a"))
    query = bare.defects("cloth", "hole")[0]
    with pytest.raises(InputError, match=r"no background for .*good image"):
        draw_episode(bare, split="t", seed=0, index=0, query=query)
    assert draw_episode(bare, split="t", seed=0, index=0, query=query, backgrounds=0).backgrounds == ()


@pytest.mark.parametrize(
    "wrong", [{"shots": 0}, {"backgrounds": -1}, {"kind": "cut"}, {"background_source": "sky"}]
)
def test_arguments_that_make_no_sense(cloth, wrong):
    with pytest.raises(ValueError, match=r"wanted|same"):
        draw_episode(cloth, split="t", seed=0, index=0, query=cloth.defects("cloth", "hole")[0], **wrong)


def test_a_good_query_takes_the_kind_it_is_given_or_draws_one(cloth):
    query = cloth.good("cloth")[0]
    assert draw_episode(cloth, split="t", seed=0, index=0, query=query, kind="cut").kind == "cut"
    kinds = Counter(
        draw_episode(cloth, split="t", seed=0, index=index, query=query).kind for index in range(400)
    )
    assert abs(kinds["cut"] - 200) < 60
    for index in range(50):
        episode = draw_episode(cloth, split="t", seed=0, index=index, query=query)
        assert len(set(groups_of(episode))) == 3
        assert query not in [b.sample for b in episode.backgrounds]


def test_test_queries_need_two_groups_and_ignore_the_order_asked(cloth):
    wood = [sample("wood", "knot", i, "same") for i in range(3)]
    both = collection_of(*cloth.samples, *wood)
    queries = test_queries(both, ["wood", "cloth"])
    assert queries == list(cloth.defects("cloth", "hole")) == test_queries(both, ["cloth", "wood"])
    episodes = test_episodes(both, ["wood", "cloth"], split="t", seed=0)
    assert [e.query for e in episodes] == queries
    assert [e.index for e in episodes] == list(range(5))


def test_good_episodes_and_their_limit(cloth):
    full = good_episodes(cloth, ["cloth"], split="t", seed=0)
    assert [e.query for e in full] == list(cloth.good("cloth"))
    few = good_episodes(cloth, ["cloth"], split="t", seed=0, limit=2)
    assert len(few) == 2
    assert all(episode == full[episode.index] for episode in few)
    draws = [good_episodes(cloth, ["cloth"], split="t", seed=seed, limit=2) for seed in range(9)]
    assert len({tuple(e.index for e in episodes) for episodes in draws}) > 1
    plain = collection_of(sample("plain", "good", 0), sample("plain", "good", 1))
    assert good_episodes(plain, ["plain"], split="t", seed=0) == []


def test_training_draws_kinds_equally_often():
    """A kind of twenty images comes as often as one of two."""
    collection = collection_of(
        *(sample("m", "rare", i) for i in range(2)),
        *(sample("m", "usual", i) for i in range(20)),
        sample("m", "single", 0),
        *(sample("m", "good", i) for i in range(4)),
    )
    episodes = [train_episode(collection, "m", ["m"], seed=0, index=i) for i in range(600)]
    kinds = Counter(e.query.kind for e in episodes)
    assert set(kinds) == {"rare", "usual"}
    assert abs(kinds["rare"] - 300) < 70
    assert len({e.query for e in episodes}) == 22


def test_training_with_good_queries():
    collection = collection_of(
        *(sample("m", kind, i) for kind in ("a", "b") for i in range(3)),
        *(sample("m", "good", i) for i in range(4)),
    )
    plain = [train_episode(collection, "m", ["m"], seed=0, index=i) for i in range(400)]
    mixed = [train_episode(collection, "m", ["m"], seed=0, index=i, good_fraction=0.25) for i in range(400)]
    good = [i for i, e in enumerate(mixed) if e.query.kind == "good"]
    assert abs(len(good) - 100) < 40
    assert all(mixed[i] == plain[i] for i in range(400) if i not in good)
    assert {mixed[i].kind for i in good} == {"a", "b"}
    assert all(len(set(groups_of(mixed[i]))) == 3 for i in good)


def test_training_does_not_depend_on_other_folds():
    m = [sample("m", kind, i) for kind in ("a", "good") for i in range(5)]
    n = [sample("n", kind, i) for kind in ("a", "good") for i in range(5)]
    alone, together = collection_of(*m), collection_of(*m, *n)
    for index in range(30):
        assert train_episode(alone, "m", ["m"], seed=0, index=index) == train_episode(
            together, "m", ["m"], seed=0, index=index
        )
    with pytest.raises(InputError, match="fold 'p' has no kind"):
        train_episode(collection_of(sample("p", "a", 0)), "p", ["p"], seed=0, index=0)


def test_folds_are_drawn_equally_often():
    names = ["a", "b", "c"]
    drawn = [draw_fold(names, seed=0, step=step, slot=slot) for step in range(500) for slot in range(6)]
    assert all(abs(count - 1000) < 120 for count in Counter(drawn).values())
    assert draw_fold(names[::-1], seed=0, step=7, slot=3) == draw_fold(names, seed=0, step=7, slot=3)


@pytest.fixture
def steel(tmp_path):
    """Four images none of them good: 100 x 160, one defect stripe 10 wide at another column each."""
    for number, column in enumerate((75, 20, 120, 60)):
        labels = np.zeros((100, 160), np.uint8)
        labels[:, column : column + 10] = 1
        labels[0, 0] = 2
        for part, suffix, pixels in (("images", "jpg", labels * 50), ("annotations", "png", labels)):
            path = tmp_path / part / "test" / f"{number:06d}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return read_layout("neu_seg", tmp_path)


def test_windows_are_the_largest_clean_rectangles_of_other_images(steel):
    expected = {"000000": (0, 85, 100, 75), "000001": (0, 30, 100, 130), "000002": (0, 1, 100, 119)}
    expected["000003"] = (0, 70, 100, 90)
    seen = set()
    for index, query in enumerate(test_queries(steel, ["steel"])):
        episode = draw_episode(
            steel, split="t", seed=0, index=index, query=query, backgrounds=2, background_source="window"
        )
        assert len(set(groups_of(episode))) == 4
        for background in episode.backgrounds:
            assert background.window == expected[background.sample.group]
            seen.add(background.sample.group)
            y, x, h, w = background.window
            assert not background.sample.load_defects()[y : y + h, x : x + w].any()
            image, usable = background.load()
            assert image.shape == (h, w, 3)
            np.testing.assert_array_equal(image, background.sample.load_image()[y : y + h, x : x + w])
            assert usable.shape == (h, w)
            assert usable.all()
    assert len(seen) > 2


def test_no_window_is_large_enough(steel):
    for path in (steel.root / "annotations" / "test").iterdir():
        labels = np.zeros((100, 160), np.uint8)
        labels[::40, ::40] = 1
        Image.fromarray(labels).save(path)
    crowded = read_layout("neu_seg", steel.root)
    with pytest.raises(InputError, match="no clean window of 64 x 64"):
        test_episodes(crowded, ["steel"], split="t", seed=0, background_source="window")


def test_complement_is_the_support_off_all_its_defects(steel):
    query = steel.defects("steel", "inclusion")[0]
    episode = draw_episode(
        steel, split="t", seed=0, index=0, query=query, shots=2, backgrounds=1, background_source="complement"
    )
    assert [b.sample for b in episode.backgrounds] == list(episode.supports)
    image, usable = episode.backgrounds[0].load()
    assert image.shape == (100, 160, 3)
    assert (~usable).sum() == 1001  # the stripe, and the pixel of the other kind
    assert (usable == ~episode.supports[0].load_defects()).all()


def test_whole_background(steel):
    image, usable = Background(steel.samples[0]).load()
    assert image.shape == (100, 160, 3)
    assert usable.all()


@pytest.mark.parametrize("source", ["good", "window", "complement"])
def test_episodes_round_trip(tmp_path, cloth, steel, source):
    collection = cloth if source == "good" else steel
    episodes = test_episodes(
        collection,
        collection.materials,
        split="t",
        seed=3,
        shots=2,
        backgrounds=2,
        background_source=source,
    )
    assert episodes
    write_episodes(tmp_path / "e.json", episodes, collection)
    assert read_episodes(tmp_path / "e.json", collection) == episodes
    assert str(tmp_path) not in (tmp_path / "e.json").read_text()


def change(content, keys, value):
    for key in keys[:-1]:
        content = content[key]
    content[keys[-1]] = value


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        (
            ("episodes", 0, "query", "image"),
            "cloth/none.png",
            r"names cloth/none\.png of kind hole, which root",
        ),
        (("episodes", 0, "supports", 0, "kind"), "cut", r"of kind cut, which root"),
        (("episodes", 0, "seed"), "x", r"episodes\.0\.seed"),
        (("episodes", 0, "supports"), [], r"episodes\.0\.supports"),
        (("episodes", 1, "backgrounds", 0, "window"), [0, 0, 0, 5], r"window"),
        (("format",), "other", "format"),
    ],
)
def test_episode_files_that_do_not_fit(tmp_path, cloth, keys, value, says):
    path = tmp_path / "e.json"
    write_episodes(path, test_episodes(cloth, ["cloth"], split="t", seed=0), cloth)
    content = json.loads(path.read_text())
    change(content, keys, value)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=says) as caught:
        read_episodes(path, cloth)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


BY_PROTOCOL = [
    ("good", ("supports", 0), ("query",), "has its query as support"),
    (
        "good",
        ("supports", 0),
        {"image": "cloth/test/good/001.png", "kind": "good"},
        "a good image as support",
    ),
    (
        "good",
        ("supports", 0),
        {"image": "wood/test/hole/000.png", "kind": "hole"},
        "support of another material",
    ),
    (
        "good",
        ("supports", 0),
        {"image": "cloth/test/cut/000.png", "kind": "cut"},
        "supports of several kinds",
    ),
    (
        "good",
        ("supports",),
        [{"image": f"cloth/test/cut/00{i}.png", "kind": "cut"} for i in (0, 1)],
        "supports of cut, but its query shows hole",
    ),
    ("good", ("supports", 0), ("supports", 1), "one physical sample"),
    ("good", ("supports",), [("supports", 0)], "has 1 supports where others have 2"),
    ("good", ("backgrounds", 0), ("backgrounds", 1), "has a background twice"),
    ("good", ("backgrounds",), [("backgrounds", 0)], "has 1 backgrounds where 2"),
    ("good", ("backgrounds",), [], r"episodes\.0\.backgrounds"),
    ("good", ("backgrounds", 0), {"image": "wood/test/good/000.png", "kind": "good"}, "of another material"),
    ("good", ("backgrounds", 0), {"image": "cloth/test/cut/000.png", "kind": "cut"}, "cut as a whole"),
    ("good", ("backgrounds", 0, "complement"), True, "complement"),
    ("good", ("seed",), -1, r"episodes\.0\.seed"),
    ("good", ("seed",), "0", r"episodes\.0\.seed"),
    ("good", ("index",), 2**70, r"episodes\.0\.index"),
    ("window", ("backgrounds", 0, "window"), [0, 0, 100, 160], "not a clean part"),
    ("window", ("backgrounds", 0, "window"), [0, 0, 100, 900], "not a clean part"),
    ("window", ("backgrounds", 0, "window"), [5, 150, 5, 5], "not a clean part"),
    ("window", ("backgrounds", 0, "window"), None, "as a whole background"),
    ("window", ("backgrounds",), [("backgrounds", 0), ("backgrounds", 0)], "has a background twice"),
    ("complement", ("backgrounds", 0, "complement"), False, "of the group of its query or of a support"),
    ("complement", ("backgrounds",), [("backgrounds", 0)], "has 1 backgrounds where 2"),
]


@pytest.mark.parametrize(("source", "keys", "value", "says"), BY_PROTOCOL)
def test_an_episode_that_no_draw_gives_is_refused(tmp_path, cloth, steel, source, keys, value, says):
    """`value` may stand for a part of the episode itself, by its keys."""
    more = (sample("wood", "hole", 0), sample("wood", "good", 0), sample("cloth", "cut", 1))
    collection = collection_of(*cloth.samples, *more) if source == "good" else steel
    materials = ["cloth"] if source == "good" else ["steel"]
    path = tmp_path / "e.json"
    drawn = test_episodes(
        collection, materials, split="t", seed=0, shots=2, backgrounds=2, background_source=source
    )
    hole = [episode for episode in drawn if episode.query.kind != "cut"]
    write_episodes(path, hole, collection)
    content = json.loads(path.read_text())
    own = content["episodes"][0]

    def meant(given):
        if isinstance(given, list):
            return [meant(item) for item in given]
        if not isinstance(given, tuple):
            return given
        found = own
        for key in given:
            found = found[key]
        return dict(found)

    change(own, keys, meant(value))
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=says) as caught:
        read_episodes(path, collection)
    assert str(caught.value).startswith(f"{path}: ")
    assert "episodes.0" in str(caught.value)


def test_a_query_stands_in_a_seed_once(tmp_path, cloth):
    path = tmp_path / "e.json"
    drawn = [e for seed in (0, 1) for e in test_episodes(cloth, ["cloth"], split="t", seed=seed)]
    write_episodes(path, drawn, cloth)
    assert len(read_episodes(path, cloth)) == len(drawn)
    write_episodes(path, [*drawn, drawn[2]], cloth)
    with pytest.raises(
        InputError, match=rf"episodes\.{len(drawn)}, .*has the query and the seed of episodes\.2"
    ):
        read_episodes(path, cloth)


def test_a_part_of_what_was_drawn_is_an_episode_file(tmp_path, cloth):
    path = tmp_path / "e.json"
    drawn = [
        *test_episodes(cloth, ["cloth"], split="t", seed=0, shots=9, backgrounds=50)[::3],
        *good_episodes(cloth, ["cloth"], split="t", seed=0, shots=9, backgrounds=50)[::2],
    ]
    write_episodes(path, drawn, cloth)
    assert read_episodes(path, cloth) == drawn


def test_episodes_of_another_layout_are_refused(tmp_path, cloth, steel):
    path = tmp_path / "e.json"
    write_episodes(path, test_episodes(cloth, ["cloth"], split="t", seed=0), cloth)
    with pytest.raises(InputError, match=r"episodes of layout 'mvtec', but .* is read as neu_seg"):
        read_episodes(path, steel)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff", "[" * 100_000])
def test_no_episode_file(tmp_path, cloth, text):
    (tmp_path / "e.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"e\.json: "):
        read_episodes(tmp_path / "e.json", cloth)


def test_five_hundred_real_episodes_keep_their_groups_apart(shared):
    collection = read_layout("mvtec", shared / "data" / "textures")
    folds = default_folds(collection)
    for index in range(500):
        name = draw_fold(folds, seed=0, step=index, slot=0)
        episode = train_episode(
            collection, name, folds[name], seed=0, index=index, shots=5, backgrounds=3, good_fraction=0.2
        )
        groups = groups_of(episode)
        assert len(set(groups)) == len(groups)
        samples = [*episode.supports, *(b.sample for b in episode.backgrounds)]
        assert {s.material for s in samples} == {episode.query.material}
        assert episode.query.material in folds[name]
        assert len({s.kind for s in episode.supports}) == 1
        assert all(b.sample.kind == "good" for b in episode.backgrounds)
        assert len(episode.backgrounds) == 3


def test_real_test_episodes_and_good_episodes(shared):
    collection = read_layout("mvtec", shared / "data" / "textures")
    folds = default_folds(collection)
    counts = {name: len(test_queries(collection, materials)) for name, materials in folds.items()}
    # 118 fabric images less 8 of the five kinds that have one group only.
    assert counts == {"fabric": 110, "leather": 91, "magtile": 386, "tile": 36, "wood": 31}
    for materials in folds.values():
        for episode in test_episodes(collection, materials, split="t", seed=0, shots=5, backgrounds=3):
            assert len(set(groups_of(episode))) == 1 + len(episode.supports) + 3
        for episode in good_episodes(collection, materials, split="t", seed=0, limit=10):
            assert not episode.query.load_mask().any()
            assert len(set(groups_of(episode))) == 3


def test_real_windows_are_clean(shared):
    collection = read_layout("neu_seg", shared / "data" / "neu_seg")
    for index in range(15):
        episode = train_episode(
            collection, "steel", ["steel"], seed=0, index=index, background_source="window"
        )
        assert len(set(groups_of(episode))) == 3
        y, x, h, w = episode.backgrounds[0].window
        assert min(h, w) >= 64
        assert not episode.backgrounds[0].sample.load_defects()[y : y + h, x : x + w].any()
