import numpy as np
import pytest
from PIL import Image

from obftnet.errors import InputError, InputWarning
from obftnet.imaging.read import as_mask, read_mask

DEFECT = np.zeros((12, 20), dtype=bool)
DEFECT[3:7, 5:9] = True


@pytest.mark.parametrize("value", [1, 7, 255])
def test_two_grey_values(tmp_path, value):
    Image.fromarray((DEFECT * value).astype(np.uint8)).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png", like=(12, 20), image=tmp_path / "i.png")
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, DEFECT)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_one_bit_and_rgb_and_palette(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    Image.fromarray(DEFECT).save(path)
    np.testing.assert_array_equal(read_mask(path), DEFECT)
    for colour in ((255, 255, 255), (128, 0, 0)):
        Image.fromarray((DEFECT[:, :, None] * np.array(colour)).astype(np.uint8)).save(path)
        np.testing.assert_array_equal(read_mask(path), DEFECT)
    palette = Image.fromarray(1 - DEFECT.astype(np.uint8), mode="P")
    palette.putpalette([255, 255, 255, 0, 0, 0])  # index 0 is white: the colour counts
    palette.save(path)
    np.testing.assert_array_equal(read_mask(path), DEFECT)


def test_sixteen_bit_mask(tmp_path):
    Image.fromarray(DEFECT.astype(np.uint16) * 65535).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), DEFECT)


def test_all_defect_is_legal_and_all_clean_only_when_allowed(tmp_path):
    path = tmp_path / "m.png"
    Image.fromarray(np.full((4, 4), 255, np.uint8)).save(path)
    assert read_mask(path).all()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
    assert not read_mask(path, allow_empty=True).any()
    with pytest.raises(InputError, match=r"m\.png: an empty mask.*i\.png"):
        read_mask(path, image="i.png")


def test_wrong_size_names_both_files_and_sizes(tmp_path):
    Image.fromarray(DEFECT).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"m\.png: a mask of 20 x 12 pixels, but .*i\.jpg has 12 x 20"):
        read_mask(tmp_path / "m.png", like=(20, 12), image=tmp_path / "i.jpg")


def test_grey_values_are_counted(tmp_path):
    values = np.arange(240, dtype=np.uint8).reshape(12, 20)
    Image.fromarray(values % 37).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"m\.png: 37 grey values.*i\.png must hold two") as caught:
        read_mask(tmp_path / "m.png", image="i.png")
    assert "\n" not in str(caught.value)
    rgb = np.stack([values, values, values % 5], axis=2)
    Image.fromarray(rgb).save(tmp_path / "c.png")
    with pytest.raises(InputError, match=r"c\.png: 240 colours"):
        read_mask(tmp_path / "c.png")


def test_two_values_without_zero(tmp_path):
    with pytest.raises(InputError, match="two grey values, neither of them 0"):
        as_mask(np.where(DEFECT, 255, 3).astype(np.uint8))
    red_green = np.where(DEFECT[:, :, None], (255, 0, 0), (0, 255, 0)).astype(np.uint8)
    with pytest.raises(InputError, match="two colours, neither of them 0"):
        as_mask(red_green)


def test_a_mask_drawn_as_transparency_is_refused():
    """White everywhere, opaque on the defect: without alpha it would be all defect."""
    rgba = np.full((12, 20, 4), 255, np.uint8)
    rgba[:, :, 3] = DEFECT * 255
    for source in (rgba, Image.fromarray(rgba)):
        with pytest.raises(InputError, match="transparency"):
            as_mask(source)
    opaque = np.concatenate(
        [np.repeat(DEFECT[:, :, None] * 255, 3, axis=2), np.full((12, 20, 1), 255)], axis=2
    )
    np.testing.assert_array_equal(as_mask(opaque.astype(np.uint8)), DEFECT)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("extra", [(), (1,)])
def test_arrays_of_any_number(dtype, extra):
    mask = as_mask(DEFECT.astype(dtype).reshape(*DEFECT.shape, *extra), like=(12, 20))
    np.testing.assert_array_equal(mask, DEFECT)


def test_names_in_the_messages_of_arrays():
    with pytest.raises(InputError, match=r"^mask 1: .*support 1 has 5 x 5"):
        as_mask(DEFECT, like=(5, 5), name="mask 1", image_name="support 1")
    with pytest.raises(InputError, match=r"^mask 1: .*\(2, 3, 4, 5\)"):
        as_mask(np.zeros((2, 3, 4, 5)), name="mask 1")
    with pytest.raises(InputError, match="NaN"):
        as_mask(np.where(DEFECT, np.nan, 0.0))
    with pytest.raises(InputError, match="no such file"):
        as_mask("nowhere.png")


def smoothed(mask: np.ndarray) -> np.ndarray:
    """Four times finer, then averaged: what drawing programs make of an outline."""
    fine = np.kron(mask, np.ones((3, 3)))[1:, 1:]
    fine = np.pad(fine, ((0, 1), (0, 1)))
    return np.rint(fine.reshape(mask.shape[0], 3, mask.shape[1], 3).mean((1, 3)) * 255).astype(np.uint8)


def blob() -> np.ndarray:
    y, x = np.mgrid[:96, :128]
    return (y - 40) ** 2 + (x - 60) ** 2 < 400


def test_an_anti_aliased_or_jpeg_mask_is_cut_at_half_and_says_so(tmp_path):
    marked = blob()
    Image.fromarray(smoothed(marked)).save(tmp_path / "smooth.png")
    for quality in (50, 75, 95):
        Image.fromarray((marked * 255).astype(np.uint8)).save(tmp_path / f"{quality}.jpg", quality=quality)
        rgb = Image.fromarray((marked * 255).astype(np.uint8)).convert("RGB")
        rgb.save(tmp_path / f"rgb{quality}.jpg", quality=quality)
    rgb.save(tmp_path / "lossy.webp", quality=60)
    for path in sorted(tmp_path.iterdir()):
        with pytest.warns(InputWarning, match=rf"{path.name}: \d+ (grey values|colours) in two clear peaks"):
            found = read_mask(path, image="i.png")
        assert (found != marked).sum() < 0.02 * marked.sum(), path.name


@pytest.mark.parametrize(
    "values",
    [
        {"other class": 128},
        {"first class": 1},
        {"three": 85, "four": 170},
    ],
)
def test_numbered_classes_are_no_smooth_mask(values):
    labels = (blob() * 255).astype(np.uint8)
    for index, value in enumerate(values.values()):
        labels[60:90, 90 + 15 * index : 100 + 15 * index] = value
    with pytest.raises(InputError, match="grey values, but the mask"):
        as_mask(labels)


def test_two_colours_of_classes_are_no_smooth_mask():
    rgb = np.zeros((96, 128, 3), np.uint8)
    rgb[blob()] = (255, 0, 0)
    rgb[70:90, 100:120] = (0, 255, 0)
    with pytest.raises(InputError, match="3 colours"):
        as_mask(rgb)


def test_a_heat_map_is_no_smooth_mask():
    y, x = np.mgrid[:96, :128]
    heat = np.exp(-((y - 40) ** 2 + (x - 60) ** 2) / 800)
    with pytest.raises(InputError, match="grey values, but the mask"):
        as_mask((heat * 255).astype(np.uint8))


@pytest.mark.parametrize("colours", [1, 3])
def test_a_rough_photograph_is_no_smooth_mask(colours):
    """Every pixel of it has both peaks near it, and the commonest of its values are nearly black and nearly
    white."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 128), dtype=np.uint8)
    noise[::7], noise[3::7] = 2, 253
    pixels = noise if colours == 1 else np.repeat(noise[:, :, None], 3, axis=2)
    with pytest.raises(InputError, match="grey values, but the mask"):
        as_mask(pixels)
