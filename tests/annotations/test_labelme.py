"""Files as labelme 6.3.1 writes them: its `write_label_file` wrote the model of these, key by key."""

import base64
import io
import json

import pytest
from PIL import Image

from obftnet.annotations.raster import ellipse
from obftnet.errors import InputError


def shape(label, points, kind="polygon", mask=None):
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": mask,
    }


def save(photo_path, shapes, *, size=(80, 120), flags=None, name=None, **more):
    content = {
        "version": "6.3.1",
        "flags": flags or {},
        "shapes": shapes,
        "imagePath": photo_path.name if name is None else name,
        "imageData": base64.b64encode(b"not looked at").decode(),
        "imageHeight": size[0],
        "imageWidth": size[1],
    } | more
    photo_path.with_suffix(".json").write_text(json.dumps(content, indent=2))


def as_png(mask):
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


SQUARE = [[10.0, 10.0], [30.0, 10.0], [30.0, 20.0], [10.0, 20.0]]


def test_every_shape_that_has_an_area(photo, imported, truth, rectangle, tmp_path):
    save(
        photo("in/a.jpg"),
        [
            shape("scratch", SQUARE),
            shape("scratch", [[5.0, 5.0], [8.0, 9.0]], "rectangle"),
            shape("scratch", [[100.0, 10.0], [104.0, 10.0]], "circle"),
            shape("scratch", [[70.0, 70.0], [75.0, 70.0], [75.0, 75.0], [70.0, 75.0]], "oriented_rectangle"),
            # The part of the image that the mask covers; its corners are pixels, the last one included.
            shape("scratch", [[30.0, 20.0], [109.0, 63.0]], "mask", as_png(truth[20:64, 30:110])),
            shape("scratch", [[1.0, 1.0], [5.0, 9.0]], "linestrip"),
            shape("scratch", [[1.0, 1.0]], "point"),
        ],
    )
    found = imported("labelme", tmp_path / "in")
    wanted = rectangle(10, 10, 30, 20) | rectangle(5, 5, 8, 9) | rectangle(70, 70, 75, 75) | truth
    wanted |= ellipse((100, 10), (4, 4), 0, (80, 120))
    assert list(found) == ["support/a.jpg"]
    assert (found["support/a.jpg"] == wanted).all()
    notes = " ".join(imported.result.notes)
    assert "linestrip marks no area, left out: 1 (a.json shapes[5])" in notes
    assert "point marks no area, left out: 1" in notes
    assert "rectangles, marked whole: 1" in notes
    assert (tmp_path / "out/support/a.jpg").read_bytes() == (tmp_path / "in/a.jpg").read_bytes()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_that_exif_turns(orientation, photo, imported, rectangle, tmp_path):
    # labelme shows it upright, and so does obftnet; its file says the size that is shown.
    size = (120, 80) if orientation >= 5 else (80, 120)
    save(photo("in/a.jpg", orientation), [shape("scratch", SQUARE)], size=size)
    (mask,) = imported("labelme", tmp_path / "in").values()
    assert (mask == rectangle(10, 10, 30, 20, size)).all()
    # Whether a reader follows EXIF or not, image and mask fit: both are stored turned the same way.
    with Image.open(tmp_path / "out/support/a_mask.png") as stored:
        assert stored.size == (120, 80)
        assert stored.getexif()[274] == orientation
    assert not imported.result.notes


def test_good_images_are_those_that_a_flag_calls_so(photo, imported, tmp_path):
    save(photo("in/a.jpg"), [shape("scratch", SQUARE)])
    save(photo("in/b.jpg"), [], flags={"good": True, "blurred": False})
    save(photo("in/c.jpg"), [], flags={"good": False})
    photo("in/d.jpg")
    (tmp_path / "in/settings.json").write_text('{"labels": []}')
    assert set(imported("labelme", tmp_path / "in")) == {"support/a.jpg", "background/b.jpg"}
    notes = " ".join(imported.result.notes)
    assert "nobody called good, left out: 1 (c.jpg)" in notes
    assert "images without a JSON file, left out: 1 (d.jpg)" in notes
    assert "JSON files that labelme did not write, left out: 1 (settings.json)" in notes


def test_images_that_nobody_marked_are_good_where_the_user_says_so(photo, imported, tmp_path):
    save(photo("in/a.jpg"), [shape("scratch", SQUARE)])
    save(photo("in/c.jpg"), [])
    assert "background/c.jpg" in imported("labelme", tmp_path / "in", unmarked_good=True)


def test_json_in_a_folder_of_its_own(photo, imported, tmp_path):
    path = photo("in/images/a.jpg")
    save(path, [shape("scratch", SQUARE)], name="..\\images\\a.jpg")
    (tmp_path / "in/json").mkdir()
    path.with_suffix(".json").rename(tmp_path / "in/json/a.json")
    assert list(imported("labelme", tmp_path / "in")) == ["support/a.jpg"]


@pytest.mark.parametrize(
    "name", ["../a.jpg", "..\\a.jpg", "/etc/a.jpg", "C:\\photos\\a.jpg", "x/../../a.jpg"]
)
def test_a_name_that_leads_out_is_refused_and_found_in_the_folder_of_images(name, photo, imported, tmp_path):
    save(photo("in/a.jpg"), [shape("scratch", SQUARE)], name=name)
    (tmp_path / "a.jpg").write_bytes(b"secret")
    with pytest.raises(InputError, match="leads out") as error:
        imported("labelme", tmp_path / "in/a.json")
    assert error.value.parameters == ("images",)
    assert not (tmp_path / "out").exists()
    assert list(imported("labelme", tmp_path / "in/a.json", images=tmp_path / "in")) == ["support/a.jpg"]


@pytest.mark.parametrize(
    ("shapes", "more", "says"),
    [
        ([shape("scratch", SQUARE[:2])], {}, "shapes[0]: an outline of 2 point"),
        (
            [shape("s", SQUARE), shape("s", [[1.0, 1.0], [500.0, 1.0], [5.0, 5.0]])],
            {},
            "shapes[1]: a point at (500",
        ),
        ([shape("scratch", [[1.0, 1.0]], "rectangle")], {}, "shapes[0]: a rectangle of 1 point"),
        ([shape("scratch", [[1.0, 1.0], [2.0, 2.0]], "mask", "###")], {}, "base64"),
        ([shape("scratch", [[1.0, 1.0], [2.0, 2.0]], "mask", "aGVsbG8=")], {}, "not a whole PNG"),
        ([shape("scratch", [[1.0, 1.0], [2.0, 2.0]], "mask")], {}, "type 'mask'"),
        ([shape("scratch", [[110.0, 1.0], [130.0, 2.0]], "mask", "aGVsbG8=")], {}, "outside the image"),
        ([shape("scratch", SQUARE, "spline")], {}, "type 'spline'"),
        ([shape("scratch", [["1", 1.0], [2.0, 2.0]])], {}, "shapes[0].points[0][0]: "),
        ([shape(None, SQUARE)], {}, "shapes[0].label: "),
        ([shape("scratch", SQUARE)], {"imageHeight": 81}, "says 120 x 81 pixels, but"),
        ([shape("scratch", SQUARE)], {"imagePath": "b.jpg"}, "no image 'b.jpg'"),
        ([shape("scratch", SQUARE)], {"imagePath": "a\0.jpg"}, "no image"),
        ([shape("scratch", SQUARE)], {"imagePath": ""}, "no image"),
        ([shape("scratch", SQUARE)], {"flags": {"good": True}}, "said to be good"),
        ([shape("good", SQUARE)], {}, "means good parts"),
    ],
)
def test_what_cannot_be_used_names_file_and_entry(shapes, more, says, photo, imported, tmp_path):
    save(photo("in/a.jpg"), shapes, **more)
    with pytest.raises(InputError) as error:
        imported("labelme", tmp_path / "in")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_mask_of_another_size_than_its_corners(photo, imported, truth, tmp_path):
    save(photo("in/a.jpg"), [shape("s", [[30.0, 20.0], [109.0, 63.0]], "mask", as_png(truth))])
    with pytest.raises(InputError, match="120 x 80 pixels, but its corners span 80 x 44"):
        imported("labelme", tmp_path / "in")


def test_nan_is_no_number(photo, imported, tmp_path):
    save(photo("in/a.jpg"), [shape("scratch", [[1.0, float("nan")], [2.0, 2.0], [3.0, 1.0]])])
    with pytest.raises(InputError, match="NaN is no number"):
        imported("labelme", tmp_path / "in")
