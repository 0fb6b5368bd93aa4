import numpy as np

from obftnet.synthetic.dust import dusted
from obftnet.synthetic.noise import generator

GREY = np.full((256, 256, 3), 0.5, np.float32)


def test_specks_are_smaller_than_defects_and_differ_by_image():
    dusty = 0
    for seed in range(30):
        images = [dusted(GREY, generator(seed, 0), generator(seed, 1, index)) for index in range(3)]
        covered = [np.abs(image - GREY).max(-1) > 0.05 for image in images]
        if not any(cover.any() for cover in covered):
            continue
        dusty += 1
        assert max(cover.mean() for cover in covered) < 0.02
        assert not np.array_equal(images[0], images[1])
        assert all(0 <= image.min() <= image.max() <= 1 for image in images)
    assert 4 <= dusty <= 18


def test_the_same_generators_give_the_same_dust():
    first, again = (dusted(GREY, generator(5, 0), generator(5, 1)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
