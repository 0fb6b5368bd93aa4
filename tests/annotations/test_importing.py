"""What holds for every tool: the folder that is written, names on the disk, labels, settings."""

import json
from pathlib import Path

import pytest

from obftnet.annotations import FORMATS, import_annotations
from obftnet.annotations.names import folder_names, image_names
from obftnet.data.layouts.guidance import read_guidance
from obftnet.data.layouts.mvtec import read_mvtec
from obftnet.errors import InputError

SQUARE = [[10.0, 10.0], [30.0, 10.0], [30.0, 20.0], [10.0, 20.0]]


@pytest.fixture
def save(photo):
    """An image with its labelme file, one shape a label."""

    def write(name, *labels, good=False):
        path = photo(name)
        content = {
            "imagePath": path.name,
            "shapes": [{"label": label, "points": SQUARE, "shape_type": "polygon"} for label in labels],
            "flags": {"good": good},
            "imageData": None,
        }
        path.with_suffix(".json").write_text(json.dumps(content))
        return path

    return write


def test_a_guidance_folder_that_the_library_reads(save, imported, tmp_path):
    save("in/a.png", "scratch")
    save("in/b.png", good=True)
    imported("labelme", tmp_path / "in")
    found = read_guidance(tmp_path / "out")
    assert [tuple(path.name for path in pair) for pair in found.supports] == [("a.png", "a_mask.png")]
    assert [path.name for path in found.backgrounds] == ["b.png"]


def test_a_data_set_that_the_library_reads(save, imported, tmp_path):
    save("in/a.png", "deep scratch")
    save("in/b.png", good=True)
    imported("labelme", tmp_path / "in", layout="mvtec", material="oak")
    samples = read_mvtec(tmp_path / "out").samples
    assert [(sample.material, sample.kind) for sample in samples] == [
        ("oak", "deep_scratch"),
        ("oak", "good"),
    ]


def test_labels_are_chosen_or_merged(save, tmp_path):
    save("in/a.png", "scratch", "dent")
    save("in/b.png", "dent")
    save("in/c.png", "stain")
    one = import_annotations("labelme", tmp_path / "in", tmp_path / "one", labels=["dent"])
    assert one.kinds == {"dent": 2}
    assert "label 'scratch' is not wanted, left out: 1 (1 shape(s))" in one.notes
    # An image with another defect is no good part.
    assert "images on which nothing wanted is drawn, left out: 1 (c.png)" in one.notes
    assert not (tmp_path / "one/background").exists()
    assert (tmp_path / "one/support/a_mask.png").exists()
    merged = import_annotations("labelme", tmp_path / "in", tmp_path / "merged", merge=True)
    assert merged.kinds == {"defect": 3}
    with pytest.raises(InputError, match=r"no label 'dint'.*scratch \(1\), dent \(2\), stain \(1\)") as error:
        import_annotations("labelme", tmp_path / "in", tmp_path / "none", labels=["dint"])
    assert error.value.parameters == ("labels",)


def test_names_that_meet_or_look_like_masks(save, tmp_path):
    save("in/line1/p.png", "s")
    save("in/line2/P.jpg", "s")
    save("in/line1/q.png", "s")
    save("in/line1/q_mask.png", "s")
    save("in/line1/.r.png", "s")
    save("in/good.png", good=True)
    import_annotations("labelme", tmp_path / "in", tmp_path / "out")
    names = {image.name for image, _ in read_guidance(tmp_path / "out").supports}
    assert names == {"line1_p.png", "line2_P.jpg", "q.png", "q_mask_image.png", "r.png"}


def test_image_names_are_different_in_any_case():
    paths = [Path(text) for text in ("a/x.png", "b/x.png", "a_x.png", "A/x.png", "b_x.jpg")]
    stems = [Path(name).stem.lower() for name in image_names(paths).values()]
    assert len(set(stems)) == len(paths)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("scratch", "scratch"),
        ("../..", None),
        ("a/b", "a_b"),
        ("tiefe Kratzer ä", "tiefe_Kratzer_ä"),
        ("", None),
    ],
)
def test_folders_of_labels(label, name):
    if name is None:
        with pytest.raises(InputError, match="no letter or digit"):
            folder_names([label])
    else:
        assert folder_names([label]) == {label: name}


@pytest.mark.parametrize("labels", [["a b", "a/b"], ["Dent", "dent"], ["Good", "x"]])
def test_labels_that_no_folders_can_have(labels):
    with pytest.raises(InputError, match="rename"):
        folder_names(labels)


@pytest.mark.parametrize("out", ["new", "new/below", "empty"])
def test_a_new_or_an_empty_folder_is_written(out, save, tmp_path):
    save("in/a.png", "s")
    (tmp_path / "empty").mkdir()
    import_annotations("labelme", tmp_path / "in", tmp_path / out)
    assert {path.name for path in (tmp_path / out).rglob("*.png")} == {"a.png", "a_mask.png"}
    assert not list(tmp_path.rglob(".*"))


def test_a_link_to_an_empty_folder_stays(save, tmp_path):
    save("in/a.png", "s")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    import_annotations("labelme", tmp_path / "in", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/support/a.png").exists()


@pytest.mark.parametrize("there", ["file", "full", "broken"])
def test_what_stands_in_the_place_stays(there, save, tmp_path):
    save("in/a.png", "s")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    (tmp_path / "broken").symlink_to("gone")
    with pytest.raises(InputError, match="a new or an empty folder is wanted") as error:
        import_annotations("labelme", tmp_path / "in", tmp_path / there)
    assert error.value.parameters == ("out",)
    assert (tmp_path / "file").read_text() == (tmp_path / "full/mine.txt").read_text() == "mine"


def test_a_refusal_leaves_an_empty_folder_as_it_was(save, tmp_path):
    save("in/a.png", "s")
    save("in/b.png", "s").write_bytes(b"hello")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"b\.png"):
        import_annotations("labelme", tmp_path / "in", tmp_path / "empty")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"layout": "coco"}, "layout 'coco': there are guidance, mvtec"),
        ({"cut": 0}, "cut 0: "),
        ({"cut": 1.5}, "cut 1.5: "),
        ({"cut": float("nan")}, "cut nan: "),
        ({"labels": []}, "labels"),
        ({"labels": ["a", " "]}, "labels"),
        ({"images": "nowhere"}, "no such folder"),
    ],
)
def test_settings_out_of_range(settings, says, save, tmp_path):
    save("in/a.png", "s")
    with pytest.raises(InputError) as error:
        import_annotations("labelme", tmp_path / "in", tmp_path / "out", **settings)
    assert says in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tool", FORMATS)
@pytest.mark.parametrize("source", ["gone", "folder", "text", "empty", "binary", "deep", "link"])
def test_a_source_that_is_none(tool, source, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "link").symlink_to("nothing")
    with pytest.raises(InputError) as error:
        import_annotations(tool, tmp_path / source, tmp_path / "out")
    assert str(tmp_path / source) in str(error.value)
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_told_from_those_there_are(tmp_path):
    with pytest.raises(InputError, match="there are labelme, coco, cvat, labelstudio, visa, csv, masks"):
        import_annotations("voc", tmp_path, tmp_path / "out")
