import shutil

import numpy as np
import pytest
from PIL import Image

from obftnet.data import read_layout
from obftnet.errors import InputError
from obftnet.protocols import BACKGROUNDS, Count, DataProtocol, check, counts, read_protocol
from obftnet.protocols.check import material_hash


@pytest.fixture
def folder(tmp_path):
    """One material in MVTec AD's layout: two cracks and one good image of 8 x 6 pixels."""
    for path in ("test/crack/a.png", "test/crack/b.png", "train/good/c.png"):
        file = tmp_path / "slate" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 8), 100, np.uint8)).save(file)
    for name in "ab":
        mask = tmp_path / "slate" / "ground_truth" / "crack" / f"{name}_mask.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(6, 8, dtype=np.uint8) * 255).save(mask)
    return tmp_path


def protocol(**facts):
    sound = {"kinds": {"crack": 2, "good": 1}, "size": (8, 6)}
    return DataProtocol(
        about="a",
        source="s",
        layout="mvtec",
        background_source="good",
        folds={"slate": ("slate",)},
        materials={"slate": sound | facts},
    )


def differences(wanted, folder):
    return [(f.what, f.wanted, f.found) for f in check(wanted, read_layout("mvtec", folder)) if not f.fits]


def test_what_is_as_wanted(folder):
    digest = material_hash(read_layout("mvtec", folder), "slate")
    findings = check(protocol(sha256=digest), read_layout("mvtec", folder))
    assert all(finding.fits for finding in findings)
    assert [finding.what for finding in findings] == ["crack", "good", "size", "sha256"]


def test_every_difference_is_found(folder):
    wanted = protocol(kinds={"crack": 3, "hole": 1, "good": 1}, size=(6, 8))
    assert differences(wanted, folder) == [
        ("crack", "3", "2"),
        ("hole", "1", "0"),
        ("size", "6 x 8", "8 x 6"),
    ]


def test_a_kind_too_many_is_found(folder):
    assert differences(protocol(kinds={"good": 1}), folder) == [("crack", "0", "2")]


def test_good_images_of_train_are_counted_apart(folder):
    shutil.copytree(folder / "slate/train/good", folder / "slate/test/good")
    wanted = protocol(kinds={"crack": 2, "good": 3}, backgrounds=1)
    assert differences(wanted, folder) == [("good", "3", "2")]
    found = counts(wanted, read_layout("mvtec", folder))
    assert found[-1] == Count("slate", BACKGROUNDS, 1, 1)


def test_a_missing_material_counts_nothing(folder):
    found = counts(read_protocol("mvtec_unseen"), read_layout("mvtec", folder))
    assert len(found) == 25 + 5 + 5
    assert {count.found for count in found} == {0}


def test_a_changed_mask_changes_the_hash(folder):
    digest = material_hash(read_layout("mvtec", folder), "slate")
    mask = folder / "slate" / "ground_truth" / "crack" / "a_mask.png"
    Image.fromarray(np.ones((6, 8), np.uint8) * 255).save(mask)
    assert [what for what, _, _ in differences(protocol(sha256=digest), folder)] == ["sha256"]


def test_the_hash_does_not_depend_on_where_the_folder_lies(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("moved") / "data"
    shutil.copytree(folder, other)
    hashes = {material_hash(read_layout("mvtec", root), "slate") for root in (folder, other)}
    assert len(hashes) == 1


def test_other_materials_do_no_harm_and_missing_ones_are_named(folder):
    collection = read_layout("mvtec", folder)
    shutil.copytree(folder / "slate", folder / "cork")
    assert differences(protocol(), folder) == []
    with pytest.raises(InputError, match="no carpet, leather, tile, wood, grid in it"):
        read_protocol("mvtec_unseen").folds_in(collection)
    assert check(read_protocol("mvtec_unseen"), collection)[0].found == "none"


@pytest.mark.parametrize(
    ("name", "data"),
    [("pool", "textures"), ("mvtec_partial", "mvtec_partial"), ("neu_seg_transfer", "neu_seg")],
)
def test_the_data_beside_the_checkout(name, data, shared):
    wanted = read_protocol(name)
    collection = read_layout(wanted.layout, shared / "data" / data)
    assert [finding for finding in check(wanted, collection) if not finding.fits] == []
