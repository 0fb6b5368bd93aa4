"""Exports as Label Studio writes them (JSON): tasks as its guide shows them (labelstud.io/guide/task_format),
regions as the pages of its tags do. A brush is packed as by label-studio-sdk 2.1.2 (`brush.encode_rle`)."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obftnet.annotations.labelstudio import unpack
from obftnet.annotations.raster import ellipse
from obftnet.errors import InputError

LENGTHS = (3, 4, 8, 16)


def pack(samples):
    """Bytes, packed: each run of one value as one chunk."""
    bits = f"{len(samples):032b}{7:05b}" + "".join(f"{length - 1:04b}" for length in LENGTHS)
    edges = np.flatnonzero(np.diff(samples, prepend=samples[0] ^ 1))
    for start, end in zip(edges, [*edges[1:], len(samples)], strict=True):
        while start < end:
            length = min(end - start, 1 << 16)
            kind = next(index for index, width in enumerate(LENGTHS) if length <= 1 << width)
            repeats = 1 if length > 1 else 0
            bits += f"{repeats}{kind:02b}{length - 1:0{LENGTHS[kind]}b}{samples[start]:08b}"
            start += length
    return [int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8)]


def brush(mask, opacity=255):
    rgba = np.repeat(mask[:, :, None].astype(np.uint8) * np.uint8(opacity), 4, axis=2)
    return {"format": "rle", "rle": pack(rgba.ravel()), "brushlabels": ["dent"]}


def region(kind, value, size=(80, 120), **more):
    return {
        "original_width": size[1],
        "original_height": size[0],
        "image_rotation": 0,
        "value": value,
        "id": "Dx_aB91ISN",
        "from_name": "label",
        "to_name": "image",
        "type": kind,
        "origin": "manual",
    } | more


def polygon(points, size=(80, 120), label="scratch", **more):
    """Coordinates are per cent of the sides."""
    scaled = [[100 * x / size[1], 100 * y / size[0]] for x, y in points]
    return region("polygonlabels", {"points": scaled, "closed": True, "polygonlabels": [label]} | more, size)


SQUARE = [(10, 10), (30, 10), (30, 20), (10, 20)]


def task(number, image, *results, **annotation):
    made = [
        {"id": 1, "completed_by": 1, "result": list(r), "was_cancelled": False} | annotation for r in results
    ]
    return {"id": number, "annotations": made, "predictions": [], "data": {"image": image}, "project": 1}


@pytest.fixture
def save(tmp_path):
    def write(*tasks):
        path = tmp_path / "in/project-1.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(tasks))
        return path

    return write


def test_every_region_that_has_an_area(photo, save, imported, truth, rectangle):
    photo("in/a.png")
    rect = {
        "x": 80 / 1.2,
        "y": 50,
        "width": 10 / 1.2,
        "height": 5,
        "rotation": 90,
        "rectanglelabels": ["scratch"],
    }
    oval = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 5, "rotation": 30, "ellipselabels": ["scratch"]}
    path = save(
        task(
            1,
            "a.png",
            [
                polygon(SQUARE),
                region("rectanglelabels", rect),
                region("ellipselabels", oval),
                region("brushlabels", brush(truth), hidden=True),
                region("keypointlabels", {"x": 5, "y": 5, "width": 1, "keypointlabels": ["scratch"]}),
                polygon(SQUARE, closed=False),
                region("textarea", {"text": ["a remark"]}),
            ],
        )
    )
    found = imported("labelstudio", path)
    # A rectangle is turned about its corner: 10 wide and 4 high, a quarter clockwise.
    wanted = rectangle(10, 10, 30, 20) | rectangle(76, 40, 80, 50) | ellipse((60, 40), (12, 4), 30, (80, 120))
    assert (found["support/scratch/a.png"] == wanted).all()
    assert (found["support/dent/a.png"] == truth).all()
    notes = " ".join(imported.result.notes)
    assert "keypointlabels marks no area, left out: 1 (task 1 result[4])" in notes
    assert "polygonlabels marks no area, left out: 1 (task 1 result[5])" in notes
    assert "hidden regions, marked as others: 1 (task 1 result[3])" in notes


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_that_exif_turns(orientation, photo, save, imported, truth, rectangle):
    # The browser shows it upright; sizes and per cents are of that.
    size = (120, 80) if orientation >= 5 else (80, 120)
    photo("in/a.jpg", orientation)
    drawn = rectangle(10, 10, 30, 20, size)
    path = save(task(1, "a.jpg", [polygon(SQUARE, size), region("brushlabels", brush(drawn), size)]))
    found = imported("labelstudio", path, merge=True)
    assert (found["support/a.jpg"] == drawn).all()
    assert not imported.result.notes


def test_what_was_submitted_without_a_region_is_good(photo, save, imported):
    for name in "abcdef":
        photo(f"in/{name}.png")
    path = save(
        task(1, "a.png", [polygon(SQUARE)]),
        task(2, "b.png", []),
        task(3, "c.png", [], was_cancelled=True),
        task(4, "d.png"),
        task(5, "e.png", [region("choices", {"choices": ["OK"]})]),
        task(6, "f.png", [region("choices", {"choices": ["unclear"]})]),
    )
    assert set(imported("labelstudio", path)) == {"support/a.png", "background/b.png", "background/e.png"}
    notes = " ".join(imported.result.notes)
    assert "skipped, left out: 1 (task 3)" in notes
    assert "nobody called good, left out: 3 (c.png, d.png, f.png)" in notes


@pytest.mark.parametrize(
    "address",
    [
        "/data/upload/1/1a2b3c4d-a.png",
        "/data/local-files/?d=line%2Fa.png",
        "s3://bucket/line/a.png",
        "https://example.com/x/a.png?signature=1",
        "http://localhost:8080/data/upload/1/1a2b3c4d-a.png",
    ],
)
def test_images_are_found_by_the_ends_of_their_addresses(address, photo, save, imported, tmp_path):
    photo("photos/a.png")
    path = save(task(1, address, [polygon(SQUARE)]))
    with pytest.raises(InputError, match="name the folder that it is in"):
        imported("labelstudio", path)
    assert list(imported("labelstudio", path, images=tmp_path / "photos")) == ["support/a.png"]


def test_labels_beside_a_brush_of_their_own_tag(photo, save, imported, truth):
    photo("in/a.png")
    value = brush(truth)
    del value["brushlabels"]
    both = [region("brush", value, id="one"), region("labels", value | {"labels": ["dent"]}, id="one")]
    found = imported("labelstudio", save(task(1, "a.png", both)))
    assert (found["support/a.png"] == truth).all()
    assert imported.result.kinds == {"dent": 1}


def test_the_soft_rim_of_a_brush_is_cut_at_half(photo, save, imported, truth):
    photo("in/a.png")
    rim = brush(truth, 127)
    path = save(task(1, "a.png", [polygon(SQUARE, label="dent"), region("brushlabels", rim)]))
    (mask,) = imported("labelstudio", path).values()
    assert mask.sum() == 200


def test_of_several_annotations_the_ground_truth_is_taken(photo, save, imported, rectangle):
    photo("in/a.png")
    twice = task(1, "a.png", [polygon(SQUARE)], [polygon([(50, 50), (60, 50), (60, 60), (50, 60)])])
    with pytest.raises(InputError, match="2 annotations; leave one, or mark one as ground truth"):
        imported("labelstudio", save(twice))
    twice["annotations"][1]["ground_truth"] = True
    (mask,) = imported("labelstudio", save(twice)).values()
    assert (mask == rectangle(50, 50, 60, 60)).all()


@pytest.mark.parametrize(
    ("results", "says"),
    [
        ([polygon(SQUARE[:2])], "result[0]: an outline of 2 point"),
        ([polygon([(10, 10), (300, 10), (30, 20)])], "result[0]: a point at (300, 10)"),
        ([polygon(SQUARE, (81, 120))], "says 120 x 81 pixels"),
        ([polygon(SQUARE), polygon(SQUARE, (81, 120))], "images of several sizes"),
        ([polygon(SQUARE) | {"image_rotation": 90}], "turned by hand (90 degrees)"),
        ([polygon(SQUARE) | {"item_index": 1}], "on image 1 of several"),
        ([polygon(SQUARE) | {"original_width": None}], "no original_width"),
        (
            [region("rectanglelabels", {"x": 1, "y": 1, "width": 5, "rectanglelabels": ["s"]})],
            "place is not given",
        ),
        ([region("brushlabels", {"rle": [1, 256], "brushlabels": ["s"]})], "beyond 0..255"),
        ([region("brushlabels", {"brushlabels": ["s"]})], "without runs"),
        ([region("brushlabels", {"rle": [0, 0, 0, 9, 0], "brushlabels": ["s"]})], "damaged (9 samples"),
        ([region("brushlabels", {"rle": [], "brushlabels": ["s"]})], "end too early"),
        ([region("bitmasklabels", {"imageDataURL": ""})], "type 'bitmasklabels'"),
    ],
)
def test_what_cannot_be_used_names_file_and_entry(results, says, photo, save, imported):
    photo("in/a.png")
    path = save(task(7, "a.png", results))
    with pytest.raises(InputError) as error:
        imported("labelstudio", path)
    assert says in str(error.value)
    assert f"{path}: [0] (task 7)" in str(error.value)


def test_the_short_export_is_refused(photo, imported, tmp_path):
    photo("in/a.png")
    (tmp_path / "in/p.json").write_text('[{"id": 1, "image": "a.png", "label": []}]')
    with pytest.raises(InputError, match=r"\[0\]\.data: field required; .* \(not JSON-MIN\)"):
        imported("labelstudio", tmp_path / "in")


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(1, 300)), min_size=1, max_size=20))
def test_packed_samples_there_and_back(runs):
    samples = np.concatenate([np.full(length, value, np.uint8) for value, length in runs])
    assert (unpack(bytes(pack(samples)), len(samples)) == samples).all()


@given(st.binary(max_size=40))
def test_any_bytes_are_samples_or_refused(content):
    with contextlib.suppress(ValueError):
        assert unpack(content, 16).shape == (16,)
