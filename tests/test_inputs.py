"""What callers give: settings, guidance in every form, and what is likely a mistake."""

import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from obftnet.errors import InputError, InputWarning
from obftnet.imaging.picture import Picture
from obftnet.imaging.read import as_image, as_mask, as_picture
from obftnet.inputs import (
    KnownPictures,
    as_backgrounds,
    as_supports,
    check_bits,
    check_count,
    check_threshold,
    check_tile,
    check_tile_fits,
    find_bits,
    read_support,
    with_bits,
)

RAMP = np.arange(1024, dtype=np.uint16).reshape(32, 32)
SHARES = RAMP / 1023


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (check_threshold, [0.5, np.float32(0.25)], [0, 1, float("nan"), 5, -1, True, "0.5", None, [0.5]]),
        (check_tile, [64, np.int64(512), None], [63, 10_001, 64.5, 64.0, True, "64", float("inf")]),
        (check_bits, [8, np.uint8(12), 16, None], [7, 17, 12.0, False, "12"]),
    ],
)
def test_settings_are_what_they_should_be_or_refused_in_a_line(check, good, bad):
    for value in good:
        assert check(value) == value
    for value in bad:
        with pytest.raises(InputError, match="wanted") as caught:
            check(value)
        assert "\n" not in str(caught.value)


def test_guidance_in_every_collection():
    pairs = [("a.png", "a_mask.png"), ("b.png", "b_mask.png")]
    for given in (pairs, tuple(pairs), (pair for pair in pairs), [list(pair) for pair in pairs]):
        assert as_supports(given) == {"defect": tuple(pairs)}
    several = {"dent": pairs[1:], "cut": iter(pairs)}
    assert list(as_supports(several).items()) == [("dent", tuple(pairs[1:])), ("cut", tuple(pairs))]
    for images in (["a.png"], ("a.png",), (name for name in ["a.png"])):
        assert as_backgrounds(images) == ("a.png",)


@pytest.mark.parametrize(
    ("take", "given", "says"),
    [
        (as_backgrounds, "good.png", "backgrounds: a str"),
        (as_backgrounds, Image.new("L", (4, 4)), "backgrounds: a Image"),
        (as_backgrounds, np.zeros((4, 4, 3)), "backgrounds: a ndarray"),
        (as_backgrounds, None, "backgrounds: a NoneType"),
        (as_backgrounds, [], "no background"),
        (as_supports, ("a.png", "a_mask.png"), "support 0: a str"),
        (as_supports, [("a", "b", "c")], "support 0: 3 things"),
        (as_supports, [("a", "b"), "cd"], "support 1: a str"),
        (as_supports, {"a": "b"}, "supports of a: a str"),
        (as_supports, {"a": [("a", "b")], "cut": []}, "no support of cut"),
        (as_supports, {"a": [("a", "b"), ("c",)]}, "support 1 of a: 1 things"),
        (as_supports, {}, "no support: give"),
        (as_supports, {3: [("a", "b")]}, "kind of defect 3: a int"),
        (as_supports, {"": [("a", "b")]}, "kind of defect '': a name of 1 to 200"),
        (as_supports, {"a\nb": [("a", "b")]}, r"kind of defect 'a\\nb'"),
        (as_supports, {str(i): [("a", "b")] for i in range(256)}, "256 kinds of defect: at most 255"),
        (as_backgrounds, {"a": ["b"]}, "backgrounds: a dict"),
        (as_supports, 3, "supports: a int"),
        (as_supports, (pair for pair in ()), "no support"),
    ],
)
def test_guidance_that_is_none(take, given, says):
    with pytest.raises(InputError, match=says):
        take(given)


def test_one_image_in_every_form_an_array_has():
    sixteen = RAMP * 64
    wanted = as_image(sixteen)
    forms = (sixteen.astype(">u2"), np.asfortranarray(sixteen), np.ma.array(sixteen), np.asmatrix(sixteen))
    for same in forms:
        np.testing.assert_array_equal(as_image(same), wanted)
    with pytest.raises(InputError, match="4 masked elements"):
        as_image(np.ma.array(sixteen, mask=RAMP < 4))
    with pytest.raises(InputError, match="4 masked elements"):
        as_mask(np.ma.array(RAMP > 100, mask=RAMP < 4))


@pytest.mark.parametrize("mode", ["L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "I;16"])
def test_one_image_in_every_mode_of_pillow(mode):
    grey = Image.fromarray((RAMP // 4).astype(np.uint8))
    steps = {"La": ("LA", "La"), "RGBa": ("RGBA", "RGBa"), "PA": ("P", "PA")}.get(mode, (mode,))
    image = grey if mode != "I;16" else Image.fromarray((RAMP // 4 * 257).astype(np.uint16))
    for step in steps if mode != "I;16" else ():
        image = image.convert(step)
    assert image.mode == mode
    np.testing.assert_allclose(as_image(image)[:, :, 0], (RAMP // 4) / 255, atol=1e-6)


def test_a_pil_image_is_turned_as_its_file_is(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray((RAMP[:, :20] // 4).astype(np.uint8)).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(as_image(image), as_image(tmp_path / "a.png"))
    assert as_image(tmp_path / "a.png").shape == (20, 32, 3)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_bits_a_camera_fills_are_found_over_the_guidance(tmp_path, bits):
    full = np.rint(SHARES * (2**bits - 1)).astype(np.uint16)
    dark = full // 4
    tifffile.imwrite(tmp_path / "a.tif", np.stack([full] * 3, 2), photometric="rgb")
    Image.fromarray(dark).save(tmp_path / "b.png")
    assert find_bits([("dark", tmp_path / "b.png"), ("full", tmp_path / "a.tif")]) == bits
    assert find_bits([("dark", dark), ("full", full)]) == bits
    picture = with_bits(as_picture(tmp_path / "a.tif"), bits)
    np.testing.assert_allclose(picture.floats()[:, :, 0], SHARES, atol=0.51 / (2**bits - 1))
    assert with_bits(picture, bits).white == picture.white


def test_a_sample_beyond_the_bits_is_refused():
    with pytest.raises(InputError, match=r"^next: a sample of 5000 .* 12 bits of 16 \(0\.\.4095\)"):
        with_bits(as_picture(np.full((4, 4), 5000, np.uint16), "next"), 12)


def test_bits_of_8_bit_guidance_are_nobodys():
    assert find_bits([("a", np.zeros((4, 4), np.uint8))]) is None
    assert with_bits(as_picture(np.full((4, 4), 60_000, np.uint16)), None).white == 65535
    with pytest.raises(InputError, match=r"12 bits are used.*say how many bits"):
        with_bits(as_picture(np.full((4, 4), 4000, np.uint16)), None)


def test_white_is_zero_with_bits():
    """Black is what the camera's 12 bits can hold, not what 16 could."""
    picture = Picture(np.array([[0, 4095]], np.uint16), 65535, "a", inverted=True).with_bits(12)
    np.testing.assert_array_equal(picture.floats()[0, :, 0], [1, 0])


def warned(call) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(warning.category is InputWarning for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("marked", "says"),
    [
        (np.s_[0:16, 0:16], None),
        (np.s_[3:4, 3:4], "marks 1 pixel"),
        (np.s_[0:32, 0:30], "marks 94 %.*not inverted"),
        (np.s_[:, :], "marks 100 %"),
    ],
)
def test_masks_that_are_likely_a_mistake(marked, says):
    mask = np.zeros((32, 32), bool)
    mask[marked] = True
    lines = warned(lambda: read_support((RAMP // 4).astype(np.uint8), mask, 0, None))
    assert len(lines) == (says is not None)
    if says:
        with pytest.warns(InputWarning, match=says):
            read_support((RAMP // 4).astype(np.uint8), mask, 0, None)


@pytest.mark.parametrize(
    ("width", "orientation", "ambiguous"), [(32, 6, True), (20, 3, True), (32, 1, False)]
)
def test_a_mask_that_may_lie_on_the_raw_pixels(tmp_path, width, orientation, ambiguous):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray((RAMP[:, :width] // 4).astype(np.uint8)).save(tmp_path / "a.png", exif=exif)
    mask = np.zeros((32, width), bool)
    mask[:8, :8] = True
    lines = warned(lambda: read_support(tmp_path / "a.png", mask, 0, None))
    assert [("EXIF orientation" in line) for line in lines] == [True] * ambiguous


def test_a_mask_of_the_raw_size_is_refused_with_the_reason(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray((RAMP[:, :20] // 4).astype(np.uint8)).save(tmp_path / "a.png", exif=exif)
    with pytest.raises(InputError, match="once turned by its EXIF orientation 6"):
        read_support(tmp_path / "a.png", np.eye(32, 20, dtype=bool), 0, None)


def test_more_supports_than_were_measured():
    assert warned(lambda: check_count(5)) == []
    assert len(warned(lambda: check_count(6))) == 1


def test_tiles_larger_than_the_photograph():
    assert warned(lambda: check_tile_fits((100, 3000), 768)) == []
    assert len(warned(lambda: check_tile_fits((500, 600), 768))) == 1
    with pytest.raises(InputError, match="tile of 10000 pixels: larger than an image of 256 x 256"):
        check_tile_fits((256, 256), 10_000)


def test_pictures_are_known_again_pixel_for_pixel():
    known = KnownPictures()
    grey = (RAMP // 4).astype(np.uint8)
    known.add(as_picture(grey, "s"), "support")
    assert known.find(as_picture(np.stack([grey] * 3, 2) / 255.0), "support") == "s"
    assert known.find(as_picture(grey), "background") is None
    changed = grey.copy()
    changed[5, 5] ^= 1
    assert known.find(as_picture(changed), "support") is None
    with pytest.raises(InputError, match=r"^b: the same image as the support s"):
        known.add(as_picture(grey, "b"), "background")


@pytest.mark.parametrize(
    ("bits", "top", "dark"), [(16, 4095, True), (16, 4096, False), (12, 255, True), (12, 256, False)]
)
def test_a_nearly_black_image_of_16_bits_may_be_of_fewer(bits, top, dark):
    samples = np.minimum(RAMP * 64, top)
    picture = Picture(samples, 65535, "q.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        assert with_bits(picture, bits).white == 2**bits - 1
    assert [str(one.message).startswith(f"q.png: no sample above {top}") for one in caught] == [True] * dark


@pytest.mark.parametrize(
    ("values", "flat"),
    [((0, 255), True), ((0, 1), True), ((0, 0), True), ((7, 9), False), ((0, 1, 2), False)],
)
def test_a_background_that_looks_like_a_mask_is_asked_about(values, flat):
    picture = Picture(np.resize(np.array(values, np.uint8), (48, 60)), 255, "b.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        KnownPictures().add(picture, "background")
        KnownPictures().add(picture, "support")
    assert [str(one.message).startswith("b.png: black and one other value") for one in caught] == [
        True
    ] * flat
