import numpy as np
import pytest

from obftnet.synthetic import DEFECT_FAMILIES, TEXTURE_FAMILIES, DefectKind, Material

HOLE = DefectKind("hole", 3)


def dilated(mask: np.ndarray, reach: int) -> np.ndarray:
    padded = np.pad(mask, reach)
    height, width = mask.shape
    return np.max(
        [padded[y : y + height, x : x + width] for y in range(2 * reach + 1) for x in range(2 * reach + 1)],
        axis=0,
    )


def test_there_are_enough_families_with_names_fit_for_folders():
    for families in (TEXTURE_FAMILIES, DEFECT_FAMILIES):
        assert len(set(families)) == len(families) >= 14
        assert all(name.replace("_", "").isalpha() and name == name.lower() for name in families)


@pytest.mark.parametrize("size", [64, 192])
@pytest.mark.parametrize("family", TEXTURE_FAMILIES)
def test_every_texture_renders(family, size):
    image = Material.from_seed(3, family).good(0, size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.float32
    assert 0.0 <= image.min() < image.max() <= 1.0
    assert image.std() > 0.002


@pytest.mark.parametrize("size", [96, 256])
@pytest.mark.parametrize("family", DEFECT_FAMILIES)
def test_every_defect_changes_exactly_its_mask(family, size):
    material = Material.from_seed(11, "weave")
    for index in range(3):
        clean, damaged, mask = material.scenes(index, DefectKind(family, 5 + index), size)
        assert mask.shape == (size, size)
        assert mask.dtype == np.bool_
        assert 0.0004 <= mask.mean() <= 0.25
        np.testing.assert_array_equal(clean[~mask], damaged[~mask])
        changed = np.abs(damaged - clean).max(axis=-1) > 0.01
        assert changed[mask].mean() > 0.2
        # Generous, not loose: no masked pixel is far from a changed one.
        assert not (mask & ~dilated(changed, max(4, size // 16))).any()


def test_the_mask_belongs_to_the_photograph():
    material = Material.from_seed(2, "ceramic", distractors=False)
    kind = DefectKind("hole", 1)
    image, mask = material.defective(0, kind)
    assert image.shape == (*mask.shape, 3)
    _, _, scene_mask = material.scenes(0, kind)
    np.testing.assert_array_equal(mask, scene_mask)


def test_same_seed_same_bytes_other_index_other_image():
    one, two = Material.from_seed(7), Material.from_seed(7)
    assert one == two
    kind = one.defect_kinds(1)[0]
    assert one.good(4).tobytes() == two.good(4).tobytes()
    first, again = one.defective(0, kind), two.defective(0, kind)
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    other = one.defective(1, kind)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])
    assert not np.array_equal(one.good(4), one.good(5))


def test_nothing_depends_on_global_random_state():
    material = Material.from_seed(9)
    first = material.good(0, 64)
    np.random.seed(0)  # noqa: NPY002 -- the state that must not matter
    np.testing.assert_array_equal(first, material.good(0, 64))


@pytest.mark.parametrize("family", TEXTURE_FAMILIES)
def test_images_of_one_material_are_closer_than_other_materials(family):
    """Mean and spread of brightness of the surface: light may differ between photographs, material not."""

    def summary(seed: int, index: int) -> np.ndarray:
        image, _, _ = Material.from_seed(seed, family, distractors=False).scenes(index, HOLE, 64)
        return np.array([*image.mean(axis=(0, 1)), 2 * image.std()])

    table = np.array([[summary(seed, index) for index in range(3)] for seed in range(6)])
    centres = table.mean(axis=1)
    within = np.square(table - centres[:, None]).sum(axis=-1).mean()
    between = np.square(centres - centres.mean(axis=0)).sum(axis=-1).mean()
    assert within < between


def test_kinds_are_distinct_suitable_and_do_not_depend_on_the_count():
    material = Material.from_seed(1, "concrete")
    kinds = material.defect_kinds(8)
    assert len({kind.name for kind in kinds}) == 8
    assert material.defect_kinds(3) == kinds[:3]
    everything = {k.family for k in Material.from_seed(1, "weave").defect_kinds(len(DEFECT_FAMILIES))}
    assert everything == set(DEFECT_FAMILIES)
    assert "pattern" not in {k.family for k in material.defect_kinds(14)}
    with pytest.raises(ValueError, match=r"99 kinds asked of a concrete material, expected 1 to \d+"):
        material.defect_kinds(99)


def test_sizes_spread_over_two_decades():
    fractions = []
    for seed in range(12):
        material = Material.from_seed(seed)
        for kind in material.defect_kinds(5):
            fractions += [material.scenes(index, kind)[2].mean() for index in range(2)]
    small, large = np.quantile(fractions, [0.1, 0.9])
    assert small < 0.004
    assert large > 0.05


def test_a_second_unmarked_defect_appears_only_with_distractors():
    """Unmarked: the clean and the damaged surface share it, so it shows as more change from the plain one."""
    crowded = 0
    for seed in range(30):
        with_them = Material.from_seed(seed, "ceramic")
        kind = DefectKind("hole", 3)
        if with_them.habits():
            continue
        clean, damaged, mask = with_them.scenes(0, kind, 48)
        np.testing.assert_array_equal(clean[~mask], damaged[~mask])
        without = Material.from_seed(seed, "ceramic", distractors=False)
        plain, _, _ = without.scenes(0, kind, 48)
        crowded += bool(np.abs(clean / clean.mean() - plain / plain.mean()).max() > 0.5)
    assert 1 <= crowded <= 12


def test_habits_are_kinds_of_their_own_that_good_images_bear():
    """In half of the materials. The marks make two good images of one view differ from the plain ones."""
    borne = 0
    for seed in range(40):
        material = Material.from_seed(seed, "ceramic")
        habits = material.habits()
        assert not {habit.family for habit in habits} & {kind.family for kind in material.defect_kinds(5)}
        assert len(habits) <= 2
        borne += bool(habits)
        assert not Material.from_seed(seed, "ceramic", distractors=False).habits()
    assert 10 <= borne <= 30


def test_habits_mark_good_images_each_in_another_place(monkeypatch):
    seed = next(s for s in range(40) if Material.from_seed(s, "ceramic").habits())
    material = Material.from_seed(seed, "ceramic")
    bare = [material.good(index, 64) for index in range(8)]
    with monkeypatch.context() as patched:
        patched.setattr(Material, "habits", lambda self: ())
        plain = [material.good(index, 64) for index in range(8)]
    changed = [np.abs(a - b).max(-1) > 0.05 for a, b in zip(bare, plain, strict=True)]
    marked = [mask for mask in changed if mask.mean() > 0.0005]
    assert marked
    assert all(not np.array_equal(marked[0], other) for other in marked[1:])


def test_some_kinds_come_in_numbers():
    material = Material.from_seed(4, "ceramic", distractors=False)
    most = []
    for seed in range(12):
        kind = DefectKind("glue", seed)
        counts = []
        for index in range(4):
            core = material.scenes(index, kind, 128)[2]
            # Spots apart from each other: rows or columns without any between them.
            gaps = [np.diff(np.nonzero(core.any(axis=axis))[0]) for axis in (0, 1)]
            counts.append(max(int((gap > 1).sum()) for gap in gaps) + 1)
        most.append(max(counts))
    assert min(most) == 1
    assert max(most) >= 3


def test_light_differs_between_photographs_of_some_materials():
    spreads = []
    for seed in range(24):
        material = Material.from_seed(seed, "ceramic", distractors=False)
        levels = [material.good(index, 32).mean() for index in range(5)]
        spreads.append(np.std(np.log(levels)))
    steady, unsteady = np.quantile(spreads, [0.4, 0.9])
    assert steady < 0.08
    assert unsteady > 0.1


def test_bad_arguments_say_what_was_given_and_what_is_wanted():
    with pytest.raises(ValueError, match="texture family is 'velvet', expected one of grain"):
        Material.from_seed(0, "velvet")
    with pytest.raises(ValueError, match="defect family is 'rust', expected one of scratch"):
        DefectKind("rust", 0)
    with pytest.raises(ValueError, match="seed is -1, expected 0 or more"):
        Material.from_seed(-1)
    with pytest.raises(ValueError, match="size is 4, expected 16 or more"):
        Material.from_seed(0).good(0, 4)


def test_foreign_matter_never_has_the_colour_of_the_ground():
    from obftnet.synthetic.colors import apart

    grey = np.full(3, 0.5, np.float32)
    red = np.array([0.9, 0.5, 0.5], np.float32)
    np.testing.assert_array_equal(apart(red, grey, 0.3), red)
    np.testing.assert_allclose(apart(grey + 0.01, grey, 0.3), grey + 0.3, atol=1e-6)
    np.testing.assert_allclose(apart(grey - 0.01, grey, 0.3), grey - 0.3, atol=1e-6)
    for level in (0.05, 0.95):
        assert np.abs(apart(grey * 0 + level, grey * 0 + level, 0.3) - level).max() == pytest.approx(0.3)
