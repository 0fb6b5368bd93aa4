"""A pack that is changed is the pack that would have been fitted so, to the bit; else it is as it was."""

import itertools
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.data.layouts.guidance import read_guidance
from obftnet.errors import InputError, InputWarning
from obftnet.files import exclusive
from obftnet.packing import add_to_pack, fit_pack, refit_pack, remove_from_pack
from obftnet.packs import describe, edit_pack, read_pack, write_guidance
from obftnet.segmenter import Segmenter

from .conftest import fit, mask_of, picture


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Three supports s0..s2 with their masks, and three good images b0..b2."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(picture(index)).save(folder / f"s{index}.png")
        Image.fromarray(mask_of(20 + 9 * index)).save(folder / f"s{index}_mask.png")
        Image.fromarray(picture(10 + index, 64, 100)).save(folder / f"b{index}.jpg")
    return folder


def pairs(folder: Path, *numbers: int) -> list[tuple[Path, Path]]:
    return [(folder / f"s{n}.png", folder / f"s{n}_mask.png") for n in numbers]


def goods(folder: Path, *numbers: int) -> list[Path]:
    return [folder / f"b{n}.jpg" for n in numbers]


def score(path: Path, weights: Path) -> np.ndarray:
    return Segmenter.load(path, "cpu", weights=weights).predict(picture(7, 80, 120)).score


@pytest.mark.parametrize("name", ["coreset", "vote"])
def test_every_order_of_changes_gives_the_same_pack(name, models, pictures, tmp_path):
    weights = models / f"{name}.safetensors"
    whole = Segmenter.from_pretrained(weights, "cpu")
    whole.fit(pairs(pictures, 2, 0, 1), goods(pictures, 1, 0)).save(tmp_path / "whole.pack")
    want = score(tmp_path / "whole.pack", weights)
    steps = [
        {"supports": pairs(pictures, 1)},
        {"supports": pairs(pictures, 2)},
        {"backgrounds": goods(pictures, 1)},
    ]
    made = []
    for number, order in enumerate([*itertools.permutations(steps)][::2]):
        path = tmp_path / f"{number}.pack"
        first = Segmenter.from_pretrained(weights, "cpu")
        first.fit(pairs(pictures, 0), goods(pictures, 0)).save(path)
        for step in order:
            add_to_pack(path, **step, weights=weights, device="cpu")
        np.testing.assert_array_equal(score(path, weights), want)
        made.append(read_pack(path))
        assert len(made[-1].content.history) == 4
    assert all(one.files == made[0].files and one.content.images == made[0].content.images for one in made)
    assert len({one.content.guidance_sha256 for one in made}) == 1


def test_what_was_added_and_removed_again_leaves_no_trace_but_history(models, pictures, tmp_path):
    weights = models / "coreset.safetensors"
    path = tmp_path / "a.pack"
    Segmenter.from_pretrained(weights, "cpu").fit(pairs(pictures, 0), goods(pictures, 0)).save(path)
    before, want = read_pack(path), score(path, weights)
    add_to_pack(path, supports=pairs(pictures, 1), backgrounds=goods(pictures, 2), weights=weights, who="Ada")
    assert np.abs(score(path, weights) - want).max() > 1e-4
    remove_from_pack(path, ["s1.png", "background/b2.jpg"], weights=weights, who="Bob")
    after = read_pack(path)
    np.testing.assert_array_equal(score(path, weights), want)
    assert after.files == before.files
    assert after.content.fitted == before.content.fitted
    assert [(event.who, event.what) for event in after.content.history[1:]] == [
        ("Ada", "added support/s1.png, background/b2.jpg"),
        ("Bob", "removed background/b2.jpg, support/s1.png"),
    ]


def test_an_exported_folder_is_byte_for_byte_and_fits_to_the_same_scores(models, guidance, tmp_path):
    weights = models / "coreset.safetensors"
    fit_pack(guidance, tmp_path / "a.pack", weights=weights, device="cpu")
    write_guidance(read_pack(tmp_path / "a.pack"), tmp_path / "again")
    files = {path.relative_to(guidance): path.read_bytes() for path in guidance.rglob("*.*")}
    found = {p.relative_to(tmp_path / "again"): p.read_bytes() for p in (tmp_path / "again").rglob("*.*")}
    assert found == files
    fit_pack(tmp_path / "again", tmp_path / "b.pack", weights=weights, device="cpu")
    one, other = read_pack(tmp_path / "a.pack"), read_pack(tmp_path / "b.pack")
    assert one.content.fitted == other.content.fitted
    with pytest.raises(InputError, match="is there already"):
        write_guidance(one, tmp_path / "again")


def test_names_and_kinds_of_any_origin_export_to_a_folder_that_is_read(models, tmp_path):
    weights = models / "coreset.safetensors"
    segmenter = Segmenter.from_pretrained(weights, "cpu")
    supports = {
        "scratch": [(picture(0), mask_of()), (picture(1), mask_of(30))],
        "dent": [(picture(0), mask_of(50)), (Image.fromarray(picture(2)), mask_of(3))],
    }
    segmenter.fit(supports, [picture(3), picture(4) / 255]).save(tmp_path / "a.pack")
    write_guidance(read_pack(tmp_path / "a.pack"), tmp_path / "again")
    found = read_guidance(tmp_path / "again")
    again = Segmenter.from_pretrained(weights, "cpu").fit(found.by_kind, found.backgrounds)
    np.testing.assert_array_equal(again.predict(picture(7)).score, segmenter.predict(picture(7)).score)


def test_a_second_kind_joins(models, guidance, pictures, tmp_path):
    weights = models / "coreset.safetensors"
    fit_pack(guidance, tmp_path / "a.pack", weights=weights, device="cpu")
    add_to_pack(tmp_path / "a.pack", supports=pairs(pictures, 2), kind="dent", weights=weights, device="cpu")
    pack = read_pack(tmp_path / "a.pack")
    assert [pack.content.path(entry) for entry in pack.content.supports] == [
        "support/defect/s0.png",
        "support/defect/s1.png",
        "support/dent/s2.png",
    ]
    assert Segmenter.load(pack, "cpu", weights=weights).predict(picture(7)).kinds == ("defect", "dent")
    with pytest.raises(InputError, match="holds the kinds defect, dent; say which") as error:
        add_to_pack(tmp_path / "a.pack", supports=[(picture(8), mask_of())], weights=weights, device="cpu")
    assert error.value.parameters == ("kind",)
    remove_from_pack(tmp_path / "a.pack", ["support/dent/s2.png"], weights=weights, device="cpu")
    assert read_pack(tmp_path / "a.pack").content.kinds == ()


def test_files_of_one_name_are_told_apart_and_keep_their_names(models, guidance, tmp_path):
    weights = models / "cues.safetensors"
    fit_pack(guidance, tmp_path / "a.pack", weights=weights, device="cpu")
    Image.fromarray(picture(20)).save(tmp_path / "s0.png")
    Image.fromarray(mask_of(5)).save(tmp_path / "s0-mask.png")
    add_to_pack(
        tmp_path / "a.pack",
        supports=[(tmp_path / "s0.png", tmp_path / "s0-mask.png")],
        weights=weights,
        device="cpu",
    )
    pack = read_pack(tmp_path / "a.pack")
    assert [entry.name for entry in pack.content.supports] == ["s0-2.png", "s0.png", "s1.png"]
    assert pack.image(pack.content.supports[1]).data == (guidance / "support/s0.png").read_bytes()
    assert pack.content.history[-1].what == "added support/s0-2.png"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path, folder: add_to_pack(path), "nothing to add"),
        (
            lambda path, folder: add_to_pack(
                path, backgrounds=[folder / "s0.png"], weights=folder / "cues.safetensors"
            ),
            "a background must show no",
        ),
        (lambda path, folder: add_to_pack(path, supports=pairs(folder, 0)), r"s0\.png: the same image as s0"),
        (lambda path, folder: add_to_pack(path, backgrounds=goods(folder, 0)), r"b0\.jpg: the same image"),
        (lambda path, folder: add_to_pack(path, supports=[(picture(5), mask_of() * 0)]), "mask of support 0"),
        (lambda path, folder: add_to_pack(path, supports=[(picture(5), mask_of()[1:])]), "mask of support 0"),
        (
            lambda path, folder: add_to_pack(path, supports=pairs(folder, 1), kind="a/b"),
            "no name of a folder",
        ),
        (lambda path, folder: add_to_pack(path, supports=pairs(folder, 9)), r"s9\.png: no such file"),
        (lambda path, folder: remove_from_pack(path, []), "nothing to remove"),
        (lambda path, folder: remove_from_pack(path, ["s0.png"]), "no support would be left"),
        (lambda path, folder: remove_from_pack(path, ["b0.jpg"]), "no good image would be left"),
        (lambda path, folder: remove_from_pack(path, ["s0_mask.png"]), r"the mask of support/s0\.png"),
        (
            lambda path, folder: remove_from_pack(path, ["x.png"]),
            r"no image of .*, which holds support/s0\.png, background/b0\.jpg",
        ),
        (lambda path, folder: refit_pack(path), "do not ship; say where they are"),
        (lambda path, folder: refit_pack(path.with_name("gone.pack")), "no such file"),
        (lambda path, folder: refit_pack(folder / "s0.png"), "a pack that obftnet wrote is wanted"),
        (lambda path, folder: refit_pack(folder), "folder"),
    ],
)
def test_what_cannot_be_leaves_the_pack_as_it_was(change, says, models, pictures, tmp_path):
    path = tmp_path / "a.pack"
    weights = models / "cues.safetensors"
    shutil.copy(weights, pictures)
    Segmenter.from_pretrained(weights, "cpu").fit(pairs(pictures, 0), goods(pictures, 0)).save(path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(InputError, match=says) as error:
        change(path, pictures)
    assert "\n" not in str(error.value)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_name_that_several_images_have_must_be_said_whole(models, tmp_path):
    weights = models / "cues.safetensors"
    supports = {kind: [(picture(index), mask_of())] for index, kind in enumerate(("a", "b"))}
    Image.fromarray(picture(1)).save(tmp_path / "one.png")
    supports["a"].append((tmp_path / "one.png", mask_of(4)))
    supports["b"].append((tmp_path / "one.png", mask_of(40)))
    Segmenter.from_pretrained(weights, "cpu").fit(supports, [picture(3)]).save(tmp_path / "a.pack")
    with pytest.raises(
        InputError, match=r"one\.png: several images .*support/a/one\.png, support/b/one\.png"
    ):
        remove_from_pack(tmp_path / "a.pack", ["one.png"], weights=weights, device="cpu")
    pack = remove_from_pack(tmp_path / "a.pack", ["support/b/one.png"], weights=weights, device="cpu")
    assert [pack.content.path(entry) for entry in pack.content.supports][:2] == [
        "support/a/one.png",
        "support/a/support 0 of a.png",
    ]


def test_other_weights_are_fitted_and_stand_in_the_history(models, guidance, tmp_path):
    path = tmp_path / "a.pack"
    fit(guidance, models / "cues.safetensors").save(path)
    refit_pack(path, weights=models / "other.safetensors", device="cpu")
    assert "fitted again, by the weights other.safetensors (" in read_pack(path).content.history[-1].what
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(path, models / "other.safetensors")
    wanted = fit(guidance, models / "other.safetensors").predict(picture(7, 80, 120)).score
    np.testing.assert_array_equal(found, wanted)


def test_a_calibration_goes_with_the_scores_it_is_of(models, guidance, pictures, tmp_path):
    weights, path = models / "cues.safetensors", tmp_path / "a.pack"
    fit(guidance, weights).save(path)
    edit_pack(path, lambda said: said.model_copy(update={"calibration": {"alarms": 0.01}}), "calibrated")
    assert read_pack(path).content.calibration == {"alarms": 0.01}
    assert [event.what for event in read_pack(path).content.history][-1] == "calibrated"
    segmenter = Segmenter.load(path, "cpu", weights=weights)
    assert segmenter.save(tmp_path / "same.pack").content.calibration == {"alarms": 0.01}
    segmenter.threshold = 0.7
    assert segmenter.save(tmp_path / "other.pack").content.calibration is None
    with pytest.warns(InputWarning, match="fitted with other weights"):
        other = Segmenter.load(path, "cpu", weights=models / "other.safetensors")
    assert other.save(tmp_path / "third.pack").content.calibration is None
    with pytest.warns(InputWarning, match="its calibration is gone"):
        add_to_pack(path, backgrounds=goods(pictures, 2), weights=weights, device="cpu")
    assert read_pack(path).content.calibration is None


def test_what_was_fitted_may_be_damaged_where_it_is_fitted_again(models, guidance, tmp_path):
    weights, path = models / "cues.safetensors", tmp_path / "a.pack"
    fit(guidance, weights).save(path)
    want = score(path, weights)
    data = bytearray(path.read_bytes())
    place = bytes(data).index(read_pack(path).fitted["supports/0"].tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="what was fitted is not as it was written"):
        read_pack(path)
    refit_pack(path, weights=weights, device="cpu")
    np.testing.assert_array_equal(score(path, weights), want)


def test_two_that_change_one_pack_do_not_mix(models, guidance, pictures, tmp_path):
    weights, path = models / "cues.safetensors", tmp_path / "a.pack"
    fit(guidance, weights).save(path)
    with exclusive(tmp_path, path.stem), pytest.raises(InputError, match="another process is writing"):
        add_to_pack(path, backgrounds=goods(pictures, 2), weights=weights, device="cpu")
    assert len(read_pack(path).content.history) == 1
    said: list[str] = []

    def add(number: int) -> None:
        try:
            add_to_pack(path, supports=[(picture(30 + number), mask_of())], weights=weights, device="cpu")
        except InputError as error:
            said.append(str(error))

    threads = [threading.Thread(target=add, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("another process is writing" in line for line in said)
    assert len(read_pack(path).content.history) == 1 + 3 - len(said)
    assert len(read_pack(path).content.supports) == 2 + 3 - len(said)


def test_a_reader_sees_the_old_pack_or_the_new_one(models, guidance, tmp_path):
    """Killed at any moment, a change leaves a whole pack."""
    weights, path = models / "cues.safetensors", tmp_path / "a.pack"
    fit(guidance, weights).save(path)
    code = (
        "import sys; from obftnet.packs import edit_pack as e\nwhile True: e(sys.argv[1], lambda c: c, 'x')"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stderr=subprocess.DEVNULL) as process:
        seen = {len(read_pack(path).content.history) for _ in range(40)}
        process.kill()
    assert len(read_pack(path).content.history) >= max(seen)


def test_what_a_pack_holds_is_said(models, guidance, tmp_path):
    segmenter = fit(guidance, models / "cues.safetensors", tile=64)
    segmenter.scale = 12.5
    segmenter.save(tmp_path / "a.pack", who="Ada", what="made")
    lines = describe(read_pack(tmp_path / "a.pack", fitted=False))
    text = "\n".join(lines)
    for part in (
        "cues.safetensors, SHA-256 ",
        "in tiles of 64 pixels",
        "12.5 pixels a millimetre",
        "above 0.5",
        "70 x 90  400 pixels marked",
        "100 x 64",
        "Ada, obftnet ",
        ": made",
    ):
        assert part in text
    assert [line.split()[0] for line in lines if line.startswith(("support/", "background/"))] == [
        "support/s0.png",
        "support/s1.png",
        "background/b0.jpg",
        "background/b1.jpg",
    ]
