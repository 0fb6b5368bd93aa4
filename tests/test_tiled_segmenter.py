"""Large images in tiles: one scale, no seams, and the default as it was."""

import numpy as np
import pytest

from obftnet.errors import InputError
from obftnet.segmenter import GUIDANCE_TILES, Segmenter
from obftnet.synthetic import DefectKind, Material
from obftnet.weights import shipped

SIDE = 192


def picture(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_of(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[20:40, 10:30] = True
    return mask


def test_an_image_of_one_tile_is_looked_at_as_a_whole(tiny_model):
    """A tile as large as every image changes nothing but sums."""
    image, good, query = picture(0, 80, 80), picture(1, 80, 80), picture(2, 80, 80)
    scores = [
        Segmenter(tiny_model, device="cpu", tile=tile)
        .fit([(image, mask_of(80, 80))], [good])
        .predict(query)
        .score
        for tile in (None, 80)
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(200, 333), (64, 500), (40, 20), (70, 65)])
def test_scores_have_the_source_images_size(tiny_model, size):
    segmenter = Segmenter(tiny_model, device="cpu", tile=70)
    segmenter.fit([(picture(0, 90, 300), mask_of(90, 300))], [picture(1, 40, 60), picture(2, 300, 90)])
    found = segmenter.predict(picture(3, *size))
    assert found.score.shape == found.mask.shape == size
    assert found.score.dtype == np.float32
    assert 0 <= found.score.min() <= found.score.max() <= 1


def test_guidance_of_any_size_becomes_a_bounded_number_of_tiles(tiny_model):
    segmenter = Segmenter(tiny_model, device="cpu", tile=64)
    mask = np.zeros((700, 900), bool)
    mask[::50] = True
    segmenter.fit([(picture(0, 700, 900), mask)], [picture(1, 700, 900), picture(2, 700, 900)])
    guidance = segmenter.guidance
    assert guidance.shots == GUIDANCE_TILES
    assert len(guidance.backgrounds[0]) == GUIDANCE_TILES // 2 * 2
    assert all(cells.flatten(1).any(-1).all() for cells in guidance.defect)


def test_a_tile_too_small_is_refused(tiny_model):
    for make in (lambda: Segmenter(tiny_model, tile=10), lambda: Segmenter.from_pretrained(tile=10)):
        with pytest.raises(InputError, match="tile of 10 pixels: at least 64"):
            make()


@pytest.mark.slow
def test_a_defect_on_a_tiles_border_scores_as_one_in_the_middle():
    """The same defect in the same surroundings at every phase of the tiles.

    The sheet repeats every 192 pixels, tiles start every 144.
    """
    if not shipped():
        pytest.skip("no weights ship with this checkout")
    material = Material.from_seed(20_000_018, "leather")
    kind = DefectKind("hole", 3)
    segmenter = Segmenter.from_pretrained(device="cpu", tile=SIDE)
    segmenter.fit([material.defective(0, kind, SIDE)], [material.good(0, SIDE)])
    defective, mask = material.defective(1, kind, SIDE)
    ys, xs = np.nonzero(mask)
    box = (slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1))
    patch, shown = defective[box], mask[box]
    sheet = np.tile(material.good(5, SIDE), (4, 4, 1))
    means = []
    for row, column in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0)):
        top = SIDE // 2 + SIDE * row - shown.shape[0] // 2
        left = SIDE // 2 + SIDE * column - shown.shape[1] // 2
        place = (slice(top, top + shown.shape[0]), slice(left, left + shown.shape[1]))
        image = sheet.copy()
        image[place][shown] = patch[shown]
        means.append(float(segmenter.predict(image).score[place][shown].mean()))
    assert min(means) > 0.5
    assert max(means) - min(means) < 0.15
