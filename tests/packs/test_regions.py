"""What is left out of the guidance is no good material; outside the region of interest nothing is found."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.annotations.region import read_region
from obftnet.data.layouts.guidance import read_guidance
from obftnet.decision import Decision, image_score
from obftnet.errors import InputError, InputWarning
from obftnet.guidance.columns import GOOD, REST
from obftnet.packing import add_to_pack, fit_pack, refit_pack
from obftnet.packs import Content, Pack, describe, read_pack, write_guidance
from obftnet.segmenter import Segmenter

from .conftest import picture

SIZE = (128, 128)


def image(seed: int) -> np.ndarray:
    return picture(seed, *SIZE)


def mask(top: int = 10) -> np.ndarray:
    found = np.zeros(SIZE, bool)
    found[top : top + 20, 10:30] = True
    return found


def region(left: int, right: int) -> np.ndarray:
    found = np.zeros(SIZE, bool)
    found[:, left:right] = True
    return found


def segmenter(models: Path, name: str = "cues", **options: object) -> Segmenter:
    return Segmenter.from_pretrained(models / f"{name}.safetensors", "cpu", **{"tile": None, **options})


def good_cells(fitted: Segmenter, tap: int = 0) -> np.ndarray:
    """Which cells of the backgrounds are good material: (j, h, w) bool."""
    return fitted.guidance.usable[tap].numpy()


def noise_outside(pixels: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The image with other values where `keep` is False."""
    return np.where(keep[:, :, None], pixels, image(99))


@pytest.mark.parametrize("name", ["cues", "coreset", "vote", "encoder"])
def test_no_position_of_what_is_ignored_is_good_material(name, models):
    goods, support = image(2), (image(0), mask())
    fitted = segmenter(models, name).fit(
        [support], [goods], ignored=[(goods, region(64, 128)), (support[0], region(64, 128))]
    )
    for tap, usable in enumerate(fitted.guidance.usable):
        half = usable.shape[-1] // 2
        assert not usable[:, :, half:].any()
        assert usable[:, :, :half].all()
        assert fitted.guidance.ignored[tap][:, :, half:].all()
        if fitted.guidance.columns:
            columns = fitted.guidance.columns[tap]
            for kind in (GOOD, REST):
                places = columns.place[columns.slices()[kind]].numpy()
                assert (places % usable.shape[-1] < half).all()
                assert len(places)
    assert fitted.guidance.defect[0].any()


def test_what_a_mask_marks_stays_a_defect(models):
    pixels = image(0)
    fitted = segmenter(models).fit([(pixels, mask())], [image(2)], ignored=[(pixels, region(0, 64))])
    plain = segmenter(models).fit([(pixels, mask())], [image(2)])
    assert (fitted.guidance.defect[0] == plain.guidance.defect[0]).all()


def with_interest(models: Path, interest: np.ndarray, name: str = "cues", **options: object) -> Segmenter:
    found = segmenter(models, name, **options)
    found.decision = Decision(0.01, interest=interest)
    return found


@pytest.mark.parametrize(
    ("name", "tile", "source"),
    [
        ("cues", None, "good"),
        ("coreset", 64, "good"),
        ("coreset", None, "window"),
        ("cues", 64, "complement"),
        ("vote", None, "good"),
        ("encoder", None, "good"),
    ],
)
def test_what_lies_outside_the_region_of_interest_changes_no_bit_inside(name, tile, source, models):
    interest = region(0, 74)
    interest[100:, 40:] = False

    def scores(outside: bool) -> list[np.ndarray]:
        spoilt = (lambda pixels: noise_outside(pixels, interest)) if outside else (lambda pixels: pixels)
        marked = mask() | (region(90, 99) if outside else False)
        goods = [spoilt(image(2))] if source == "good" else []
        fitted = with_interest(models, interest, name, tile=tile)
        fitted.fit([(spoilt(image(0)), marked)], goods, background_source=source)
        queries = [spoilt(image(5)), spoilt(image(6))]
        return [one.score for one in (*map(fitted.predict, queries), *fitted.predict_batch(queries))]

    for one, other in zip(scores(False), scores(True), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one[interest].max() > 0
        assert not one[~interest].any()


def test_the_region_of_interest_decides(models):
    interest = region(0, 64)
    fitted = with_interest(models, interest).fit([(image(0), mask())], [image(2)])
    found = fitted.predict(image(5))
    assert found.mask[:, :64].any()
    assert not found.mask[:, 64:].any()
    assert image_score(found.score, fitted.decision) == found.score[:, :64].max()


def test_a_defect_that_only_lies_outside_of_the_region_of_interest_is_no_example(models):
    for tile in (None, "auto"):
        with pytest.raises(InputError, match="support 0: its mask marks nothing within the region"):
            with_interest(models, region(64, 128), tile=tile).fit([(image(0), mask())], [image(2)])


def test_tiles_without_any_of_the_region_are_not_looked_at(models, monkeypatch):
    fitted = with_interest(models, region(0, 32), tile=64).fit([(image(0), mask())], [image(2)])
    looks = []
    extract = Segmenter._extract
    monkeypatch.setattr(Segmenter, "_extract", lambda *given: looks.append(given) or extract(*given))
    fitted.predict(image(5))
    assert len(looks) == 3  # three rows of tiles, one of their three columns


def test_a_pack_of_when_the_outside_still_counted_is_fitted_again(models, tmp_path):
    fitted = with_interest(models, region(0, 64)).fit([(image(0), mask())], [image(2)])
    pack = fitted.save(tmp_path / "a.pack")
    before = pack.content.model_dump()
    before["fitted"].pop("outside")
    nothing = {key: x * 0 for key, x in pack.fitted.items()}
    old = Pack(Content.model_validate(before), pack.files, nothing, "old")
    with pytest.warns(InputWarning, match="what lies outside of the region of interest still counted"):
        loaded = Segmenter.load(old, "cpu", weights=models / "cues.safetensors")
    np.testing.assert_array_equal(loaded.predict(image(5)).score, fitted.predict(image(5)).score)


def test_a_region_that_is_set_later_is_fitted_again(models, tmp_path):
    first = segmenter(models)
    first.decision = Decision(interest=region(0, 64))
    first.fit([(image(0), mask())], [image(2)])
    second = segmenter(models).fit([(image(0), mask())], [image(2)])
    second.decision = Decision(interest=region(0, 64))
    np.testing.assert_array_equal(second.predict(image(5)).score, first.predict(image(5)).score)
    with pytest.raises(InputError, match=r"128 x 128 pixels, but the region of interest is drawn on 70 x 90"):
        second.decision = Decision(interest=np.ones((90, 70), bool))
    assert second.decision.interest.shape == SIZE
    second.save(tmp_path / "a.pack")
    loaded = Segmenter.load(tmp_path / "a.pack", "cpu", weights=models / "cues.safetensors")
    np.testing.assert_array_equal(loaded.predict(image(5)).score, first.predict(image(5)).score)
    with pytest.raises(InputError, match="the region of interest is drawn on 128 x 128"):
        loaded.predict(picture(3))


@pytest.mark.parametrize("source", ["complement", "window"])
@pytest.mark.parametrize("tile", [None, 64])
def test_where_there_is_no_good_image_the_supports_show_good_material(source, tile, models, tmp_path):
    fitted = segmenter(models, "coreset", tile=tile)
    kinds = {"cut": [(image(0), mask())], "dent": [(image(0), mask(60)), (image(1), mask(90))]}
    fitted.fit(kinds, background_source=source)
    marked = [mask() | mask(60), mask() | mask(60), mask(90)]
    assert fitted.parts[1]
    for number, part in enumerate(fitted.parts[1]):
        clean = ~part.cut(marked[part.image])
        if source == "window":
            assert clean.all()
            assert min(part.size) >= 64
        cells = good_cells(fitted)[number]
        rows, columns = np.nonzero(cells)
        for row, column in zip(rows, columns, strict=True):
            high, wide = (side // count for side, count in zip(part.size, cells.shape, strict=True))
            if source == "complement":
                assert clean[row * high : (row + 1) * high, column * wide : (column + 1) * wide].all()
    fitted.save(tmp_path / "a.pack")
    weights = models / "coreset.safetensors"
    loaded = Segmenter.load(tmp_path / "a.pack", "cpu", weights=weights)
    np.testing.assert_array_equal(loaded.predict(image(5)).score, fitted.predict(image(5)).score)
    refit_pack(tmp_path / "a.pack", weights=weights, device="cpu")
    again = Segmenter.load(tmp_path / "a.pack", "cpu", weights=weights)
    np.testing.assert_array_equal(again.predict(image(5)).score, fitted.predict(image(5)).score)
    # With a good image, good material is seen in that.
    add_to_pack(tmp_path / "a.pack", backgrounds=[image(2)], weights=weights, device="cpu")
    assert read_pack(tmp_path / "a.pack").content.background_source == "good"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A guidance folder of one support and one good image, of both of which the right half is ignored."""
    found = tmp_path / "guidance"
    for name, pixels in (
        ("support/s.png", image(0)),
        ("support/s_mask.png", mask()),
        ("support/s_ignore.png", region(64, 128)),
        ("background/b.png", image(2)),
    ):
        (found / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(found / name)
    (found / "background/b_ignore.json").write_text(outlines([[64, 0], [128, 0], [128, 128], [64, 128]]))
    return found


def outlines(*polygons: list[list[float]], **changes: object) -> str:
    shapes = [{"label": "x", "points": points, "shape_type": "polygon"} for points in polygons]
    return json.dumps({"shapes": shapes, "imageHeight": 128, "imageWidth": 128, **changes})


def test_a_folder_with_regions_is_fitted_kept_and_given_back(models, folder, tmp_path):
    weights = models / "cues.safetensors"
    (tmp_path / "roi.json").write_text(outlines([[0, 0], [100, 0], [100, 128], [0, 128]]))
    by = {"weights": weights, "device": "cpu"}
    fit_pack(folder, tmp_path / "a.pack", interest=tmp_path / "roi.json", tile=None, **by)
    pack = read_pack(tmp_path / "a.pack")
    np.testing.assert_array_equal(pack.interest, region(0, 100))
    assert [entry.ignored_name for entry in pack.content.images] == ["s_ignore.png", "b_ignore.png"]
    assert sum("in part ignored" in line for line in describe(pack)) == 2
    direct = segmenter(models)
    direct.decision = pack.decision
    support, goods = image(0), image(2)
    direct.fit([(support, mask())], [goods], ignored=[(goods, region(64, 128)), (support, region(64, 128))])
    loaded = Segmenter.load(tmp_path / "a.pack", **by)
    np.testing.assert_array_equal(loaded.predict(image(5)).score, direct.predict(image(5)).score)
    write_guidance(pack, tmp_path / "again")
    assert (tmp_path / "again/support/s_ignore.png").read_bytes() == (
        folder / "support/s_ignore.png"
    ).read_bytes()
    fit_pack(
        tmp_path / "again", tmp_path / "b.pack", interest=tmp_path / "again/interest.png", tile=None, **by
    )
    assert read_pack(tmp_path / "b.pack").content.fitted == pack.content.fitted


def test_outlines_are_drawn_and_joined(tmp_path):
    path = tmp_path / "roi.json"
    path.write_text(
        outlines([[0, 0], [32, 0], [32, 128], [0, 128]], [[16, 0], [64, 0], [64, 128], [16, 128]])
    )
    np.testing.assert_array_equal(read_region(path), region(0, 64))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "background/b_ignore.json").write_text(outlines()), "no outline in it"),
        (lambda f: (f / "background/b_ignore.json").write_text("{"), "b_ignore.json"),
        (
            lambda f: (f / "background/b_ignore.json").write_text(outlines([[0, 0], [9, 9]])),
            "an outline of 2 point",
        ),
        (
            lambda f: (f / "background/b_ignore.json").write_text(
                outlines([[0, 0], [9, 9], [0, 9]], imageWidth=64)
            ),
            "drawn on 64 x 128 pixels, but its image has 128 x 128",
        ),
        (
            lambda f: (f / "background/b_ignore.json").write_text(
                outlines([[0, 0], [128, 0], [128, 128], [0, 128]])
            ),
            "too little good material is left",
        ),
        (lambda f: Image.fromarray(region(64, 128)[:64]).save(f / "support/s_ignore.png"), "s_ignore.png"),
        (lambda f: (f / "background/b.png").rename(f / "background/c.png"), "without its image; b.<ext>"),
        (lambda f: Image.fromarray(region(3, 9)).save(f / "background/b_ignore.png"), "a second region"),
    ],
)
def test_a_region_that_cannot_be_is_one_line(spoil, says, models, folder, tmp_path):
    spoil(folder)
    with pytest.raises(InputError, match=says) as error:
        fit_pack(folder, tmp_path / "a.pack", weights=models / "cues.safetensors", device="cpu")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "a.pack").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"backgrounds": [image(2)], "background_source": "window"}, "beside background window"),
        ({"background_source": "sky"}, "one of good, window, complement"),
        ({}, "no background"),
        ({"backgrounds": [image(2)], "ignored": [(image(8), mask())]}, "no image of the guidance"),
        ({"backgrounds": [image(2)], "ignored": [image(8)]}, "no pair"),
    ],
)
def test_what_does_not_fit_together_is_one_line(options, says, models):
    with pytest.raises(InputError, match=says):
        segmenter(models).fit([(image(0), mask())], **options)


def test_supports_without_room_for_good_material_are_said(models):
    all_over = np.zeros(SIZE, bool)
    all_over[::40] = True
    with pytest.raises(InputError, match="no support has a clean rectangle of 64 x 64"):
        segmenter(models).fit([(image(0), all_over)], background_source="window")
    dense = np.zeros(SIZE, bool)
    dense[::8] = True
    with pytest.raises(InputError, match="too little good material is left"):
        segmenter(models).fit([(image(0), dense)], background_source="complement")


def test_regions_of_a_folder_are_told_from_its_images(folder):
    found = read_guidance(folder)
    assert [path.name for path in found.files] == [
        "s.png",
        "s_mask.png",
        "b.png",
        "s_ignore.png",
        "b_ignore.json",
    ]
    assert [(one.name, other.name) for one, other in found.first(1).ignored] == [
        ("s.png", "s_ignore.png"),
        ("b.png", "b_ignore.json"),
    ]
