import csv
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.data import LAYOUTS, Collection, Sample, read_guidance, read_layout
from obftnet.errors import InputError


def picture(path: Path, value: int = 90, size: tuple[int, int] = (12, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).save(path)
    return path


def mask_file(path: Path, size: tuple[int, int] = (12, 20), value: int = 255) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(size, np.uint8)
    pixels[2:4, 3:6] = value
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def mvtec(tmp_path):
    """A material with three defect images of two kinds and three good ones, another with good ones only."""
    root = tmp_path / "root"
    for stem in ("000", "001"):
        picture(root / "cloth" / "train" / "good" / f"{stem}.png")
        picture(root / "plain" / "train" / "good" / f"{stem}.jpg")
        picture(root / "cloth" / "test" / "hole" / f"{stem}.png")
        mask_file(root / "cloth" / "ground_truth" / "hole" / f"{stem}_mask.png")
    picture(root / "cloth" / "test" / "good" / "000.png")
    picture(root / "cloth" / "test" / "cut" / "000.png")
    mask_file(root / "cloth" / "ground_truth" / "cut" / "000_mask.png")
    (root / "readme.txt").write_text("not a material")
    (root / "pictures").mkdir()
    return root


def test_mvtec(mvtec):
    collection = read_layout("mvtec", mvtec)
    assert collection.materials == ("cloth", "plain")
    assert collection.kinds("cloth") == ("cut", "hole")
    assert collection.kinds("plain") == ()
    names = [collection.relative(sample.image) for sample in collection.good("cloth")]
    assert names == ["cloth/test/good/000.png", "cloth/train/good/000.png", "cloth/train/good/001.png"]
    sample = collection.defects("cloth", "hole")[1]
    assert sample.mask == mvtec / "cloth" / "ground_truth" / "hole" / "001_mask.png"
    assert sample.load_image().shape == (12, 20, 3)
    assert sample.load_mask().sum() == 6
    good = collection.good("plain")[0]
    assert good.load_mask().shape == (12, 20)
    assert not good.load_mask().any()
    assert len({s.group for s in collection.samples}) == len(collection.samples) == 8
    assert collection.defects("cloth", "good") == ()
    assert collection.defects("cloth", "rust") == ()
    with pytest.raises(InputError, match=r"no material 'wood'; there are: cloth, plain"):
        collection.kinds("wood")


def test_select(mvtec):
    collection = read_layout("mvtec", mvtec).select(["plain"])
    assert collection.materials == ("plain",)
    with pytest.raises(InputError, match="cloth"):
        collection.good("cloth")
    with pytest.raises(InputError, match="'silk'"):
        collection.select(["silk"])


def test_order_is_of_names_only(mvtec):
    samples = read_layout("mvtec", mvtec).samples
    assert Collection(mvtec, "mvtec", samples[::-1]).samples == samples


def write_manifest(root, rows, header="material,kind,image,group"):
    (root / "manifest.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def all_images(root):
    return sorted(
        path.relative_to(root).as_posix() for path in root.rglob("*.*g") if "ground_truth" not in path.parts
    )


def test_manifest_gives_groups(mvtec):
    write_manifest(mvtec, [f"m,k,{name},{Path(name).stem}" for name in all_images(mvtec)])
    collection = read_layout("mvtec", mvtec)
    assert {sample.group for sample in collection.samples} == {"000", "001"}
    assert list(collection.groups("cloth", "good")) == ["000", "001"]
    assert len(collection.groups("cloth", "good")["000"]) == 2


def test_manifest_may_list_materials_that_are_not_there(mvtec):
    write_manifest(mvtec, [*(f"m,k,{name},g" for name in all_images(mvtec)), "m,k,silk/test/hole/0.png,g"])
    assert len(read_layout("mvtec", mvtec).samples) == 8


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[1:], r"cut/000\.png: not in .*manifest\.csv"),
        (lambda rows: [*rows, "m,k,cloth/test/hole/009.png,g"], r"csv: cloth/test/hole/009\.png is listed"),
        (lambda rows: [*rows, rows[0]], r"manifest\.csv: .*twice"),
    ],
)
def test_manifest_that_does_not_fit(mvtec, change, says):
    write_manifest(mvtec, change([f"m,k,{name},g" for name in all_images(mvtec)]))
    with pytest.raises(InputError, match=says):
        read_layout("mvtec", mvtec)


def test_manifest_without_its_columns_or_not_text(mvtec):
    write_manifest(mvtec, [], header="image,material")
    with pytest.raises(InputError, match=r"manifest\.csv: no column 'group' among image, material"):
        read_layout("mvtec", mvtec)
    (mvtec / "manifest.csv").write_bytes(b"\xff\xfe\x00image")
    with pytest.raises(InputError, match=r"manifest\.csv: cannot be read as UTF-8"):
        read_layout("mvtec", mvtec)
    (mvtec / "manifest.csv").write_bytes(b"")
    with pytest.raises(InputError, match=r"manifest\.csv: the file is empty"):
        read_layout("mvtec", mvtec)


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (
            lambda truth, test: (truth / "hole" / "001_mask.png").unlink(),
            r"test/hole/001\.png: no mask; .*ground_truth/hole/001_mask\.png is wanted",
        ),
        (lambda truth, test: (test / "hole" / "001.png").unlink(), r"001_mask\.png: a mask without an image"),
        (lambda truth, test: mask_file(truth / "dent" / "000_mask.png"), r"dent/000_mask\.png: a mask"),
        (lambda truth, test: mask_file(truth / "hole" / "odd.png"), r"odd\.png: a mask without an image"),
        (lambda truth, test: picture(test / "hole" / "001.jpg"), r"001\.png: the same stem as .*001\.jpg"),
        (
            lambda truth, test: mask_file(truth / "hole" / "001_mask.png", (20, 12)),
            r"001_mask\.png: a mask of 12 x 20 pixels, but .*hole/001\.png has 20 x 12",
        ),
        (lambda truth, test: (truth / "hole" / "001_mask.png").write_bytes(b""), r"001_mask\.png: .*empty"),
    ],
)
def test_masks_that_do_not_match(mvtec, break_it, says):
    break_it(mvtec / "cloth" / "ground_truth", mvtec / "cloth" / "test")
    with pytest.raises(InputError, match=says) as caught:
        read_layout("mvtec", mvtec)
    assert "\n" not in str(caught.value)


def lead_nowhere(path: Path) -> None:
    """A link to nothing in place of what was there."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to("nothing")


@pytest.mark.parametrize(
    ("put", "says"),
    [
        (lambda cloth: lead_nowhere(cloth / "train" / "good" / "000.png"), r"000\.png: "),
        (lambda cloth: lead_nowhere(cloth / "train" / "good"), r"train/good: a link to nothing"),
        (lambda cloth: lead_nowhere(cloth / "test" / "hole"), r"test/hole: a link to nothing"),
        (lambda cloth: lead_nowhere(cloth / "ground_truth"), r"ground_truth: a link to nothing"),
        (lambda cloth: lead_nowhere(cloth), r"cloth: a link to nothing"),
        (lambda cloth: (cloth.parent / "manifest.csv").symlink_to("nothing"), r"manifest\.csv: "),
        (lambda cloth: (cloth / "train" / "good" / "002.png").mkdir(), r"002\.png: is a folder"),
        (lambda cloth: (cloth / "test" / "hole" / "002.PNG").mkdir(), r"002\.PNG: is a folder"),
        (lambda cloth: os.mkfifo(cloth / "test" / "hole" / "002.jpg"), r"002\.jpg: not a regular file"),
        (
            lambda cloth: os.mkfifo(cloth / "ground_truth" / "hole" / "002.png"),
            r"002\.png: not a regular file",
        ),
        (lambda cloth: picture(cloth / "test" / "hole" / os.fsdecode(b"\xff.png")), "not UTF-8"),
        (lambda cloth: cloth.rename(cloth.parent / os.fsdecode(b"cl\xff")), "not UTF-8"),
    ],
)
def test_nothing_is_left_out_in_silence(mvtec, put, says):
    put(mvtec / "cloth")
    shutil.copytree(mvtec / "plain", mvtec / "more")
    for mask in (mvtec / "cloth" / "test" / "hole").glob("*\udcff.png"):
        mask_file(mvtec / "cloth" / "ground_truth" / "hole" / f"{mask.stem}_mask.png")
    with pytest.raises(InputError, match=says):
        read_layout("mvtec", mvtec)


def test_hidden_files_and_what_is_no_image_are_left_out(mvtec):
    good = mvtec / "cloth" / "train" / "good"
    (good / ".trash.png").mkdir()
    (good / "notes.txt").symlink_to("nothing")
    (good / "more").mkdir()
    assert len(read_layout("mvtec", mvtec).samples) == 8


def test_the_content_of_samples_is_that_of_their_files_and_of_what_is_said_of_them(mvtec, tmp_path):
    """Equal for a copy elsewhere; another for another pixel, mask or group, sizes being equal."""

    def content(root: Path, **options: bool) -> str:
        collection = read_layout("mvtec", root)
        return collection.content(collection.samples, **options)

    expected, of_images = content(mvtec), content(mvtec, masks=False)
    copy = tmp_path / "copy"
    shutil.copytree(mvtec, copy)
    assert content(copy) == expected
    mask = copy / "cloth" / "ground_truth" / "hole" / "000_mask.png"
    mask_file(mask, value=254)
    assert content(copy) != expected
    assert content(copy, masks=False) == of_images
    mask_file(mask)
    assert content(copy) == expected
    picture(copy / "cloth" / "train" / "good" / "000.png", 91)
    assert content(copy, masks=False) != of_images
    picture(copy / "cloth" / "train" / "good" / "000.png")
    write_manifest(copy, [f"m,k,{name},g" for name in all_images(copy)])
    assert content(copy) != expected
    collection = read_layout("mvtec", mvtec)
    assert collection.content(collection.samples[::-1]) == expected
    assert collection.content(collection.samples[1:]) != expected


def test_pixels_are_checked_when_loaded(mvtec):
    mask = mvtec / "cloth" / "ground_truth" / "hole" / "001_mask.png"
    Image.fromarray(np.arange(240, dtype=np.uint8).reshape(12, 20)).save(mask)
    sample = read_layout("mvtec", mvtec).defects("cloth", "hole")[1]
    with pytest.raises(InputError, match=r"001_mask\.png: 240 grey values.*hole/001\.png"):
        sample.load_mask()


def test_roots_that_are_none(mvtec, tmp_path):
    with pytest.raises(InputError, match=r"cloth: is one material; pass its parent .*root"):
        read_layout("mvtec", mvtec / "cloth")
    with pytest.raises(InputError, match="no material in it"):
        read_layout("mvtec", mvtec / "pictures")
    with pytest.raises(InputError, match="no such folder"):
        read_layout("mvtec", tmp_path / "nowhere")
    with pytest.raises(InputError, match="is a file"):
        read_layout("mvtec", mvtec / "readme.txt")
    (tmp_path / "hollow" / "cloth" / "train").mkdir(parents=True)
    with pytest.raises(InputError, match="no image in any"):
        read_layout("mvtec", tmp_path / "hollow")
    with pytest.raises(InputError, match=f"unknown layout 'coco'; there are: {', '.join(LAYOUTS)}"):
        read_layout("coco", mvtec)


def test_good_means_no_mask():
    with pytest.raises(ValueError, match="only good samples have none"):
        Sample("m", "good", Path("i"), Path("m"), "g")
    with pytest.raises(ValueError, match="only good samples have none"):
        Sample("m", "hole", Path("i"), None, "g")


@pytest.fixture
def neu(tmp_path):
    labels = np.zeros((12, 20), np.uint8)
    labels[2:4, 3:6], labels[7:9, 1:9] = 1, 3
    for stem, values in (("000001", labels), ("000002", np.where(labels == 1, 2, 0).astype(np.uint8))):
        picture(tmp_path / "images" / "test" / f"{stem}.jpg")
        path = tmp_path / "annotations" / "test" / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    return tmp_path


def test_neu_seg_one_sample_a_kind(neu):
    collection = read_layout("neu_seg", neu)
    assert [(s.kind, s.group, s.mask_value) for s in collection.samples] == [
        ("inclusion", "000001", 1),
        ("patches", "000002", 2),
        ("scratches", "000001", 3),
    ]
    inclusion, _, scratches = collection.samples
    assert inclusion.load_mask().sum() == 6
    assert scratches.load_mask().sum() == 16
    np.testing.assert_array_equal(inclusion.load_defects(), inclusion.load_mask() | scratches.load_mask())


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda images, truth: mask_file(truth / "000002.png", value=4), r"000002\.png: value 4"),
        (lambda images, truth: (truth / "000002.png").unlink(), r"000002\.jpg: no annotation"),
        (lambda images, truth: (images / "000002.jpg").unlink(), r"000002\.png: no image"),
        (lambda images, truth: picture(images / "000002.png"), r"000002\.png: the same stem as .*2\.jpg"),
        (lambda images, truth: mask_file(truth / "000002.bmp", value=1), r"000002\.png: the same stem"),
        (lambda images, truth: (images / "000003.png").mkdir(), r"000003\.png: is a folder"),
        (lambda images, truth: lead_nowhere(truth / "000002.png"), r"000002\.png: "),
        (lambda images, truth: mask_file(truth / "000002.png", (9, 9), 1), r"000002\.png.*000002\.jpg"),
        (lambda images, truth: images.rename(images.parent / "train"), "no folder images/test"),
        (lambda images, truth: [path.unlink() for path in images.iterdir()], "no image in it"),
        (lambda images, truth: [mask_file(path, value=0) for path in truth.iterdir()], "no annotation marks"),
    ],
)
def test_neu_seg_errors(neu, break_it, says):
    break_it(neu / "images" / "test", neu / "annotations" / "test")
    with pytest.raises(InputError, match=says):
        read_layout("neu_seg", neu)


@pytest.fixture
def guidance(tmp_path):
    for stem in ("b", "a"):
        picture(tmp_path / "support" / f"{stem}.jpg")
        mask_file(tmp_path / "support" / f"{stem}_mask.png")
        picture(tmp_path / "background" / f"{stem}.png")
    return tmp_path


def test_guidance(guidance):
    found = read_guidance(guidance)
    support = guidance / "support"
    assert found.supports == (
        (support / "a.jpg", support / "a_mask.png"),
        (support / "b.jpg", support / "b_mask.png"),
    )
    assert [path.name for path in found.backgrounds] == ["a.png", "b.png"]


@pytest.mark.parametrize("name", ["a-mask.png", "a_gt.png", "a_MASK.bmp", "a_label.png", "a_masks.tif"])
def test_masks_of_guidance_go_by_the_names_that_tools_give_them(guidance, name):
    support = guidance / "support"
    (support / "a_mask.png").unlink()
    mask_file(support / name)
    assert read_guidance(guidance).supports[0] == (support / "a.jpg", support / name)


def test_an_image_that_is_named_as_a_mask_is_one_where_it_has_a_mask(guidance):
    support = guidance / "support"
    picture(support / "part_label.jpg")
    mask_file(support / "part_label_mask.png")
    assert (support / "part_label.jpg", support / "part_label_mask.png") in read_guidance(guidance).supports


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda g: (g / "support").rename(g / "supports"), "no folder support"),
        (lambda g: empty(g / "support"), "no support image"),
        (
            lambda g: (g / "support" / "a_mask.png").unlink(),
            r"a\.jpg: no mask; .*support/a_mask\.png is wanted",
        ),
        (lambda g: (g / "support" / "a.jpg").unlink(), r"a_mask\.png: a mask without an image"),
        (lambda g: mask_file(g / "support" / "a_mask.png", (5, 5)), r"a_mask\.png: .*a\.jpg has 20 x 12"),
        (
            lambda g: mask_file(g / "support" / "a_gt.png"),
            r"a_mask\.png: a second mask of a\.jpg, beside a_gt",
        ),
        (
            lambda g: mask_file(g / "support" / "a_mask_gt.png"),
            r"a_mask\.png: named as the mask of a\.jpg, and has a mask itself",
        ),
        (
            lambda g: (g / "support" / "a_mask.png").rename(g / "support" / "a.json"),
            r"a\.jpg: no mask; outlines in JSON \(a\.json.*export them as an image .*a_mask\.png",
        ),
        (lambda g: (g / "background").rename(g / "backgrounds"), "no background image"),
        (lambda g: empty(g / "background"), "no background image"),
    ],
)
def test_guidance_errors(guidance, break_it, says):
    break_it(guidance)
    with pytest.raises(InputError, match=says) as caught:
        read_guidance(guidance)
    assert "\n" not in str(caught.value)


def test_guidance_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read_guidance(tmp_path / "none")
    with pytest.raises(InputError, match="is a file"):
        read_guidance(picture(tmp_path / "a.png"))


def test_the_real_textures_agree_with_their_manifest(shared):
    root = shared / "data" / "textures"
    with (root / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    collection = read_layout("mvtec", root)
    assert Counter((s.material, s.kind) for s in collection.samples) == Counter(
        (row["material"], row["kind"]) for row in rows
    )
    expected = {row["image"]: (row["material"], row["kind"], row["mask"], row["group"]) for row in rows}
    for s in collection.samples:
        mask = "" if s.mask is None else collection.relative(s.mask)
        assert expected[collection.relative(s.image)] == (s.material, s.kind, mask, s.group)


def test_real_masks_cover_what_the_manifest_says(shared):
    root = shared / "data" / "textures"
    with (root / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["mask"]]
    collection = read_layout("mvtec", root)
    for row in rows[::13]:
        sample = collection.find(row["image"], row["kind"])
        mask = sample.load_mask()
        assert mask.shape == (int(row["height"]), int(row["width"])) == sample.load_image().shape[:2]
        assert mask.mean() == pytest.approx(float(row["defect_fraction"]), rel=0.02, abs=2e-5)


def test_the_real_neu_seg(shared):
    """Counted from the annotations by hand: 207 + 79 + 73 + 5 images hold inclusion, and so on."""
    collection = read_layout("neu_seg", shared / "data" / "neu_seg")
    assert collection.materials == ("steel",)
    counts = {kind: len(collection.defects("steel", kind)) for kind in collection.kinds("steel")}
    assert counts == {"inclusion": 364, "patches": 360, "scratches": 353}
    assert len({s.group for s in collection.samples}) == 840
    assert all(s.load_mask().any() for s in collection.samples[::97])


@pytest.fixture
def kinds(tmp_path):
    """Two kinds, the first with two supports."""
    for place in ("cut/b", "cut/a", "dent/a"):
        picture(tmp_path / "support" / f"{place}.jpg")
        mask_file(tmp_path / "support" / f"{place}_mask.png")
    picture(tmp_path / "background" / "good.png")
    return tmp_path


def test_guidance_of_several_kinds(kinds):
    found, support = read_guidance(kinds), kinds / "support"
    pairs = {
        "cut": tuple((support / f"cut/{stem}.jpg", support / f"cut/{stem}_mask.png") for stem in "ab"),
        "dent": ((support / "dent/a.jpg", support / "dent/a_mask.png"),),
    }
    assert found.by_kind == pairs
    assert found.supports == (*pairs["cut"], *pairs["dent"])
    assert found.kinds == ("cut", "cut", "dent")
    assert found.support_names == ("cut/a.jpg", "cut/b.jpg", "dent/a.jpg")
    first = found.first(1)
    assert first.by_kind == {"cut": pairs["cut"][:1], "dent": pairs["dent"]}


def test_a_flat_folder_is_of_one_kind(guidance):
    found = read_guidance(guidance)
    assert found.kinds == ()
    assert found.by_kind == {"defect": found.supports}
    assert found.support_names == ("a.jpg", "b.jpg")
    assert found.first(1).supports == found.supports[:1]


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda g: picture(g / "support" / "c.jpg"), "images beside the folder cut; put the images of each"),
        (lambda g: (g / "support" / "empty").mkdir(), "support/empty: no support image in it"),
        (lambda g: (g / "support" / "cut" / "a_mask.png").unlink(), "cut/a.jpg: no mask; .*cut/a_mask.png"),
        (lambda g: (g / "support" / "dent").rename(g / "support" / "a\tb"), r"kind of defect 'a\\tb'"),
    ],
)
def test_kinds_that_are_none(kinds, break_it, says):
    break_it(kinds)
    with pytest.raises(InputError, match=says) as caught:
        read_guidance(kinds)
    assert "\n" not in str(caught.value)
    assert str(kinds) in str(caught.value)
