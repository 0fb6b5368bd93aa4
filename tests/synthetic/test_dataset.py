import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.errors import InputError
from obftnet.synthetic import material_at, write_dataset
from obftnet.synthetic.dataset import side_of

SMALL = {"size": 48, "kinds": 2, "defective_per_kind": 2, "good": 2}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_layout_and_manifest_agree(tmp_path):
    seen = []
    write_dataset(tmp_path, 3, 5, progress=lambda done, total: seen.append((done, total)), **SMALL)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    table = rows(tmp_path)
    assert list(table[0]) == [
        "material",
        "kind",
        "image",
        "mask",
        "width",
        "height",
        "defect_fraction",
        "group",
    ]
    assert len(table) == 3 * (2 + 2 * 2)
    assert len({row["group"] for row in table}) == len(table)
    for row in table:
        assert re.fullmatch(r"[a-z_]+_\d{5}", row["material"])
        number = Path(row["image"]).stem
        with Image.open(tmp_path / row["image"]) as image:
            assert image.mode == "RGB"
            assert image.size == (int(row["width"]), int(row["height"])) == (48, 48)
        if row["kind"] == "good":
            assert row["image"] == f"{row['material']}/train/good/{number}.png"
            assert row["mask"] == ""
            assert float(row["defect_fraction"]) == 0
            continue
        assert row["image"] == f"{row['material']}/test/{row['kind']}/{number}.png"
        assert row["mask"] == f"{row['material']}/ground_truth/{row['kind']}/{number}_mask.png"
        with Image.open(tmp_path / row["mask"]) as image:
            assert image.mode == "L"
            mask = np.asarray(image)
        assert set(np.unique(mask)) == {0, 255}
        assert float(row["defect_fraction"]) == pytest.approx((mask > 0).mean(), abs=1e-6)
    written = {name for name in contents(tmp_path) if not name.endswith(("manifest.csv", "made.json"))}
    assert written == {row["image"] for row in table} | {row["mask"] for row in table if row["mask"]}


def test_ranges_add_up_to_the_whole_and_finished_materials_are_kept(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    write_dataset(whole, 3, 8, **SMALL)
    write_dataset(parts, 2, 8, start=1, **SMALL)
    kept = next(p for p in parts.iterdir() if p.is_dir())
    stamp = kept.stat().st_mtime_ns
    (parts / ".half_00000.1").mkdir()  # what a killed run leaves behind
    write_dataset(parts, 3, 8, **SMALL)
    (parts / ".half_00000.1").rmdir()
    assert kept.stat().st_mtime_ns == stamp
    assert contents(parts) == contents(whole)


def test_an_interrupted_material_leaves_no_folder(tmp_path, monkeypatch):
    from obftnet.synthetic import dataset

    def full(path: Path, mask: np.ndarray) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(dataset, "_save_mask", full)
    with pytest.raises(InputError, match="no space left"):
        write_dataset(tmp_path, 1, 0, **SMALL)
    material = material_at(0, 0)
    assert not (tmp_path / f"{material.family}_00000").exists()
    monkeypatch.undo()
    write_dataset(tmp_path, 1, 0, **SMALL)
    assert len(rows(tmp_path)) == 6
    assert not list(tmp_path.glob(f".{material.family}*"))


def test_workers_write_the_same_files(tmp_path):
    write_dataset(tmp_path / "one", 3, 2, **SMALL)
    write_dataset(tmp_path / "two", 3, 2, workers=2, **SMALL)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_each_material_has_a_side_of_its_own_between_the_bounds(tmp_path):
    sides = [side_of(4, index, 64, 512) for index in range(300)]
    assert sides == [side_of(4, index, 64, 512) for index in range(300)]
    assert sides != [side_of(5, index, 64, 512) for index in range(300)]
    assert 64 <= min(sides) < 80
    assert 448 < max(sides) <= 512
    assert all(side % 8 == 0 for side in sides)
    # Uniform in the logarithm: half lie below the geometric mean.
    assert np.median(sides) == pytest.approx(181, rel=0.2)
    assert {side_of(4, index, 64, None) for index in range(9)} == {64}
    assert 50 <= side_of(4, 0, 50, 53) <= 53

    write_dataset(tmp_path, 4, 4, **{**SMALL, "largest": 96})
    by_material = {row["material"]: set() for row in rows(tmp_path)}
    for row in rows(tmp_path):
        by_material[row["material"]].add((int(row["width"]), int(row["height"])))
    assert all(len(found) == 1 for found in by_material.values())
    wanted = {(side_of(4, index, 48, 96),) * 2 for index in range(4)}
    assert set.union(*by_material.values()) == wanted
    assert len(wanted) > 1


def test_largest_is_not_below_the_size(tmp_path):
    with pytest.raises(ValueError, match="largest is 32, expected the size, 48, or more"):
        write_dataset(tmp_path / "out", 1, 0, largest=32, **SMALL)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["materials", "size", "kinds", "defective_per_kind", "good", "workers"])
def test_counts_are_checked_before_anything_is_written(tmp_path, name):
    arguments = {"materials": 1, **SMALL, name: 0}
    with pytest.raises(ValueError, match=f"^{name} is 0, expected"):
        write_dataset(tmp_path / "out", arguments.pop("materials"), 0, **arguments)
    assert not (tmp_path / "out").exists()


TINY = {"size": 32, "kinds": 1, "defective_per_kind": 2, "good": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"size": 40},
        {"largest": 48},
        {"kinds": 2},
        {"defective_per_kind": 3},
        {"good": 2},
        {"distractors": False},
        {"seed": 1},
    ],
)
def test_materials_of_other_settings_are_not_mixed_in(tmp_path, change):
    write_dataset(tmp_path, 1, seed=0, **TINY)
    before = contents(tmp_path)
    (name,) = change
    with pytest.raises(InputError, match=f"made with {name} .*, now .* is asked for"):
        write_dataset(tmp_path, 2, **{"seed": 0, **TINY, **change})
    assert contents(tmp_path) == before


@pytest.mark.parametrize("how", ["cut", "gone", "more", "other"])
def test_a_material_that_changed_since_it_was_made_is_named(tmp_path, how):
    write_dataset(tmp_path, 1, 0, **TINY)
    image = next(tmp_path.rglob("good/000.png"))
    if how == "cut":
        image.write_bytes(image.read_bytes()[:-20])
    elif how == "gone":
        image.unlink()
    elif how == "more":
        shutil.copyfile(image, image.with_name("001.png"))
    else:
        Image.open(image).transpose(Image.Transpose.ROTATE_180).save(image)
    with pytest.raises(InputError, match="changed since it was made"):
        write_dataset(tmp_path, 1, 0, **TINY)


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", "{}", '{"settings": 3, "sha256": ""}', "[" * 100_000]
)
def test_a_material_that_does_not_say_how_it_was_made_is_named(tmp_path, content):
    write_dataset(tmp_path, 1, 0, **TINY)
    made = next(tmp_path.rglob("made.json"))
    made.unlink()
    if content is not None:
        made.write_text(content)
    with pytest.raises(InputError, match=str(made.parent)):
        write_dataset(tmp_path, 1, 0, **TINY)
