import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet import InputError
from obftnet.data.layouts.guidance import GuidanceFolder
from obftnet.segmentation.queries import find_queries, support_or_mask


def touch(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return [folder / name for name in names]


def draw(path: Path, pixels) -> Path:
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def paths(found) -> list[Path]:
    return [query.path for query in found.queries]


def test_a_folder_is_its_images_and_those_of_the_folders_below_it(tmp_path):
    b, a = touch(tmp_path, "b.png", "a.JPG")
    c, d = touch(tmp_path / "more", "c.png", "d.tif")
    (e,) = touch(tmp_path / "more" / "yet.png", "e.bmp")
    found = find_queries([tmp_path])
    assert paths(found) == [a, b, c, d, e]
    assert [query.folder for query in found.queries] == ["", "", "more", "more", "more/yet.png"]
    assert (found.refused, found.left_out) == ([], [])


def test_nothing_of_a_folder_is_passed_over_in_silence(tmp_path):
    (image,) = touch(tmp_path, "a.png")
    touch(tmp_path, "scan.heic", "scan.xyz", "scan", "notes.txt", ".hidden")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    found = find_queries([tmp_path])
    assert paths(found) == [
        image,
        tmp_path / "gone.png",
        tmp_path / "pipe.png",
    ]  # reading the two says why not
    assert [aside.path.name for aside in found.refused] == ["scan", "scan.heic", "scan.xyz"]
    assert "scan.xyz: the file is empty (0 bytes)" in found.refused[2].reason
    assert [aside.path.name for aside in found.left_out] == ["notes.txt"]


def test_links_in_a_circle_end_and_the_folders_that_stand_apart_are_left_out(tmp_path):
    (image,) = touch(tmp_path / "in", "a.png")
    (tmp_path / "in" / "circle").symlink_to(tmp_path / "in")
    touch(tmp_path / "in" / "out", "b.png")
    touch(tmp_path / "in" / "earlier", "c_mask.png", "segment.json")
    found = find_queries([tmp_path / "in"], [(tmp_path / "in" / "out", "the folder of results")])
    assert paths(found) == [image]
    assert [aside.reason.partition(": ")[2] for aside in found.left_out] == [
        "the results of an earlier job",
        "the folder of results",
    ]


def test_files_keep_their_order_and_a_file_given_twice_counts_once(tmp_path):
    a, b = touch(tmp_path, "a.png", "b.png")
    assert paths(find_queries([b, a, tmp_path, b])) == [b, a]


_IMAGE = np.arange(12).reshape(3, 4)
_MASK = np.where(_IMAGE > 6, 255, 0)


@pytest.mark.parametrize("name", ["a_mask.png", "a-mask.bmp", "a_GT.png", "a_label.png"])
@pytest.mark.parametrize(
    ("pixels", "is_one"),
    [
        (_MASK, True),
        (_MASK > 0, True),
        (np.zeros((3, 4)), True),
        (_IMAGE * 20, False),  # a photograph of a part that is called a mask
        (np.full((3, 4), 255), False),
        (_MASK + 10, False),
        (_MASK[:2], False),
    ],
)
def test_an_annotation_is_told_by_what_is_in_it(tmp_path, name, pixels, is_one):
    image = draw(tmp_path / "a.png", _IMAGE)
    other = draw(tmp_path / name, pixels)
    found = find_queries([tmp_path])
    assert set(paths(found)) == ({image} if is_one else {image, other})
    assert [aside.reason for aside in found.left_out] == ([f"{other}: the mask of a.png"] if is_one else [])


def test_an_annotation_is_left_out_only_beside_its_image_and_taken_where_it_is_named(tmp_path):
    mask = draw(tmp_path / "b_mask.png", _MASK)
    assert paths(find_queries([tmp_path])) == [mask]
    draw(tmp_path / "b.png", _IMAGE)
    assert paths(find_queries([mask])) == [mask]


def test_one_source_that_is_not_there_does_not_stop_the_others(tmp_path):
    (image,) = touch(tmp_path, "a.png")
    (tmp_path / "empty").mkdir()
    found = find_queries([tmp_path / "gone.png", tmp_path / "empty", image, tmp_path / ("n" * 300), "nul\0"])
    assert paths(found) == [image]
    said = [aside.reason for aside in found.refused]
    assert "gone.png: no such file or folder" in said[0]
    assert "empty: no image in it" in said[1]
    assert "name too long" in said[2]
    assert "no name that a file can have" in said[3]


def test_nothing_to_segment_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image in it"):
        find_queries([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"gone\.png: no such file"):
        find_queries([tmp_path / "gone.png"])
    with pytest.raises(InputError, match="no query"):
        find_queries([])
    touch(tmp_path / "text", "a.txt")
    with pytest.raises(InputError, match=r"a\.txt: no image by its ending; name at least one"):
        find_queries([tmp_path / "text"])


def test_files_of_the_supports_are_found_behind_links(tmp_path):
    support, mask, good = touch(tmp_path / "support", "s.png", "s_mask.png", "good.png")
    guidance = GuidanceFolder(((support, mask),), (good,))
    link = tmp_path / "link.png"
    link.symlink_to(support)
    aside = support_or_mask(link, guidance)
    assert aside.support
    assert str(support) in aside.reason
    assert str(link) in aside.reason
    assert not support_or_mask(mask, guidance).support
    assert support_or_mask(good, guidance) is None
