"""The truth of results: masks by name, folders by label, data sets; nothing is guessed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from obftnet.errors import InputError
from obftnet.imaging.write import write_png
from obftnet.reporting.truth import read_truth

SIZE = (48, 60)
BLACK = np.zeros(SIZE, bool)
MARK = np.zeros(SIZE, bool)
MARK[5:9, 5:9] = True


@pytest.fixture
def found(make):
    return make({"good/a": 0.1, "bad/b": 0.9, "bad/c": 0.2})


def entries(found):
    return found.record.images


def labels(truth) -> dict[str, tuple[bool, str]]:
    return {name: (label.defective, label.kind) for name, label in truth.labels.items()}


@pytest.mark.parametrize("ending", ["_mask", "-mask", "_gt", "_LABEL", ""])
def test_masks_by_name_and_a_black_one_is_good(found, tmp_path, ending):
    truth = tmp_path / "truth"
    write_png(truth / f"good/a{ending}.png", BLACK)
    write_png(truth / f"bad/b{ending}.png", MARK)
    write_png(truth / f"bad/nobody{ending}.png", MARK)
    read = read_truth(truth, entries(found), found.folder)
    assert (read.form, read.unused) == ("masks", 1)
    # Of c nobody says anything.
    assert labels(read) == {"good/a": (False, ""), "bad/b": (True, "")}
    entry = found.record.entries()["bad/b"]
    assert np.array_equal(read.labels["bad/b"].load(entry), MARK)
    assert read.labels["good/a"].load(entry) is None


def test_folders_by_label_by_the_content_of_the_images_wherever_they_lie(found, tmp_path):
    truth = tmp_path / "truth"
    for source, place in (("good/a", "good/other name"), ("bad/b", "scratch/b"), ("bad/c", "dent/c")):
        (truth / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found.photos / f"{source}.png", truth / f"{place}.png")
    write_png(truth / "scratch/b_mask.png", MARK)
    write_png(truth / "good/unseen.png", np.zeros(SIZE, np.uint8))
    read = read_truth(truth, entries(found), found.folder)
    assert (read.form, read.unused) == ("folders", 1)
    assert labels(read) == {"good/a": (False, ""), "bad/b": (True, "scratch"), "bad/c": (True, "dent")}
    assert np.array_equal(read.labels["bad/b"].load(found.record.entries()["bad/b"]), MARK)
    assert read.labels["bad/c"].load(found.record.entries()["bad/c"]) is None


def test_a_data_set_in_a_layout(found, tmp_path):
    material = tmp_path / "data/cork"
    for source, place in (
        ("good/a", "test/good/000"),
        ("bad/b", "test/dent/000"),
        ("bad/c", "test/dent/001"),
    ):
        (material / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found.photos / f"{source}.png", material / f"{place}.png")
    for name in ("000", "001"):
        write_png(material / f"ground_truth/dent/{name}_mask.png", MARK)
    read = read_truth(tmp_path / "data", entries(found), found.folder)
    assert (read.form, read.unused) == ("mvtec", 0)
    assert labels(read) == {"good/a": (False, ""), "bad/b": (True, "dent"), "bad/c": (True, "dent")}
    assert np.array_equal(read.labels["bad/c"].load(found.record.entries()["bad/c"]), MARK)
    with pytest.raises(InputError, match="pass its parent"):
        read_truth(material, entries(found), found.folder)


def test_an_image_of_two_kinds_has_both_and_both_marks(found, tmp_path):
    other = np.roll(MARK, 20, 1)
    for kind, mask in (("scratch", MARK), ("dent", other)):
        place = tmp_path / "truth" / kind
        place.mkdir(parents=True)
        shutil.copy(found.photos / "bad/b.png", place)
        write_png(place / "b_mask.png", mask)
    (tmp_path / "truth/good").mkdir()
    label = read_truth(tmp_path / "truth", entries(found), found.folder).labels["bad/b"]
    assert label.kind == "dent, scratch"
    assert np.array_equal(label.load(found.record.entries()["bad/b"]), MARK | other)


def two_truths(truth: Path, photos: Path) -> None:
    for kind in ("good", "scratch"):
        (truth / kind).mkdir(parents=True)
        shutil.copy(photos / "bad/b.png", truth / kind)


def two_masks(truth: Path, photos: Path) -> None:
    write_png(truth / "bad/b_mask.png", MARK)
    write_png(truth / "bad/b_gt.png", MARK)


def another_size(truth: Path, photos: Path) -> None:
    write_png(truth / "bad/b_mask.png", MARK[:-1])


def of_other_images(truth: Path, photos: Path) -> None:
    write_png(truth / "x_mask.png", MARK)


def guidance(truth: Path, photos: Path) -> None:
    (truth / "support").mkdir(parents=True)


def nothing(truth: Path, photos: Path) -> None:
    truth.mkdir()


def no_folder(truth: Path, photos: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (two_truths, r"b\.png: the same image as .*b\.png, and one of them is good"),
        (two_masks, r"b_mask\.png: a second mask of b\.png, beside .*b_gt\.png"),
        (another_size, r"b_mask\.png: .*60 x 47 pixels.*60 x 48"),
        (of_other_images, r"truth: nothing in it is of an image of .*found; masks <stem>_mask\.png"),
        (guidance, "truth: a guidance folder"),
        (nothing, "truth: nothing in it is of an image"),
        (no_folder, "truth: no such folder"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cannot_be_the_truth_is_refused(found, tmp_path, spoil, says):
    spoil(tmp_path / "truth", found.photos)
    with pytest.raises(InputError, match=says):
        read_truth(tmp_path / "truth", entries(found), found.folder)


def test_two_images_of_one_stem_need_masks_by_their_whole_names(found, tmp_path):
    record = found.record
    twins = [
        record.images[0].model_copy(update={"file": f"/p/part.{ending}", "result": name})
        for ending, name in (("jpg", "part.jpg"), ("png", "part.png"))
    ]
    write_png(tmp_path / "truth/part.jpg_mask.png", MARK)
    write_png(tmp_path / "truth/part_mask.png", BLACK)
    read = read_truth(tmp_path / "truth", twins, found.folder)
    assert labels(read) == {"part.jpg": (True, "")}
    assert read.unused == 1
