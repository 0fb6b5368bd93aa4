from pathlib import Path

import pytest

from obftnet import InputError
from obftnet.segmentation.queries import check_no_support, find_queries


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


def test_a_folder_is_its_images_and_not_those_of_its_subfolders(tmp_path):
    b, a = touch(tmp_path, "b.png", "a.JPG")
    touch(tmp_path, "notes.txt")
    touch(tmp_path / "more", "c.png")
    assert find_queries([tmp_path]) == [a, b]


def test_files_keep_their_order_and_a_file_given_twice_counts_once(tmp_path):
    a, b = touch(tmp_path, "a.png", "b.png")
    assert find_queries([b, a, tmp_path, b]) == [b, a]


def test_an_annotation_is_left_out_only_beside_its_image(tmp_path):
    image, _, alone = touch(tmp_path, "a.jpg", "a_mask.png", "b_mask.png")
    assert find_queries([tmp_path]) == [image, alone]


def test_an_annotation_that_is_named_is_taken(tmp_path):
    _, mask = touch(tmp_path, "a.png", "a_mask.png")
    assert find_queries([mask]) == [mask]


@pytest.mark.parametrize("second", ["one/a.jpg", "two/a.png"])
def test_two_files_of_one_stem_are_refused_by_both_names(tmp_path, second):
    first = tmp_path / "one" / "a.png"
    other = tmp_path / second
    for path in (first, other):
        touch(path.parent, path.name)
    with pytest.raises(InputError) as error:
        find_queries([first, other])
    assert str(first) in str(error.value)
    assert str(other) in str(error.value)


def test_nothing_to_segment_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image in it"):
        find_queries([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"gone\.png: no such file"):
        find_queries([tmp_path / "gone.png"])
    with pytest.raises(InputError, match="no query"):
        find_queries([])


def test_a_support_is_found_behind_a_link(tmp_path):
    (support,) = touch(tmp_path / "support", "s.png")
    link = tmp_path / "link.png"
    link.symlink_to(support)
    with pytest.raises(InputError, match=r"link\.png: the same image as the support .*s\.png"):
        check_no_support([link], [support])
