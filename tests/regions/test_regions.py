import csv
import json
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from scipy import ndimage

from obftnet.errors import InputError
from obftnet.regions import ImageRegions, find_regions, marked, write_coco, write_csv, write_parquet
from obftnet.regions.geometry import length, orientation, outline, width
from obftnet.regions.tables import COLUMNS

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def drawn(*rows):
    return np.array([[cell == "x" for cell in row] for row in rows])


def decoded(runs, shape):
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(shape[::-1]).T


@given(MASKS)
@settings(max_examples=50, deadline=None)
def test_the_mask_of_regions_is_the_mask_they_were_found_in(mask):
    regions = find_regions(mask, np.ones(mask.shape))
    assert np.array_equal(marked(regions, mask.shape), mask)
    if regions:
        with pytest.raises(ValueError, match="runs of"):
            marked(regions, (mask.shape[0] + 1, mask.shape[1]))


def line(angle, size=101, half=40.2, thick=0.5):
    """A bar through the middle, `angle` degrees counter-clockwise from horizontal."""
    y, x = np.mgrid[:size, :size] - size // 2
    turned = np.radians(angle)
    along, across = x * np.cos(turned) - y * np.sin(turned), x * np.sin(turned) + y * np.cos(turned)
    return (abs(along) <= half) & (abs(across) <= thick)


def some(seed=0, size=(30, 40)):
    rng = np.random.default_rng(seed)
    mask = np.zeros(size, bool)
    mask[2:6, 3:13] = mask[20:22, 8:9] = mask[25:29, 30:38] = True
    return mask, rng.random(size, np.float32)


def test_a_region_by_hand():
    mask = drawn("......", ".xxx..", ".xxx..", "......", ".....x")
    score = np.arange(30, dtype=np.float32).reshape(5, 6) / 100
    block, dot = find_regions(mask, score, kind="spot")
    assert (block.kind, block.area, block.box, block.center) == ("spot", 6, (1, 1, 3, 2), (2.0, 1.5))
    assert block.mean_score == pytest.approx((7 + 8 + 9 + 13 + 14 + 15) / 600)
    assert block.largest_score == pytest.approx(0.15)
    assert block.length == pytest.approx(np.hypot(3, 1))  # between the middles of its short sides' pixels
    assert block.width == pytest.approx(2)
    assert block.orientation == 0
    assert (dot.area, dot.box, dot.center, dot.length) == (1, (5, 4, 1, 1), (5.0, 4.0), 1)


def test_pixels_that_touch_by_a_corner_are_one_region():
    mask = np.eye(7, dtype=bool)
    (diagonal,) = find_regions(mask, mask.astype(np.float32))
    assert diagonal.area == 7
    assert diagonal.length == pytest.approx(np.hypot(6, 7))
    assert diagonal.width == pytest.approx(np.sqrt(0.5))
    assert diagonal.orientation == pytest.approx(135)


@given(MASKS)
@settings(deadline=None)
def test_regions_part_the_mask(mask):
    found = find_regions(mask, np.full(mask.shape, 0.5))
    whole = np.zeros(mask.shape, int)
    for region in found:
        own = decoded(region.runs, mask.shape)
        whole += own
        x, y, w, h = region.box
        assert own.sum() == own[y : y + h, x : x + w].sum() == region.area
        assert all(side.any() for side in (own[y], own[y + h - 1], own[:, x], own[:, x + w - 1]))
        points = np.argwhere(own)
        sides = np.concatenate([points + step for step in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
        longest = np.sqrt(((sides[:, None] - sides) ** 2).sum(-1).max())
        assert region.length == pytest.approx(longest)
        assert 0 < region.width <= region.length + 1e-9
    assert np.array_equal(whole, mask)


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 120, 179])
def test_a_bar_is_measured_at_any_angle(angle):
    mask = line(angle, thick=3.2)
    corners, places = outline(mask), np.nonzero(mask)
    assert length(corners) == pytest.approx(81.5, abs=1.5)
    assert width(corners) == pytest.approx(7, abs=0.8)
    assert abs((orientation(*places) - angle + 90) % 180 - 90) < 1


def test_what_has_no_longer_side_has_no_direction():
    for mask in (np.ones((1, 1), bool), np.ones((5, 5), bool)):
        assert orientation(*np.nonzero(mask)) == 0


def test_width_is_the_least_over_all_directions():
    rng = np.random.default_rng(3)
    for _ in range(10):
        mask = np.zeros((20, 20), bool)
        mask[tuple(rng.integers(0, 20, (2, 6)))] = True
        corners = outline(mask)
        angles = np.radians(np.arange(0, 180, 0.05))
        extents = np.ptp(corners @ np.stack([np.cos(angles), np.sin(angles)]), axis=0)
        assert width(corners) <= extents.min() + 1e-9
        assert width(corners) == pytest.approx(extents.min(), abs=0.02)
        assert length(corners) == pytest.approx(extents.max(), abs=0.02)


def test_no_region():
    assert find_regions(np.zeros((4, 5), bool), np.zeros((4, 5))) == []


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3\)"):
        find_regions(np.zeros((2, 2), bool), np.zeros((2, 3)))


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_a_scale_must_be_a_length(scale):
    with pytest.raises(ValueError, match="scale"):
        ImageRegions("a.png", 4, 5, [], scale)


def test_the_csv(tmp_path):
    mask, score = some()
    found = find_regions(mask, score, "dent")
    images = [ImageRegions("a, b.png", 30, 40, found, scale=4), ImageRegions("c.png", 30, 40, found[:1])]
    write_csv(tmp_path / "regions.csv", images)
    with (tmp_path / "regions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["region"]) for row in rows] == [
        ("a, b.png", "1"),
        ("a, b.png", "2"),
        ("a, b.png", "3"),
        ("c.png", "1"),
    ]
    assert list(rows[0]) == list(COLUMNS)
    assert (rows[0]["kind"], int(rows[0]["area"]), int(rows[0]["box_x"])) == ("dent", 40, 3)
    assert float(rows[0]["area_mm2"]) == 40 / 16
    assert float(rows[0]["length_mm"]) == pytest.approx(found[0].length / 4, rel=1e-5)
    assert rows[3]["area_mm2"] == rows[3]["length_mm"] == rows[3]["width_mm"] == ""


def test_the_parquet_has_the_same(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    mask, score = some()
    found = find_regions(mask, score)
    write_parquet(tmp_path / "r.parquet", [ImageRegions("a.png", 30, 40, found)])
    table = parquet.read_table(tmp_path / "r.parquet").to_pydict()
    assert list(table) == list(COLUMNS)
    assert table["area"] == [region.area for region in found]
    assert table["mean_score"] == [region.mean_score for region in found]
    assert table["area_mm2"] == [None] * 3
    write_parquet(tmp_path / "none.parquet", [ImageRegions("a.png", 30, 40, [])])
    assert parquet.read_table(tmp_path / "none.parquet").num_rows == 0


def test_parquet_without_pyarrow_says_what_would_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="pip install pyarrow"):
        write_parquet(tmp_path / "r.parquet", [])
    assert not list(tmp_path.iterdir())


def test_pycocotools_reads_the_same_masks(tmp_path):
    images = []
    for index, name in enumerate(("a.png", "b.png", "empty.png")):
        mask, score = some(index, (30 + index, 40))
        mask = mask if name != "empty.png" else np.zeros_like(mask)
        regions = find_regions(mask, score, kind="dent" if index else "cut")
        images.append((mask, ImageRegions(name, *mask.shape, regions)))
    write_coco(tmp_path / "coco.json", [image for _, image in images])
    read = COCO(str(tmp_path / "coco.json"))
    assert {category["name"] for category in read.loadCats(read.getCatIds())} == {"cut", "dent"}
    for image_id, (mask, image) in zip(read.getImgIds(), images, strict=True):
        annotations = read.loadAnns(read.getAnnIds(imgIds=image_id))
        assert len(annotations) == len(image.regions)
        masks = [read.annToMask(annotation) for annotation in annotations]
        assert np.array_equal(np.any([np.zeros_like(mask), *masks], axis=0), mask)
        for annotation, region in zip(annotations, image.regions, strict=True):
            rle = annotation["segmentation"]
            assert coco_masks.area(rle) == region.area == annotation["area"]
            assert coco_masks.toBbox(rle).tolist() == list(region.box) == annotation["bbox"]


@given(MASKS)
@settings(deadline=None, max_examples=60)
def test_the_run_lengths_are_those_of_pycocotools(mask):
    from obftnet.regions.coco import compressed

    for region in find_regions(mask, np.zeros(mask.shape)):
        own = decoded(region.runs, mask.shape)
        official = coco_masks.encode(np.asfortranarray(own.astype(np.uint8)))
        assert compressed(region.runs) == official["counts"].decode()


def test_long_runs_of_a_large_image():
    from obftnet.regions.coco import compressed

    mask = np.zeros((3000, 2000), bool)
    mask[100:2900, 500:1500] = True
    mask[7, 3] = False
    (region,) = find_regions(mask, np.zeros(mask.shape, np.float32))
    rle = {"size": [3000, 2000], "counts": compressed(region.runs)}
    assert np.array_equal(coco_masks.decode(rle), mask)
    json.dumps(rle)


def test_a_region_is_of_the_kind_that_most_of_its_pixels_are_of():
    mask, best = np.zeros((8, 12), bool), np.zeros((8, 12), np.uint8)
    mask[1:3, 1:6] = mask[5:7, 8:10] = True
    best[:, 4:] = 1
    score = np.full(mask.shape, 0.75)
    first, second = find_regions(mask, score, ("cut", "dent"), best)
    assert (first.kind, first.area, second.kind) == ("cut", 10, "dent")
    assert find_regions(mask, score, ("cut", "dent"), 1 - best)[0].kind == "dent"
    best[5:7, 9:10] = 0
    assert find_regions(mask, score, ("cut", "dent"), best)[1].kind == "cut", "as many of each: the first"


def test_several_kinds_and_no_map_are_no_regions():
    mask = np.ones((2, 2), bool)
    with pytest.raises(ValueError, match="2 kinds, and no map"):
        find_regions(mask, np.ones((2, 2)), ("cut", "dent"))
    with pytest.raises(ValueError, match="best"):
        find_regions(mask, np.ones((2, 2)), ("cut", "dent"), np.zeros((2, 3), np.uint8))


@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_regions_come_in_the_order_of_their_first_pixels(mask):
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    found = find_regions(mask, np.ones(mask.shape, np.float32))
    assert len(found) == count
    for number, region in enumerate(found, start=1):
        np.testing.assert_array_equal(marked([region], mask.shape), labels == number)


def test_few_marks_on_a_large_image_take_no_room_for_a_number_a_pixel():
    mask, score = np.zeros((2000, 2000), np.bool_), np.ones((2000, 2000), np.float32)
    mask[10:20, 30:1900] = mask[1500, 7] = True
    tracemalloc.start()
    try:
        assert len(find_regions(mask, score)) == 2
        assert tracemalloc.get_traced_memory()[1] < mask.size / 2
    finally:
        tracemalloc.stop()
