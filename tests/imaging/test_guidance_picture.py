import numpy as np
import pytest
from PIL import Image

from obftnet.errors import InputError
from obftnet.imaging.guidance_picture import _small, draw_guidance
from obftnet.imaging.read import as_picture


def test_a_picture_of_all_the_guidance(tmp_path):
    image = np.full((40, 60, 3), 128, np.uint8)
    mask = np.zeros((40, 60), bool)
    mask[5:9, 5:9] = True
    Image.fromarray(image).save(tmp_path / "a $x$ [red].png")
    for supports in (1, 7):
        pairs = [(tmp_path / "a $x$ [red].png", mask)] * supports
        draw_guidance(tmp_path / "g.png", pairs, [image, image])
        drawn = np.asarray(Image.open(tmp_path / "g.png").convert("RGB")).astype(int)
        # The outline's magenta is seen, once a support.
        magenta = (drawn[:, :, 0] > 200) & (drawn[:, :, 1] < 80) & (drawn[:, :, 2] > 150)
        assert magenta.any()
    with pytest.raises(InputError, match="a mask of 5 x 5 pixels"):
        draw_guidance(tmp_path / "h.png", [(image, np.eye(5, dtype=bool))], [image])
    assert not (tmp_path / "h.png").exists()


def test_no_marked_pixel_is_lost_by_shrinking():
    mask = np.zeros((1500, 2100), bool)
    mask[777, 1234] = True
    drawn = _small(as_picture(np.zeros((1500, 2100), np.uint8)), mask)
    assert max(drawn.shape) <= 512
    assert (drawn[:, :, 0] == 255).any()


def test_bits_are_those_of_the_guidance(tmp_path):
    image = np.full((40, 60), 4095, np.uint16)
    draw_guidance(tmp_path / "g.png", [(image, np.eye(40, 60, dtype=bool))], [image], bits=12)
    with pytest.raises(InputError, match="10 bits of 16"):
        draw_guidance(tmp_path / "g.png", [(image, np.eye(40, 60, dtype=bool))], [image], bits=10)
