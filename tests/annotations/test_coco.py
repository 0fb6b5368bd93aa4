"""What COCO's official library writes and draws (pycocotools 2.0.11 when this was written)."""

import contextlib
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from obftnet.annotations.coco import runs_of
from obftnet.errors import InputError
from obftnet.regions.coco import compressed

pycoco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
masks = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")

SQUARE = [10, 10, 30, 10, 30, 20, 10, 20]


def image(number, name, size=(80, 120)):
    return {"id": number, "file_name": name, "height": size[0], "width": size[1], "license": 0}


def annotation(number, image_id, segmentation, category=1, **more):
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category,
        "segmentation": segmentation,
        "area": 1.0,
        "bbox": [10.0, 10.0, 20.0, 10.0],
        "iscrowd": 0,
    } | more


def content(images, annotations, **more):
    categories = [{"id": 1, "name": "scratch", "supercategory": ""}, {"id": 2, "name": "dent"}]
    return {"images": images, "annotations": annotations, "categories": categories, "info": {}} | more


@pytest.fixture
def save(tmp_path):
    def write(images, annotations, name="in/annotations.json", **more):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content(images, annotations, **more)))
        return path

    return write


def encoded(mask, packed):
    rle = masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    if packed:
        return {"size": list(mask.shape), "counts": rle["counts"].decode()}
    flat = mask.ravel("F").astype(int)
    edges = np.flatnonzero(np.diff(flat, prepend=0, append=2 if not flat[-1] else 0))
    return {"size": list(mask.shape), "counts": np.diff(edges, prepend=0).tolist()}


@pytest.mark.parametrize("packed", [True, False])
def test_runs_as_the_official_library_draws_them(packed, photo, save, imported, truth):
    photo("in/a.png")
    path = save([image(1, "a.png")], [annotation(1, 1, encoded(truth, packed), iscrowd=1)])
    (mask,) = imported("coco", path).values()
    with contextlib.redirect_stdout(io.StringIO()):
        official = pycoco.COCO(str(path))
    assert (mask == official.annToMask(official.anns[1]).astype(bool)).all()
    assert (mask == truth).all()
    assert "of a crowd (iscrowd), marked as others: 1 (annotations[0])" in imported.result.notes[0]


def test_polygons_of_an_object_are_its_parts(photo, save, imported, rectangle):
    photo("in/images/a.png")
    path = save([image(1, "a.png")], [annotation(1, 1, [SQUARE, [50, 50, 60, 50, 60, 60, 50, 60]])])
    (mask,) = imported("coco", path.parent).values()
    assert (mask == rectangle(10, 10, 30, 20) | rectangle(50, 50, 60, 60)).all()
    with contextlib.redirect_stdout(io.StringIO()):
        official = pycoco.COCO(str(path))
    assert (mask == official.annToMask(official.anns[1]).astype(bool)).all()


def test_overlapping_polygons_are_no_hole(photo, save, imported, rectangle):
    photo("in/a.png")
    path = save([image(1, "a.png")], [annotation(1, 1, [SQUARE, [20, 10, 40, 10, 40, 20, 20, 20]])])
    (mask,) = imported("coco", path).values()
    assert (mask == rectangle(10, 10, 40, 20)).all()


def test_several_categories_become_kinds(photo, save, imported, truth, rectangle):
    photo("in/a.png")
    photo("in/b.png")
    photo("in/c.png")
    path = save(
        [image(1, "a.png"), image(2, "b.png"), image(3, "c.png")],
        [
            annotation(1, 1, [SQUARE]),
            annotation(2, 1, encoded(truth, True), 2),
            annotation(3, 2, [SQUARE], 2),
        ],
    )
    found = imported("coco", path)
    assert set(found) == {"support/scratch/a.png", "support/dent/a.png", "support/dent/b.png"}
    assert (found["support/scratch/a.png"] == rectangle(10, 10, 30, 20)).all()
    assert (found["support/dent/a.png"] == truth).all()
    assert imported.result.kinds == {"scratch": 1, "dent": 2}
    # The format does not say that anybody looked at c.
    assert "nobody called good, left out: 1 (c.png)" in imported.result.notes[-1]


def test_the_same_in_the_layout_of_mvtec(photo, save, imported, truth, rectangle):
    photo("in/a.png")
    photo("in/b.png")
    path = save(
        [image(1, "a.png"), image(2, "b.png")],
        [
            annotation(1, 1, [SQUARE]),
            annotation(2, 1, encoded(truth, True), 2),
            annotation(3, 2, [SQUARE], 2),
        ],
    )
    found = imported("coco", path, layout="mvtec", material="steel")
    assert set(found) == {"steel/test/combined/a.png", "steel/test/dent/b.png"}
    assert (found["steel/test/combined/a.png"] == truth | rectangle(10, 10, 30, 20)).all()


def test_an_image_turned_by_exif_is_taken_as_shown_and_a_note_says_so(photo, save, imported, rectangle):
    photo("in/a.jpg", 6)
    path = save([image(1, "a.jpg", (120, 80))], [annotation(1, 1, [SQUARE])])
    (mask,) = imported("coco", path).values()
    assert (mask == rectangle(10, 10, 30, 20, (120, 80))).all()
    assert "EXIF orientation, taken as drawn on as shown: 1 (a.jpg)" in imported.result.notes[0]


def test_an_image_that_was_drawn_on_as_stored(photo, save, imported, rectangle):
    photo("in/a.jpg", 6)
    path = save([image(1, "a.jpg")], [annotation(1, 1, [SQUARE])])
    with pytest.raises(InputError, match="as stored, which its EXIF orientation 6 turns") as error:
        imported("coco", path)
    assert error.value.parameters == ("as_stored",)
    (mask,) = imported("coco", path, as_stored=True).values()
    # Orientation 6: shown turned by a quarter, clockwise.
    assert (mask == np.rot90(rectangle(10, 10, 30, 20), -1)).all()


def test_label_studio_gives_coco_the_wrong_size_of_such_an_image(photo, save, imported):
    photo("in/a.jpg", 6)
    path = save([image(1, "a.jpg")], [annotation(1, 1, [SQUARE])], info={"contributor": "Label Studio"})
    for as_stored in (False, True):
        with pytest.raises(InputError, match="export the project as JSON"):
            imported("coco", path, as_stored=as_stored)


def test_what_is_left_out_and_what_is_taken_is_said(photo, save, imported, rectangle):
    photo("in/a.png")
    path = save(
        [image(1, "a.png")],
        [
            annotation(1, 1, []),
            annotation(2, 1, [[50, 50, 60, 50, 60, 60]], ignore=1),
            annotation(3, 1, [[70.6, 70.6, 71.4, 70.6, 71.4, 71.4]]),
            annotation(4, 1, None, bbox=None),
            annotation(5, 1, [[50, 50, 60, 50, 60, 60]], 2),
        ],
    )
    (mask,) = imported("coco", path, labels=["scratch"]).values()
    assert (mask == rectangle(10, 10, 30, 20)).all()
    for said in (
        "boxes without a segmentation, marked whole: 1 (annotations[0])",
        "to be ignored, left out: 1 (annotations[1])",
        "no pixel's centre inside, left out: 1",
        "without segmentation and box, left out: 1 (annotations[3])",
        "label 'dent' is not wanted, left out: 1",
    ):
        assert any(said in note for note in imported.result.notes), said


@pytest.mark.parametrize(
    ("images", "annotations", "more", "says"),
    [
        ([image(1, "a.png"), image(1, "a.png")], [], {}, "images[1]: id 1 stands there twice"),
        ([image(1, "a.png"), image(2, "a.png")], [annotation(1, 1, [SQUARE])], {}, "is annotated in"),
        ([image(1, "a.png")], [annotation(1, 7, [SQUARE])], {}, "annotations[0]: image 7"),
        ([image(1, "a.png")], [annotation(1, 1, [SQUARE], 9)], {}, "annotations[0]: category 9"),
        (
            [image(1, "a.png")],
            [annotation(1, 1, [[1, 2, 3]])],
            {},
            "annotations[0]: segmentation[0]: 3 numbers",
        ),
        ([image(1, "a.png")], [annotation(1, 1, [[1, 2, 3, 4]])], {}, "4 numbers"),
        (
            [image(1, "a.png")],
            [annotation(1, 1, [[1, 2, 3, 400, 5, 6]])],
            {},
            "annotations[0]: a point at (3, 400)",
        ),
        ([image(1, "a.png")], [annotation(1, 1, {"size": [80, 120], "counts": "0"})], {}, "runs of 0 pixels"),
        ([image(1, "a.png")], [annotation(1, 1, {"size": [80, 120], "counts": "\n"})], {}, "damaged"),
        ([image(1, "a.png")], [annotation(1, 1, {"size": [80, 120], "counts": "o"})], {}, "does not end"),
        ([image(1, "a.png")], [annotation(1, 1, {"size": [80, 120], "counts": [9601]})], {}, "9,601 pixels"),
        (
            [image(1, "a.png")],
            [annotation(1, 1, {"size": [80, 121], "counts": [9680]})],
            {},
            "outside the image",
        ),
        ([image(1, "a.png", (80, 121))], [annotation(1, 1, [SQUARE])], {}, "says 121 x 80 pixels"),
        ([image(1, "../a.png")], [annotation(1, 1, [SQUARE])], {}, "leads out"),
        ([image(1, "b.png")], [annotation(1, 1, [SQUARE])], {}, "no image 'b.png'"),
        ([image(1, "a.png")], [], {}, "nothing to import"),
        ([image("1", "a.png")], [], {}, "images[0].id"),
        ([image(1, "a.png")], [annotation(1, 1, [SQUARE])], {"categories": {}}, "categories"),
        ([], [], {}, "nothing to import"),
    ],
)
def test_what_cannot_be_used_names_file_and_entry(images, annotations, more, says, photo, save, imported):
    photo("in/a.png")
    path = save(images, annotations, **more)
    with pytest.raises(InputError) as error:
        imported("coco", path)
    assert says in str(error.value)
    assert str(path) in str(error.value)


@given(arrays(np.bool_, (5, 7)))
def test_compressed_runs_there_and_back(mask):
    rle = encoded(mask, packed=False)["counts"]
    assert runs_of(compressed(rle)) == rle
    assert runs_of(encoded(mask, packed=True)["counts"]) == rle


@given(st.text(st.characters(codec="ascii"), max_size=20))
def test_any_text_is_runs_or_refused(text):
    with contextlib.suppress(ValueError):
        assert all(isinstance(run, int) for run in runs_of(text))
