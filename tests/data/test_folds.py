import json
from pathlib import Path

import pytest

from obftnet.data import Collection, Sample, default_folds, read_folds, read_layout
from obftnet.errors import InputError

ROOT = Path("root")


def collection_of(*materials: str) -> Collection:
    return Collection(
        ROOT, "mvtec", tuple(Sample(m, "good", ROOT / m / "0.png", None, "0") for m in materials)
    )


def test_materials_with_a_numbered_prefix_fold_together():
    folds = default_folds(collection_of("fabric_00", "fabric_01", "wood", "steel_a", "wood_2", "x_1_2"))
    assert folds == {
        "fabric": ("fabric_00", "fabric_01"),
        "steel_a": ("steel_a",),
        "wood": ("wood", "wood_2"),
        "x_1": ("x_1_2",),
    }


def test_the_real_folds(shared):
    folds = default_folds(read_layout("mvtec", shared / "data" / "textures"))
    assert list(folds) == ["fabric", "leather", "magtile", "tile", "wood"]
    assert len(folds["fabric"]) == 7


def test_read_folds_keeps_the_order(tmp_path):
    path = tmp_path / "folds.json"
    path.write_text(json.dumps({"z": ["b"], "a": ["c", "a"]}))
    folds = read_folds(path, collection_of("a", "b", "c", "d"))
    assert list(folds.items()) == [("z", ("b",)), ("a", ("c", "a"))]


@pytest.mark.parametrize("name", ["[red]", "$\\frac$", "two words", "Gewölbe", "a.b", "%s{0}"])
def test_a_fold_may_have_any_name_that_a_file_may_have(tmp_path, name):
    path = tmp_path / "folds.json"
    path.write_text(json.dumps({name: ["a"]}))
    assert read_folds(path, collection_of("a")) == {name: ("a",)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("{", "not JSON"),
        ("[]", "no folds"),
        ("{}", "no folds"),
        ("3", "no folds"),
        ('["a"]', "no folds"),
        ('{"x": []}', "'x' is not a list of materials"),
        ('{"x": "a"}', "'x' is not a list of materials"),
        ('{"x": [1]}', "'x' is not a list of materials"),
        ('{"x": {"a": 1}}', "'x' is not a list of materials"),
        ('{"x": ["a", "silk"]}', "'silk', which root does not have; there are: a, b"),
        ('{"x": ["a"], "y": ["b", "a"]}', "'a' is in 'x' and 'y'"),
        ('{"x": ["a", "a"]}', "'a' is in 'x' and 'x'"),
        ('{"x": ["a"], "x": ["b"]}', "'x' stands in it twice"),
        ('{"../x": ["a"]}', r"fold '../x': files are called by it"),
        ('{"[/red]": ["a"]}', "files are called by it"),
        ('{"..": ["a"]}', "files are called by it"),
        ('{"": ["a"]}', "files are called by it"),
        ('{"x\\u0000": ["a"]}', r"fold 'x\\x00'"),
        ('{"x\\ny": ["a"]}', r"fold 'x\\ny'"),
        ('{"\\u001b[31m": ["a"]}', r"x1b"),
        ('{"\\ud800": ["a"]}', r"fold '\\ud800'"),
        (json.dumps({"x" * 300: ["a"]}), "files are called by it"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_folds_that_are_refused(tmp_path, text, says):
    path = tmp_path / "folds.json"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_folds(path, collection_of("a", "b"))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folds_missing(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_folds(tmp_path / "none.json", collection_of("a"))
