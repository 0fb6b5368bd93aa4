import numpy as np
import pytest

from obftnet.synthetic import DefectKind, Material
from obftnet.synthetic.noise import generator
from obftnet.synthetic.part import Part


def parts(count: int, size: int = 64) -> list[Part]:
    return [Part.draw(generator(seed, 0), generator(seed, 1), size) for seed in range(count)]


def test_a_part_fills_most_of_the_picture_and_often_ends_in_it():
    covered = [part.covers.mean() for part in parts(60)]
    assert min(covered) > 0.25
    assert np.median(covered) > 0.5
    assert np.mean(np.array(covered) < 0.99) > 0.7


def test_material_and_ground_are_told_apart_by_depth_alone():
    color = np.full((64, 64, 3), 0.5, np.float32)
    for part in parts(20):
        laid = part.lay(color)
        deep, beyond = part.inside > 1, part.inside < -1
        np.testing.assert_allclose(laid[deep], (color * part.tone[..., None])[deep], atol=1e-6)
        np.testing.assert_allclose(laid[beyond], part.ground[beyond], atol=1e-6)
        assert 0 <= part.ground.min() <= part.ground.max() <= 1


def test_a_whole_part_keeps_its_size_where_it_lies_elsewhere():
    seed = next(s for s in range(99) if _border(Part.draw(generator(s, 0), generator(s, 1), 128)) == 0)
    views = [Part.draw(generator(seed, 0), generator(seed, n), 128) for n in range(1, 5)]
    whole = [view.covers for view in views if _border(view) == 0]
    assert len(whole) > 1
    areas = [cover.sum() for cover in whole]
    assert np.ptp(areas) < 0.03 * np.mean(areas)
    assert not np.array_equal(whole[0], whole[1])


def _border(part: Part) -> int:
    cover = part.covers
    return int(cover[0].sum() + cover[-1].sum() + cover[:, 0].sum() + cover[:, -1].sum())


@pytest.mark.parametrize("family", ["worn_edge", "patch", "scratch", "contamination"])
def test_the_ground_is_in_no_mask_and_no_defect_touches_it(family):
    seen = 0
    for seed in range(40):
        material = Material.from_seed(seed, "ceramic")
        surface = material._surface(generator(seed), 64)
        if surface.part is None:
            continue
        seen += 1
        for index in range(2):
            rng = material._rng("defective", 5, index)
            part = material._surface(rng, 64).part
            clean, damaged, mask = material.scenes(index, DefectKind(family, 5), 64)
            assert part is not None
            assert mask.any()
            assert not (mask & ~part.covers).any()
            np.testing.assert_array_equal(clean[~mask], damaged[~mask])
            assert 0.0004 <= mask.mean() <= 0.25
    assert 8 <= seen <= 24


def test_some_borders_are_worn_elsewhere_in_each_picture():
    """Along the same depth the tone is one value, or it varies; never beyond its bounds."""
    worn = 0
    for part in parts(60):
        along = part.tone[np.abs(part.inside - 1) < 0.5]
        assert (part.tone > 0.1).all()
        worn += bool(along.size > 20 and along.std() > 0.02)
    assert 5 <= worn <= 40
