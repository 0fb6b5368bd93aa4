import csv
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from obftnet.decision import Decision, decide, image_score, judge
from obftnet.errors import InputError
from obftnet.files import exclusive
from obftnet.regions import find_regions
from obftnet.segmentation import decide_results
from obftnet.segmentation.decider import Decider, read_score
from obftnet.segmentation.record import read_record

from .results import GUIDANCE, smooth, write_results

SHAPE = (48, 60)
SCORES = {f"sub/{name}" if name == "b" else name: smooth(seed, SHAPE) for seed, name in enumerate("abcd")}
SCORES["empty"] = np.zeros(SHAPE, np.float32)
OTHER = Decision(0.7, 30, 4, review=(0.6, 0.8), low_threshold=0.6)
CHANGES = {"threshold": 0.7, "min_area": 30, "min_length": 4, "review": (0.6, 0.8), "low_threshold": 0.6}


@pytest.fixture
def out(tmp_path):
    write_results(tmp_path / "out", SCORES, scale=10)
    return tmp_path / "out"


def content(folder):
    """All files of results by name; of the record what does not tell of the time."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_leaves_what_segmenting_by_that_decision_would_have(out, tmp_path):
    summary = decide_results(out, **CHANGES)
    assert (summary.done, summary.decided, summary.kept, summary.refused) == (0, 5, 0, ())
    wanted = tmp_path / "fresh" / "out"
    write_results(wanted, SCORES, scale=10, decision=OTHER)
    found, fresh = content(out), content(wanted)
    assert found.keys() == fresh.keys()
    differ = {name for name in found if found[name] != fresh[name]} - {"segment.json", "images.csv"}
    assert not differ, "these name the folder of the photographs"
    for name, score in SCORES.items():
        mask = np.asarray(Image.open(out / f"{name}_mask.png")) > 0
        np.testing.assert_array_equal(mask, decide(score, OTHER))
    for entry in read_record(out).images:
        assert entry.image_score == image_score(SCORES[entry.result], OTHER)
        assert entry.verdict == judge(entry.image_score, OTHER)
    verdicts = [row["verdict"] for row in rows(out / "images.csv")]
    assert (summary.passed, summary.review, summary.failed) == tuple(
        verdicts.count(verdict) for verdict in ("pass", "review", "fail")
    )


def test_without_changes_nothing_is_written(out):
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert decide_results(out).kept == 5
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == times


def test_there_and_back_is_where_it_was(out):
    before = content(out)
    decide_results(out, **CHANGES)
    assert content(out) != before
    decide_results(out, threshold=0.5, low_threshold="none", min_area=9, min_length=0, review="none")
    assert content(out) == before


def test_a_lost_or_damaged_file_is_made_again(out):
    before = content(out)
    (out / "a_mask.png").unlink()
    (out / "c_overlay.png").write_bytes(b"x")
    (out / "regions.csv").write_text("mine\n")
    assert decide_results(out).decided == 2
    assert content(out) == before


def test_tables_agree_with_the_masks(out):
    found = {row["image"]: row for row in rows(out / "images.csv")}
    assert list(found) == ["a.png", "c.png", "d.png", "empty.png", "sub/b.png"]
    regions = rows(out / "regions.csv")
    coco = COCO(str(out / "coco.json"))
    names = {image["file_name"]: number for number, image in coco.imgs.items()}
    for name, score in SCORES.items():
        mask = decide(score, Decision(min_area=9))
        row = found[f"{name}.png"]
        own = [region for region in regions if region["image"] == f"{name}.png"]
        wanted = find_regions(mask, score)
        assert int(row["regions"]) == len(own) == len(wanted)
        assert int(row["marked_pixels"]) == mask.sum() == sum(int(region["area"]) for region in own)
        assert float(row["marked_mm2"]) == pytest.approx(mask.sum() / 100)
        assert float(row["marked_fraction"]) == pytest.approx(mask.mean(), rel=1e-5)
        assert np.float32(row["image_score"]) == np.float32(image_score(score, Decision(min_area=9)))
        assert [float(region["length_mm"]) for region in own] == pytest.approx(
            [region.length / 10 for region in wanted], rel=1e-5
        )
        masks = [coco.annToMask(one) for one in coco.loadAnns(coco.getAnnIds(imgIds=names[f"{name}.png"]))]
        np.testing.assert_array_equal(np.any([np.zeros_like(mask), *masks], axis=0), mask)
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(out / "regions.parquet").to_pydict()
    assert table["area"] == [int(region["area"]) for region in regions]


def test_no_scale_no_millimetres_and_kinds_where_there_are_kinds(tmp_path):
    write_results(tmp_path / "out", SCORES, kinds=("cut", "dent"))
    kinds = {row["kind"] for row in rows(tmp_path / "out" / "regions.csv")}
    assert kinds <= {"cut", "dent"}
    for row in rows(tmp_path / "out" / "images.csv"):
        assert row["marked_mm2"] == ""
        assert set(filter(None, row["kinds"].split("; "))) <= kinds
    decide_results(tmp_path / "out", threshold=0.8)
    mask = np.asarray(Image.open(tmp_path / "out" / "a_mask.png")) > 0
    np.testing.assert_array_equal(mask, decide(SCORES["a"], Decision(0.8, 9)))


def test_millimetres_are_by_the_scale(out):
    decide_results(out, unit="mm", min_area=0.3)
    record = read_record(out)
    assert (record.settled.decision.unit, record.settled.decision.min_area) == ("mm", 0.3)
    mask = np.asarray(Image.open(out / "c_mask.png")) > 0
    np.testing.assert_array_equal(mask, decide(SCORES["c"], Decision(min_area=30)))
    # Another scale is another least region in pixels.
    decide_results(out, scale=20)
    mask = np.asarray(Image.open(out / "c_mask.png")) > 0
    np.testing.assert_array_equal(mask, decide(SCORES["c"], Decision(min_area=120)))


def test_the_region_of_interest_of_a_job_stays(tmp_path):
    interest = np.zeros(SHAPE, bool)
    interest[:, :30] = True
    write_results(tmp_path / "out", SCORES, decision=Decision(0.5, 9, interest=interest))
    decide_results(tmp_path / "out", threshold=0.35)
    for name, score in SCORES.items():
        mask = np.asarray(Image.open(tmp_path / "out" / f"{name}_mask.png")) > 0
        np.testing.assert_array_equal(mask, decide(score, Decision(0.35, 9, interest=interest)))
    Image.fromarray(~interest).save(tmp_path / "out" / "interest.png")
    with pytest.raises(InputError, match=r"interest\.png: not the region of interest"):
        decide_results(tmp_path / "out", threshold=0.4)


def test_no_image_passes_by_a_least_region_that_it_cannot_hold(out):
    before = (out / "images.csv").read_text()
    summary = decide_results(out, min_area=SHAPE[0] * SHAPE[1] + 1)
    assert len(summary.refused) == len(SCORES)
    assert all("nothing could ever be marked" in line for line in summary.refused)
    assert "pass" in before
    assert ",pass," not in (out / "images.csv").read_text()


def test_what_was_not_kept_is_not_made(tmp_path):
    write_results(tmp_path / "out", SCORES, keep=("mask", "score"))
    shutil.rmtree(tmp_path / "photos")
    assert decide_results(tmp_path / "out", threshold=0.8).decided == 5, "the images are not wanted"
    assert not list((tmp_path / "out").rglob("*_overlay.png"))


def test_an_overlay_whose_image_is_gone_goes_and_it_is_said(out, tmp_path):
    (tmp_path / "photos" / "a.png").unlink()
    Image.new("L", SHAPE[::-1]).save(tmp_path / "photos" / "c.png")
    said = []
    decide_results(out, threshold=0.8, notice=said.append)
    assert sum("its overlay is removed" in line for line in said) == 2
    assert sorted(path.name for path in out.rglob("*_overlay.png")) == [
        "b_overlay.png",
        "d_overlay.png",
        "empty_overlay.png",
    ]
    assert decide_results(out).kept == 5


@pytest.mark.parametrize("damage", [None, b"", b"II*\0something"])
def test_a_score_map_that_is_not_as_it_was_is_refused_and_the_others_go_on(out, damage):
    path = out / "c_score.tiff"
    path.unlink() if damage is None else path.write_bytes(damage)
    summary = decide_results(out, threshold=0.8)
    assert summary.decided == 4
    (line,) = summary.refused
    assert "c_score.tiff: not as it was written; segment" in line
    assert not list(out.glob("c_*")), "nothing tells of another decision"
    (row,) = [row for row in rows(out / "images.csv") if row["problem"]]
    assert (row["image"], row["verdict"]) == ("c.png", "")


def test_a_stop_at_any_image_is_gone_on_from(out, monkeypatch, tmp_path):
    again = Decider.again
    for stop in range(5):
        calls = []

        def stopped(self, *given, calls=calls, stop=stop):
            if len(calls) == stop:
                raise KeyboardInterrupt
            calls.append(1)
            return again(self, *given)

        threshold = 0.55 + 0.05 * stop
        with monkeypatch.context() as patch:
            patch.setattr(Decider, "again", stopped)
            patch.setattr("obftnet.segmentation.deciding._workers", lambda: 1)
            with pytest.raises(KeyboardInterrupt):
                decide_results(out, threshold=threshold)
        assert not (out / "images.csv").exists(), "no table of two decisions"
        summary = decide_results(out)  # what was asked for is remembered
        assert (summary.decided, summary.kept) == (5 - stop, stop)
    wanted = tmp_path / "fresh" / "out"
    write_results(wanted, SCORES, scale=10, decision=Decision(threshold, 9))
    assert (out / "regions.csv").read_bytes() == (wanted / "regions.csv").read_bytes()


def spoilt(out, change):
    record = json.loads((out / "segment.json").read_text())
    change(record)
    (out / "segment.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda out: (out / "segment.json").unlink(), r"no segment\.json in it"),
        (lambda out: spoilt(out, lambda record: record.pop("settled")), "not a record that this version"),
        (lambda out: spoilt(out, lambda r: r["images"][1]["written"].pop("score")), "holds no score map of"),
        (lambda out: (out / "segment.json").write_text("{"), r"segment\.json"),
    ],
)
def test_what_is_no_result_with_scores_is_refused(out, spoil, says):
    spoil(out)
    before = content(out)
    with pytest.raises(InputError, match=says):
        decide_results(out, threshold=0.9)
    assert content(out) == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"min_area": -1}, "least area"),
        ({"review": (0.6, 0.7)}, "review"),
        ({"unit": "inch"}, "px or mm"),
    ],
)
def test_a_bad_decision_changes_nothing(out, changes, says):
    before = content(out)
    with pytest.raises(InputError, match=says):
        decide_results(out, **changes)
    assert content(out) == before


def test_only_one_process_decides(out):
    with exclusive(out), pytest.raises(InputError, match="another process is writing"):
        decide_results(out, threshold=0.9)


def test_a_pack_of_other_guidance_is_refused_and_that_of_the_results_is_taken(out, monkeypatch):
    class Content:
        guidance_sha256, scale = "0" * 64, 4.0

    class Pack:
        content, decision = Content, OTHER

    monkeypatch.setattr("obftnet.segmentation.deciding.read_pack", lambda path, fitted: Pack)
    with pytest.raises(InputError, match="other guidance"):
        decide_results(out, pack="some.pack")
    monkeypatch.setattr(Content, "guidance_sha256", GUIDANCE)
    decide_results(out, pack="some.pack")
    record = read_record(out)
    assert (record.settled.decision.min_area, record.settled.scale) == (30, 4)


def test_scores_are_read_to_the_bit(out):
    for name, score in SCORES.items():
        np.testing.assert_array_equal(read_score(out / f"{name}_score.tiff"), score)


def test_the_command_needs_no_torch(out):
    code = "import sys; sys.modules['torch'] = None; from obftnet.cli import main; main()"
    command = [sys.executable, "-c", code, "decide", str(out), "--pixel", "0.7", "--review", "0.6,0.8"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    assert "5 decided anew from their scores" in done.stdout
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    verdicts = [row["verdict"] for row in rows(out / "images.csv")]
    assert lines["pass"] == str(verdicts.count("pass"))
    assert lines["fail"] == str(verdicts.count("fail"))
