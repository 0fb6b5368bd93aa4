"""A pack is the segmenter: the same scores to the bit, in another process too, and the files as they came."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from obftnet.decision import Decision
from obftnet.errors import InputError, InputWarning
from obftnet.packs import read_pack
from obftnet.segmenter import Segmenter

from .conftest import fit, mask_of, picture


@pytest.mark.parametrize(
    ("name", "tile"),
    [("cues", None), ("coreset", 64), ("vote", None), ("encoder", None), ("encoder_vote", None)],
)
def test_a_loaded_pack_scores_as_the_segmenter_that_saved_it(name, tile, models, guidance, tmp_path):
    first = fit(guidance, models / f"{name}.safetensors", tile=tile)
    first.save(tmp_path / "a.pack")
    second = Segmenter.load(tmp_path / "a.pack", "cpu", weights=models / f"{name}.safetensors")
    assert second.tile == tile
    assert second.parts == first.parts
    query = picture(3, 70, 110)
    np.testing.assert_array_equal(second.predict(query).score, first.predict(query).score)
    second.save(tmp_path / "b.pack")
    one, other = read_pack(tmp_path / "a.pack"), read_pack(tmp_path / "b.pack")
    assert one.files == other.files
    assert one.content.fitted == other.content.fitted


@pytest.mark.parametrize("name", ["coreset", "encoder_vote"])
def test_kinds_travel(name, models, tmp_path):
    weights = models / f"{name}.safetensors"
    # One picture shows both kinds: what the one marks is no good material of the other's.
    supports = {
        "scratch": [(picture(0), mask_of(20)), (picture(1), mask_of(30))],
        "dent": [(picture(0), mask_of(50))],
    }
    first = Segmenter.from_pretrained(weights, "cpu").fit(supports, [picture(2)])
    assert first.guidance.ignored
    first.save(tmp_path / "a.pack")
    pack = read_pack(tmp_path / "a.pack")
    assert [pack.content.path(entry) for entry in pack.content.images] == [
        "support/dent/support 0 of dent.png",
        "support/scratch/support 0 of scratch.png",
        "support/scratch/support 1 of scratch.png",
        "background/background 0.png",
    ]
    second = Segmenter.load(pack, "cpu", weights=weights)
    one, other = first.predict(picture(3)), second.predict(picture(3))
    assert other.kinds == ("dent", "scratch")
    np.testing.assert_array_equal(other.score, one.score)
    np.testing.assert_array_equal(other.best, one.best)
    again = Segmenter.from_pretrained(weights, "cpu").fit(pack.by_kind, pack.backgrounds)
    np.testing.assert_array_equal(again.predict(picture(3)).score, one.score)


def test_a_kind_that_is_no_folder_s_name_has_no_pack(models, tmp_path):
    segmenter = Segmenter.from_pretrained(models / "cues.safetensors", "cpu")
    segmenter.fit({"a/b": [(picture(0), mask_of())]}, [picture(2)])
    with pytest.raises(InputError, match="kind of defect 'a/b': no name of a folder"):
        segmenter.save(tmp_path / "a.pack")


def test_another_process_scores_the_same(models, guidance, tmp_path):
    segmenter = fit(guidance, models / "cues.safetensors")
    segmenter.save(tmp_path / "a.pack")
    np.save(tmp_path / "query.npy", picture(3))
    code = """
import sys, numpy as np, torch
torch.set_num_threads(int(sys.argv[4]))
from obftnet import Segmenter
segmenter = Segmenter.load(sys.argv[1], "cpu", weights=sys.argv[2])
np.save(sys.argv[3] + "/score.npy", segmenter.predict(np.load(sys.argv[3] + "/query.npy")).score)
"""
    words = [tmp_path / "a.pack", models / "cues.safetensors", tmp_path, torch.get_num_threads()]
    subprocess.run([sys.executable, "-c", code, *map(str, words)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "score.npy"), segmenter.predict(picture(3)).score)


def test_nothing_is_fitted_again(models, guidance, tmp_path, monkeypatch):
    fit(guidance, models / "cues.safetensors").save(tmp_path / "a.pack")

    def no_fit(*_):
        raise AssertionError("fitted again")

    monkeypatch.setattr(Segmenter, "fit", no_fit)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = Segmenter.load(tmp_path / "a.pack", "cpu", weights=models / "cues.safetensors")
    assert loaded.saw(guidance / "support/s1.png") == f"{tmp_path / 'a.pack'}/support/s1.png"
    assert loaded.saw(guidance / "background/b1.jpg") is None
    with pytest.warns(InputWarning, match=r"background .*a\.pack/background/b0\.jpg"):
        loaded.predict(guidance / "background/b0.jpg")


def test_other_weights_are_fitted_again_and_said(models, guidance, tmp_path):
    fit(guidance, models / "cues.safetensors").save(tmp_path / "a.pack")
    with pytest.warns(InputWarning, match=r"a\.pack: fitted with other weights, and fitted again"):
        loaded = Segmenter.load(tmp_path / "a.pack", "cpu", weights=models / "other.safetensors")
    wanted = fit(guidance, models / "other.safetensors").predict(picture(3)).score
    np.testing.assert_array_equal(loaded.predict(picture(3)).score, wanted)
    # Saved, it is that of the new weights.
    loaded.save(tmp_path / "a.pack")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = Segmenter.load(tmp_path / "a.pack", "cpu", weights=models / "other.safetensors")
    np.testing.assert_array_equal(again.predict(picture(3)).score, wanted)


def test_another_version_is_fitted_again_and_said(models, guidance, tmp_path, monkeypatch):
    monkeypatch.setattr("obftnet.packs.fit.__version__", "0.0.1")
    fit(guidance, models / "cues.safetensors").save(tmp_path / "a.pack")
    monkeypatch.undo()
    with pytest.warns(InputWarning, match=r"fitted by obftnet 0\.0\.1, and fitted again"):
        Segmenter.load(tmp_path / "a.pack", "cpu", weights=models / "cues.safetensors")


def test_weights_that_do_not_ship_are_named_and_asked_for(models, guidance, tmp_path):
    fit(guidance, models / "cues.safetensors").save(tmp_path / "a.pack")
    with pytest.raises(
        InputError, match=r"fitted with the weights cues\.safetensors, which do not ship"
    ) as e:
        Segmenter.load(tmp_path / "a.pack")
    assert e.value.parameters == ("weights",)


def test_any_name_of_a_person_can_stand_in_the_history(models, guidance, tmp_path):
    """Those of users are bytes, and need be no Unicode."""
    fit(guidance, models / "cues.safetensors").save(tmp_path / "a.pack", who="J\xfcrgen \udcfc\x1b[2J")
    assert [event.who for event in read_pack(tmp_path / "a.pack").content.history] == [r"Jürgen \xfc\x1b[2J"]


def test_files_are_kept_byte_for_byte_and_no_place_is(models, guidance, tmp_path):
    fit(guidance, models / "cues.safetensors").save(tmp_path / "a.pack", who="Ada", what="first")
    pack = read_pack(tmp_path / "a.pack")
    for entry in pack.content.images:
        assert pack.image(entry).data == (guidance / pack.content.path(entry)).read_bytes()
        if entry.role == "support":
            assert pack.mask(entry).data == (guidance / pack.content.mask_path(entry)).read_bytes()
    assert [(event.who, event.what) for event in pack.content.history] == [("Ada", "first")]
    raw = (tmp_path / "a.pack").read_bytes()
    assert str(tmp_path).encode() not in raw
    assert str(models).encode() not in raw


def forms() -> dict[str, object]:
    image = picture(0)
    deep = picture(0).astype(np.uint16) * 13  # 12 of 16 bits
    return {
        "uint8": image,
        "grey": image[:, :, 0],
        "alpha": np.concatenate([image, image[:, :, :1]], 2),
        "float": (image / 255).astype(np.float32),
        "float64": image / 255,
        "grey_float": (image[:, :, 0] / 255).astype(np.float32),
        "bool": image[:, :, 0] > 90,
        "uint16": deep,
        "grey_uint16": deep[:, :, 0],
        "pil": Image.fromarray(image),
        "pil_16": Image.fromarray(deep[:, :, 0]),
        "pil_palette": Image.fromarray(image).quantize(16),
    }


@pytest.mark.parametrize("form", forms())
def test_pictures_without_a_file_are_kept_without_loss(form, models, tmp_path):
    segmenter = Segmenter.from_pretrained(models / "cues.safetensors", "cpu")
    segmenter.fit([(forms()[form], mask_of())], [picture(1), picture(2) / 255])
    segmenter.save(tmp_path / "a.pack")
    pack = read_pack(tmp_path / "a.pack")
    again = Segmenter.from_pretrained(models / "cues.safetensors", "cpu", bits=pack.content.bits)
    again.fit(pack.supports, pack.backgrounds)
    assert again.bits == segmenter.bits
    query = picture(3)
    np.testing.assert_array_equal(again.predict(query).score, segmenter.predict(query).score)


def test_a_white_is_zero_tiff_read_before_is_kept(models, tmp_path):
    tifffile.imwrite(tmp_path / "i.tif", picture(0)[:, :, 0], photometric="miniswhite", metadata=None)
    segmenter = Segmenter.from_pretrained(models / "cues.safetensors", "cpu")
    image = segmenter.read(tmp_path / "i.tif")
    segmenter.fit([(image, mask_of())], [picture(1)]).save(tmp_path / "a.pack")
    pack = read_pack(tmp_path / "a.pack")
    np.testing.assert_array_equal(pack.supports[0][0].picture().floats(), image.floats())


def test_what_changed_since_it_was_fitted_is_not_saved(models, guidance, tmp_path):
    image, mask = picture(0), mask_of()
    segmenter = Segmenter.from_pretrained(models / "cues.safetensors", "cpu")
    segmenter.fit([(image, mask)], [picture(1)])
    mask[0, 0] = True
    with pytest.raises(InputError, match="mask of support 0: no longer what was fitted"):
        segmenter.save(tmp_path / "a.pack")
    mask[0, 0] = False
    image[0, 0] = 0
    with pytest.raises(InputError, match="support 0: no longer what was fitted"):
        segmenter.save(tmp_path / "a.pack")
    segmenter = fit(guidance, models / "cues.safetensors")
    Image.fromarray(picture(5)).save(guidance / "support/s1.png")
    with pytest.raises(InputError, match=r"s1\.png: no longer what was fitted"):
        segmenter.save(tmp_path / "a.pack")
    assert not (tmp_path / "a.pack").exists()


def test_decision_scale_tile_and_bits_travel(models, tmp_path):
    segmenter = Segmenter.from_pretrained(models / "cues.safetensors", "cpu", tile=None, bits=12)
    segmenter.fit([(picture(0), mask_of())], [picture(1)])
    interest = np.ones((90, 70), bool)
    interest[:, :20] = False
    segmenter.decision = Decision(0.4, 0.5, 0.25, "mm", (0.3, 0.6), interest)
    segmenter.scale = 10
    segmenter.save(tmp_path / "a.pack")
    loaded = Segmenter.load(tmp_path / "a.pack", "cpu", weights=models / "cues.safetensors")
    assert loaded.decision == segmenter.decision
    assert (loaded.scale, loaded.tile, loaded.bits) == (10, None, 12)
    found, wanted = loaded.predict(picture(3)), segmenter.predict(picture(3))
    np.testing.assert_array_equal(found.mask, wanted.mask)
    assert not found.mask[:, :20].any()
    with pytest.raises(InputError, match=r"60 x 90 pixels, but the region of interest is drawn on 70 x 90"):
        loaded.predict(picture(3, 90, 60))


def test_a_plan_travels(models, guidance, tmp_path):
    """What chose the tile is kept, and the tile with it, whatever the pack is looked at by."""
    small = np.zeros((90, 70), bool)
    small[20:26, 10:16] = True
    Image.fromarray(small).save(guidance / "support/s0_mask.png")
    Image.fromarray(picture(10, 300, 300)).save(guidance / "background/b0.jpg")
    first = fit(guidance, models / "cues.safetensors", tile="auto")
    assert first.plan is not None
    first.save(tmp_path / "a.pack")
    second = Segmenter.load(tmp_path / "a.pack", "cpu", weights=models / "cues.safetensors")
    assert (second.tile, second.plan) == (first.tile, first.plan)
    second.save(tmp_path / "b.pack")
    assert read_pack(tmp_path / "b.pack").content.tile_plan == first.plan


def test_names_that_meet_are_told_apart(models, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        Image.fromarray(picture(len(folder) + (folder == "two"))).save(tmp_path / folder / "part.png")
    Image.fromarray(mask_of()).save(tmp_path / "one/part_mask.bmp")
    segmenter = Segmenter.from_pretrained(models / "cues.safetensors", "cpu")
    supports = [(tmp_path / folder / "part.png", tmp_path / "one/part_mask.bmp") for folder in ("one", "two")]
    segmenter.fit(supports, [picture(8)]).save(tmp_path / "a.pack")
    entries = read_pack(tmp_path / "a.pack").content.supports
    assert [(entry.name, entry.mask_name) for entry in entries] == [
        ("part.png", "part_mask.bmp"),
        ("part-2.png", "part-2_mask.bmp"),
    ]


def test_only_packs_are_replaced(models, guidance, tmp_path):
    segmenter = fit(guidance, models / "cues.safetensors")
    for name, content in (
        ("notes.txt", b"mine"),
        ("model.safetensors", (models / "cues.safetensors").read_bytes()),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="not a pack, and would be overwritten"):
            segmenter.save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == content
    segmenter.save(tmp_path / "a.pack")
    segmenter.save(tmp_path / "a.pack")
    assert len(read_pack(tmp_path / "a.pack").content.history) == 1


def test_what_is_not_fitted_has_no_pack(models, tiny_model, tmp_path):
    with pytest.raises(InputError, match="call fit"):
        Segmenter.from_pretrained(models / "cues.safetensors", "cpu").save(tmp_path / "a.pack")
    bare = Segmenter(tiny_model, device="cpu").fit([(picture(0), mask_of())], [picture(1)])
    with pytest.raises(InputError, match="a model without a file"):
        bare.save(tmp_path / "a.pack")
