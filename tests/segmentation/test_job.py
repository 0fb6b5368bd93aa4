import errno
import json
import os
import shutil
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from obftnet import InputError, Segmenter
from obftnet.decision import Decision, decide, image_score, judge
from obftnet.errors import InputWarning
from obftnet.files import exclusive
from obftnet.regions import find_regions
from obftnet.segmentation import LEAST_REGION, Outputs, segment_files
from obftnet.segmentation.record import Record
from obftnet.weights import save_model


def run(case, **options):
    arguments = {
        "sources": [case.queries],
        "guidance": case.guidance,
        "out": case.out,
        "weights": case.weights,
    }
    return segment_files(**(arguments | options))


def record(case):
    return json.loads((case.out / "segment.json").read_text())


@pytest.fixture
def predicted(monkeypatch):
    """How many images the network has seen."""
    seen = []
    predict = Segmenter.predict

    def counted(self, image):
        seen.append(1)
        return predict(self, image)

    monkeypatch.setattr(Segmenter, "predict", counted)
    return seen


def test_every_query_gets_the_files_that_the_python_interface_would_give(case):
    summary = run(case)
    segmenter = Segmenter.from_pretrained(case.weights)
    supports = [
        (case.guidance / f"support/s{i}.png", case.guidance / f"support/s{i}_mask.png") for i in range(2)
    ]
    segmenter.fit(supports, [case.guidance / "background/b.png"])
    for i in range(3):
        expected = segmenter.predict(case.queries / f"q{i}.png")
        score = tifffile.imread(case.out / f"q{i}_score.tiff")
        mask = np.asarray(Image.open(case.out / f"q{i}_mask.png"))
        assert score.dtype == np.float32
        np.testing.assert_allclose(score, expected.score, atol=1e-6)
        assert mask.dtype == np.uint8
        decided = decide(score, Decision(min_area=LEAST_REGION))
        np.testing.assert_array_equal(mask, np.where(decided, 255, 0))
        assert np.asarray(Image.open(case.out / f"q{i}_overlay.png")).shape == (48, 60, 3)
    assert (summary.done, summary.kept, summary.refused) == (3, 0, ())


def test_the_record_says_what_was_done_and_by_what(case):
    run(case, threshold=0.3, shots=1)
    content = record(case)
    assert content["settled"]["decision"]["threshold"] == 0.3
    assert content["guidance"]["supports"] == ["s0.png"]
    assert len(content["weights_sha256"]) == 64
    assert [entry["file"] for entry in content["images"]] == [
        str(case.queries / f"q{i}.png") for i in range(3)
    ]
    entry = content["images"][1]
    score = tifffile.imread(case.out / "q1_score.tiff")
    assert entry["defect_area"] == pytest.approx(decide(score, Decision(0.3, LEAST_REGION)).mean())
    assert entry["max_score"] == pytest.approx(score.max())
    assert entry["seconds"] > 0


def test_a_second_run_does_nothing_and_changes_nothing(case, predicted):
    run(case)
    before = {path: path.stat().st_mtime_ns for path in case.out.iterdir()}
    summary = run(case)
    assert len(predicted) == 3
    assert (summary.done, summary.kept) == (0, 3)
    assert {path: path.stat().st_mtime_ns for path in case.out.iterdir()} == before


def test_a_lost_file_or_a_changed_query_is_made_again_and_only_that(case, predicted):
    run(case)
    (case.out / "q0_overlay.png").unlink()
    Image.new("RGB", (20, 30), "red").save(case.queries / "q2.png")
    summary = run(case)
    assert (len(predicted), summary.done, summary.decided, summary.kept) == (4, 1, 1, 1)
    assert tifffile.imread(case.out / "q2_score.tiff").shape == (30, 20)
    assert sorted(entry["width"] for entry in record(case)["images"]) == [20, 60, 60]


def test_queries_of_two_runs_stand_in_one_record(case):
    run(case, sources=[case.queries / "q0.png"])
    run(case, sources=[case.queries / "q1.png"])
    assert [entry["file"][-6:] for entry in record(case)["images"]] == ["q0.png", "q1.png"]


def _other_mask(case):
    mask = np.zeros((48, 60), np.uint8)
    mask[:4] = 255
    Image.fromarray(mask).save(case.guidance / "support" / "s1_mask.png")
    return {}


def _other_weights(case, tiny_model):
    path = case.out.parent / "other.safetensors"
    save_model(path, tiny_model, {"note": "another file"})
    return {"weights": path}


@pytest.mark.parametrize("change", ["tile", "shots", "guidance", "weights"])
def test_other_settings_make_the_results_anew_and_say_so(case, tiny_model, predicted, change):
    run(case)
    options = {
        "tile": lambda: {"tile": 64},
        "shots": lambda: {"shots": 1},
        "guidance": lambda: _other_mask(case),
        "weights": lambda: _other_weights(case, tiny_model),
    }[change]()
    said = []
    summary = run(case, notice=said.append, **options)
    assert (len(predicted), summary.done) == (6, 3)
    assert sum("3 result(s) by other settings" in line for line in said) == 1
    assert len(record(case)["images"]) == 3
    told = len(said)
    run(case, notice=said.append, **options)
    assert len(said) == told
    assert len(predicted) == 6


def _large(case):
    """The case with photographs that its defects are small in: 14 of 200 pixels, seen at 64 x 64."""
    rng = np.random.default_rng(1)
    for folder in (case.guidance / "support", case.guidance / "background", case.queries):
        for path in folder.glob("*.png"):
            if "_mask" not in path.name:
                Image.fromarray(rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(path)
    mask = np.zeros((200, 200), np.uint8)
    mask[10:24, 20:34] = 255
    for index in range(2):
        Image.fromarray(mask).save(case.guidance / f"support/s{index}_mask.png")


def test_a_plan_is_said_before_the_work_and_kept(case, predicted):
    _large(case)
    said = []
    summary = run(case, sources=[case.queries / "q0.png"], notice=said.append)
    assert summary.plan == "defects of 14 px in 200: tiles of 64, 16 looks an image"
    assert said == [summary.plan]
    assert (record(case)["tile"], record(case)["plan"]) == (64, summary.plan)
    auto = (case.out / "q0_score.tiff").read_bytes()
    # Nothing to do, nothing to say; and the tile that was chosen, asked for, is the same job.
    again = run(case, sources=[case.queries / "q0.png"], notice=said.append)
    same = run(case, sources=[case.queries / "q0.png"], tile=64, notice=said.append)
    assert (again.kept, same.kept, len(said), len(predicted)) == (1, 1, 1, 1)
    assert same.plan is None
    whole = run(case, sources=[case.queries / "q0.png"], tile=None)
    assert (whole.done, record(case)["tile"]) == (1, None)
    assert (case.out / "q0_score.tiff").read_bytes() != auto


def test_large_defects_are_seen_in_the_whole_unasked(case):
    said = []
    summary = run(case, notice=said.append)
    assert summary.plan == "defects of 20 px in 60: images as a whole"
    assert said == []
    assert record(case)["tile"] is None
    before = {path: path.stat().st_mtime_ns for path in case.out.glob("*_score.tiff")}
    run(case, tile=None)
    assert {path: path.stat().st_mtime_ns for path in case.out.glob("*_score.tiff")} == before


def test_results_by_other_settings_are_never_mixed(case):
    run(case)
    with pytest.raises(InputError, match=r"other settings \(threshold 0.5, now 0.2\).*q1.png"):
        run(case, sources=[case.queries / "q0.png"], threshold=0.2)
    assert record(case)["settled"]["decision"]["threshold"] == 0.5


def test_an_interrupt_leaves_whole_files_and_the_next_run_goes_on(case, monkeypatch, predicted):
    write = Outputs.write

    def interrupted(self, *given):
        if self.mask.name == "q1_mask.png":
            raise KeyboardInterrupt
        return write(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Outputs, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(case)
    assert sorted(path.name for path in case.out.iterdir()) == [
        "guidance.png",
        "q0_mask.png",
        "q0_overlay.png",
        *(["q0_regions.json"] if record(case)["images"][0]["regions"] else []),
        "q0_score.tiff",
        "segment.json",
    ]
    assert [entry["file"][-6:] for entry in record(case)["images"]] == ["q0.png"]
    summary = run(case)
    assert (summary.done, summary.kept) == (2, 1)


def test_results_without_a_record_of_theirs_are_not_overwritten(case):
    case.out.mkdir()
    precious = case.out / "q1_mask.png"
    precious.write_bytes(b"an annotation of the user's")
    with pytest.raises(InputError, match=r"q1_mask\.png: would be overwritten"):
        run(case)
    assert [path.name for path in case.out.iterdir()] == ["q1_mask.png"]


def test_another_image_of_a_finished_name_is_refused(case, tmp_path):
    run(case)
    other = tmp_path / "other" / "q0.png"
    other.parent.mkdir()
    Image.new("RGB", (9, 9)).save(other)
    (line,) = run(case, sources=[other, case.queries]).refused
    assert f"{other}: {case.out} holds the result of {case.queries / 'q0.png'}, another image" in line
    assert len(record(case)["images"]) == 3


def test_a_moved_folder_of_queries_is_still_done(case, tmp_path, predicted):
    run(case)
    shutil.move(case.queries, tmp_path / "moved")
    assert run(case, sources=[tmp_path / "moved"]).kept == 3
    assert len(predicted) == 3


def test_a_bad_query_does_not_stop_the_others(case):
    (case.queries / "q1.png").write_bytes(b"no image")
    summary = run(case)
    assert (summary.done, len(summary.refused)) == (2, 1)
    assert "q1.png: not an image" in summary.refused[0]
    assert record(case)["refused"] == [{"file": str(case.queries / "q1.png"), "reason": summary.refused[0]}]
    assert not list(case.out.glob("q1_*"))


def test_a_query_gone_bad_loses_its_old_result(case):
    run(case)
    (case.queries / "q1.png").write_bytes(b"no image")
    assert len(run(case).refused) == 1
    assert not list(case.out.glob("q1_*"))
    assert len(record(case)["images"]) == 2


def test_a_query_with_the_pixels_of_a_support_is_refused_by_both_names(case):
    Image.open(case.guidance / "support" / "s1.png").save(case.queries / "copy.bmp")
    (line,) = run(case).refused
    assert "copy.bmp" in line
    assert "s1.png" in line


def test_a_support_that_is_not_used_may_be_a_query(case):
    unused = case.guidance / "support" / "s1.png"
    assert run(case, sources=[unused], shots=1).done == 1


@pytest.mark.parametrize("shots", [0, 3])
def test_shots_that_are_not_there(case, shots):
    with pytest.raises(InputError, match="2 support image"):
        run(case, shots=shots)


def test_results_do_not_go_among_the_queries_or_the_guidance(case):
    for out in (case.queries, case.guidance / "support"):
        before = sorted(out.iterdir())
        with pytest.raises(InputError, match="for the results alone"):
            run(case, out=out)
        assert sorted(out.iterdir()) == before


def test_a_strange_record_is_not_overwritten(case):
    case.out.mkdir()
    (case.out / "segment.json").write_text('{"mine": 1}')
    with pytest.raises(InputError, match="not a record"):
        run(case)
    assert (case.out / "segment.json").read_text() == '{"mine": 1}'


def test_a_kill_between_two_writes_of_the_record_costs_only_work(case):
    run(case)
    content = record(case)
    content["images"] = content["images"][:1]
    (case.out / "segment.json").write_text(json.dumps(content))
    summary = run(case)
    assert (summary.done, summary.kept) == (2, 1)


def test_masks_by_another_threshold_are_decided_from_the_scores(case, predicted):
    run(case, threshold=0.3)
    scores = {path: path.read_bytes() for path in case.out.glob("*_score.tiff")}
    summary = run(case, threshold=0.45, min_area=0)
    assert (len(predicted), summary.done, summary.decided, summary.kept) == (3, 0, 3, 0)
    for path, content in scores.items():
        assert path.read_bytes() == content
        mask = np.asarray(Image.open(str(path).replace("_score.tiff", "_mask.png")))
        np.testing.assert_array_equal(mask > 0, tifffile.imread(path) > np.float32(0.45))
    fresh = case.out.with_name("fresh")
    run(case, threshold=0.45, min_area=0, out=fresh)
    for path in (*fresh.glob("*.png"), *fresh.glob("*_regions.json"), *fresh.glob("*.csv")):
        assert (case.out / path.name).read_bytes() == path.read_bytes()
    key = Record.model_validate(record(case)).settled.key
    assert [entry["decided_by"] for entry in record(case)["images"]] == [key] * 3
    assert run(case, threshold=0.45, min_area=0).kept == 3


def test_without_scores_another_threshold_predicts_again(case, predicted):
    run(case, keep=["mask"])
    others = {"images.csv", "regions.csv", "coco.json", "regions.parquet"}
    others |= {path.name for path in case.out.glob("*_regions.json")}
    assert sorted(path.name for path in case.out.iterdir() if path.name not in others) == [
        "guidance.png",
        *(f"q{i}_mask.png" for i in range(3)),
        "segment.json",
    ]
    assert run(case, keep=["mask"]).kept == 3
    assert run(case, keep=["mask"], threshold=0.4).done == 3
    assert len(predicted) == 6


def test_more_to_keep_is_made_from_the_scores_and_what_was_kept_stays_true(case, predicted):
    run(case, keep=["score"])
    assert run(case, keep=["mask"]).decided == 3
    assert len(predicted) == 3
    # The masks are asked for no more, but must not tell of another threshold.
    assert run(case, keep=["score"], threshold=0.2).decided == 3
    for path in case.out.glob("*_mask.png"):
        score = tifffile.imread(str(path).replace("_mask.png", "_score.tiff"))
        decided = decide(score, Decision(0.2, LEAST_REGION))
        np.testing.assert_array_equal(np.asarray(Image.open(path)) > 0, decided)


@pytest.mark.parametrize("keep", [[], ["mask", "picture"]])
def test_what_cannot_be_kept(case, keep):
    with pytest.raises(InputError, match="mask, score, overlay"):
        run(case, keep=keep)


@pytest.mark.parametrize("damage", [b"", b"something else", None])
@pytest.mark.parametrize("kind", ["mask", "score", "overlay"])
def test_a_finished_file_that_is_not_what_was_written_is_made_again(case, kind, damage):
    run(case)
    path = Outputs.of(case.out, "q1").files[kind]
    whole = path.read_bytes()
    # Of the same length, too, so that nothing but the content tells.
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if damage is None else damage)
    summary = run(case)
    assert (summary.done + summary.decided, summary.kept) == (1, 2)
    assert path.read_bytes() == whole
    assert run(case).kept == 3


def test_a_mark_of_fewer_pixels_than_the_least_region_is_no_defect(case, monkeypatch):
    score = np.zeros((48, 60), np.float32)
    score[5, 5] = 1
    predict = Segmenter.predict

    def speck(self, image):
        return replace(predict(self, image), score=score)

    monkeypatch.setattr(Segmenter, "predict", speck)
    assert run(case).failed == 0
    assert not np.asarray(Image.open(case.out / "q0_mask.png")).any()
    assert run(case, min_area=0).failed == 3


def test_files_that_differ_by_their_ending_or_case_have_results_of_their_own(case, predicted):
    for name, value in (("q0.bmp", 10), ("Q1.png", 20), ("q1.bmp", 30)):
        Image.new("RGB", (60, 48), (value,) * 3).save(case.queries / name)
    summary = run(case)
    assert (summary.done, summary.refused) == (6, ())
    results = {entry["file"][-6:]: entry["result"] for entry in record(case)["images"]}
    assert results == {
        "q0.png": "q0.png",
        "q0.bmp": "q0.bmp",
        "q1.png": "q1.png",
        "Q1.png": "Q1.png",
        "q1.bmp": "q1.bmp",
        "q2.png": "q2",
    } | {"q1.png": "q1.png-2"}
    assert run(case).kept == 6
    # What has a name keeps it, whatever else is asked for.
    assert run(case, sources=[case.queries / "q1.png"]).kept == 1
    assert len(predicted) == 6


def test_another_ending_of_a_finished_stem_does_not_replace_its_result(case):
    run(case)
    Image.new("RGB", (9, 9)).save(case.queries / "q0.bmp")
    before = (case.out / "q0_mask.png").read_bytes()
    assert run(case, sources=[case.queries / "q0.bmp"]).done == 1
    assert (case.out / "q0_mask.png").read_bytes() == before
    assert [entry["result"] for entry in record(case)["images"]][-1] == "q0.bmp"


def test_results_lie_as_the_queries_do(case):
    below = case.queries / "left" / "top"
    below.mkdir(parents=True)
    shutil.move(case.queries / "q1.png", below / "q0.png")
    assert run(case).done == 3
    assert (case.out / "q0_mask.png").is_file()
    assert (case.out / "left" / "top" / "q0_mask.png").is_file()
    assert [entry["result"] for entry in record(case)["images"]] == ["q0", "q2", "left/top/q0"]
    assert run(case).kept == 3


def test_of_two_images_of_one_name_the_second_is_refused(case, tmp_path):
    (tmp_path / "other").mkdir()
    shutil.copy(case.queries / "q1.png", tmp_path / "other" / "q0.png")
    summary = run(case, sources=[case.queries, tmp_path / "other"])
    assert summary.done == 3
    assert str(tmp_path / "other" / "q0.png") in summary.refused[0]
    assert str(case.queries / "q0.png") in summary.refused[0]


@pytest.mark.skipif(sys.platform != "linux", reason="such names are Linux's")
def test_odd_names_do_not_stop_the_others(case, obftnet):
    source = case.queries / "q0.png"
    odd = [b"bad\xff.png", b"line\nend.png", b"[red].png", b"esc\x1b[31m.png"]
    for name in odd:
        shutil.copy(source, os.fsencode(case.queries) + b"/" + name)
    shutil.copy(source, case.queries / ("n" * 250 + ".png"))
    arguments = ["--guidance", case.guidance, "--out", case.out, "--weights", case.weights]
    status, out, err = obftnet("segment", case.queries, *arguments)
    assert status == 2
    (line,) = err.splitlines()
    assert "its name is too long to name results by" in line
    assert "images       7" in out
    assert "1 refused" in out.splitlines()[-1]
    for name in odd:
        assert Path(os.fsdecode(os.fsencode(case.out) + b"/" + name[:-4] + b"_mask.png")).is_file()
    status, out, _ = obftnet("segment", case.queries, *arguments)
    assert "7 of them done before" in out


def test_what_was_not_looked_at_stands_in_the_record_and_in_the_last_line(case, obftnet):
    (case.queries / "scan.heic").write_bytes(b"x")
    (case.queries / "notes.txt").write_text("x")
    os.mkfifo(case.queries / "pipe.png")
    arguments = ["--guidance", case.guidance, "--out", case.out, "--weights", case.weights]
    status, out, err = obftnet("segment", case.queries, *arguments)
    assert status == 2
    assert "images       3" in out
    assert out.splitlines()[-1].endswith(
        f"2 refused; 1 left out, such as {case.queries / 'notes.txt'}: no image by its ending"
    )
    assert len(err.splitlines()) == 2
    assert [Path(aside["file"]).name for aside in record(case)["refused"]] == ["scan.heic", "pipe.png"]
    assert [Path(aside["file"]).name for aside in record(case)["left_out"]] == ["notes.txt"]


def test_a_support_among_the_queries_does_not_stop_the_others(case):
    support = case.guidance / "support" / "s0.png"
    summary = run(case, sources=[case.queries, support, support.with_name("s0_mask.png")])
    assert summary.done == 3
    (line,) = summary.refused
    assert line.startswith(f"{support}: the same image as the support")
    assert len(summary.left_out) == 1


def test_guidance_below_the_queries_is_left_out(case, tmp_path):
    summary = run(case, sources=[tmp_path])
    assert summary.done == 3
    assert (tmp_path / "out" / "queries" / "q0_mask.png").is_file()
    # A second look at all of it does not take results for queries.
    assert run(case, sources=[tmp_path]).kept == 3


@pytest.mark.parametrize("which", ["support", "mask", "background", "weights"])
def test_what_is_replaced_while_the_network_loads_is_told(case, monkeypatch, which, tmp_path):
    weights = tmp_path / "weights.safetensors"
    shutil.copy(case.weights, weights)
    path = {
        "support": case.guidance / "support" / "s0.png",
        "mask": case.guidance / "support" / "s0_mask.png",
        "background": case.guidance / "background" / "b.png",
        "weights": weights,
    }[which]
    fit = Segmenter.fit

    def replaced(self, supports, backgrounds, **options):
        fit(self, supports, backgrounds, **options)
        other = tmp_path / "other"
        other.write_bytes(path.read_bytes() + b" ")
        other.replace(path)

    monkeypatch.setattr(Segmenter, "fit", replaced)
    with pytest.raises(InputError, match=rf"{path.name}: changed while"):
        run(case, weights=weights)
    assert not case.out.exists()


def test_a_query_that_is_replaced_while_it_is_looked_at_is_refused(case, monkeypatch, tmp_path):
    predict = Segmenter.predict

    def replaced(self, image):
        found = predict(self, image)
        (tmp_path / "other").write_bytes((case.queries / "q1.png").read_bytes() + b" ")
        (tmp_path / "other").replace(case.queries / "q1.png")
        return found

    monkeypatch.setattr(Segmenter, "predict", replaced)
    (line,) = run(case, sources=[case.queries / "q1.png", case.queries / "q2.png"]).refused
    assert "q1.png: changed while it was in use" in line


def test_each_image_is_in_the_journal_before_the_next_is_looked_at(case, monkeypatch):
    counts = []
    path = case.out / "segment.unfinished"
    run(case, progress=lambda *_: counts.append(path.read_text().count("\n") - 1))
    assert counts == [0, 1, 2, 3]
    assert not path.exists()


@pytest.mark.parametrize("tail", ["", '{"file": "half', "garbage\n", "[" * 100_000 + "\n"])
def test_what_a_killed_job_noted_is_taken_up_as_far_as_it_is_whole(case, predicted, tail):
    run(case)
    content = record(case)
    lines = [json.dumps(entry) + "\n" for entry in content["images"][:2]]
    content["images"] = []
    (case.out / "segment.json").write_text(json.dumps(content))
    head = json.dumps({"key": Record.model_validate(content).key}) + "\n"
    (case.out / "segment.unfinished").write_text(head + "".join(lines) + tail)
    summary = run(case)
    assert (summary.done, summary.kept) == (1, 2)
    assert not (case.out / "segment.unfinished").exists()


@pytest.mark.parametrize("folded", [True, False])
def test_a_job_killed_when_all_was_noted_leaves_no_journal_behind(case, predicted, folded):
    run(case)
    whole = record(case)
    lines = [json.dumps(entry) + "\n" for entry in whole["images"]]
    if not folded:
        (case.out / "segment.json").write_text(json.dumps(whole | {"images": []}))
    head = json.dumps({"key": Record.model_validate(whole).key}) + "\n"
    (case.out / "segment.unfinished").write_text(head + "".join(lines))
    assert run(case).kept == 3
    assert record(case)["images"] == whole["images"]
    assert not (case.out / "segment.unfinished").exists()


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_what_is_no_file_in_the_journals_place_is_refused_and_stays(case, make):
    run(case)
    make(case.out / "segment.unfinished")
    with pytest.raises(InputError, match=r"segment\.unfinished: not a regular file"):
        run(case)
    assert (case.out / "segment.unfinished").exists()


def test_a_journal_of_other_settings_is_not_taken_up(case, predicted):
    run(case)
    content = record(case)
    lines = [json.dumps(entry) + "\n" for entry in content["images"]]
    content["images"] = []
    (case.out / "segment.json").write_text(json.dumps(content))
    (case.out / "segment.unfinished").write_text(json.dumps({"key": "0" * 64}) + "\n" + "".join(lines))
    assert run(case).done == 3


def test_a_full_disk_stops_the_job_and_what_is_done_is_kept(case, monkeypatch):
    write = Outputs.write

    def full(self, *given):
        if self.mask.name == "q1_mask.png":
            cause = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise InputError("q1_mask.png: cannot be written (No space left on device)") from cause
        return write(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Outputs, "write", full)
        with pytest.raises(InputError, match="No space left"):
            run(case)
    assert run(case).kept == 1


def test_a_second_process_on_the_folder_is_told_so(case):
    with exclusive(case.out), pytest.raises(InputError, match="another process is writing"):
        run(case)


def test_an_out_that_is_a_file_is_found_before_the_work(case, monkeypatch):
    monkeypatch.setattr(Segmenter, "from_pretrained", None)
    case.out.write_text("x")
    for out in (case.out, case.out / "below"):
        with pytest.raises(InputError, match=r"is a file|Not a directory"):
            run(case, out=out)


def test_warnings_are_told_once_each(case, monkeypatch):
    predict = Segmenter.predict

    def warned(self, image):
        warnings.warn("look at this", InputWarning, stacklevel=2)
        return predict(self, image)

    monkeypatch.setattr(Segmenter, "predict", warned)
    said = []
    run(case, notice=said.append)
    assert said.count("look at this") == 1


@pytest.fixture
def of_kinds(case):
    """The case's two supports, each of a kind of its own."""
    for index, kind in enumerate(("cut", "dent")):
        folder = case.guidance / "support" / kind
        folder.mkdir()
        for name in (f"s{index}.png", f"s{index}_mask.png"):
            (case.guidance / "support" / name).rename(folder / name)
    mask = np.zeros((48, 60), np.uint8)
    mask[2:12, 30:55] = 255
    Image.fromarray(mask).save(case.guidance / "support/dent/s1_mask.png")
    return case


def test_of_several_kinds_it_is_written_which_has_the_score(of_kinds, predicted):
    run(of_kinds)
    segmenter = Segmenter.from_pretrained(of_kinds.weights)
    supports = {
        kind: [
            (
                of_kinds.guidance / f"support/{kind}/s{i}.png",
                of_kinds.guidance / f"support/{kind}/s{i}_mask.png",
            )
        ]
        for i, kind in enumerate(("cut", "dent"))
    }
    segmenter.fit(supports, [of_kinds.guidance / "background/b.png"])
    for i in range(3):
        expected = segmenter.predict(of_kinds.queries / f"q{i}.png")
        np.testing.assert_array_equal(tifffile.imread(of_kinds.out / f"q{i}_score.tiff"), expected.score)
        with Image.open(of_kinds.out / f"q{i}_kind.png") as stored:
            assert stored.mode == "P"
            assert (stored.text["Kind 1"], stored.text["Kind 2"]) == ("cut", "dent")
            np.testing.assert_array_equal(np.asarray(stored), expected.best + 1)
    content = record(of_kinds)
    assert content["guidance"]["kinds"] == ["cut", "dent"]
    assert content["guidance"]["supports"] == ["cut/s0.png", "dent/s1.png"]
    assert set(content["images"][0]["written"]) - {"regions"} == {"mask", "score", "overlay", "kind"}
    assert run(of_kinds).kept == 3


def test_another_threshold_needs_no_prediction_of_several_kinds_either(of_kinds, predicted):
    run(of_kinds)
    overlay = (of_kinds.out / "q0_overlay.png").read_bytes()
    threshold = float(np.median(tifffile.imread(of_kinds.out / "q0_score.tiff")))
    assert run(of_kinds, threshold=threshold).decided == 3
    assert (of_kinds.out / "q0_overlay.png").read_bytes() != overlay
    # Nor does it need one to come back.
    run(of_kinds)
    assert (of_kinds.out / "q0_overlay.png").read_bytes() == overlay
    assert len(predicted) == 3
    # But where it is not known any more whose a score is.
    (of_kinds.out / "q1_kind.png").unlink()
    assert run(of_kinds).done == 1
    assert (of_kinds.out / "q1_kind.png").is_file()


def test_another_name_of_a_kind_is_another_guidance(of_kinds, predicted):
    run(of_kinds)
    (of_kinds.guidance / "support/cut").rename(of_kinds.guidance / "support/scratch")
    said = []
    assert run(of_kinds, notice=said.append).done == 3
    assert any("other guidance" in line for line in said)


def test_shots_are_of_each_kind(of_kinds):
    with pytest.raises(InputError, match=r"1 support image\(s\) of cut in it, but 2 shots"):
        run(of_kinds, shots=2)
    assert run(of_kinds, shots=1).done == 3


def test_each_image_has_the_verdict_that_its_score_and_the_decision_give(case):
    run(case)
    scores = [tifffile.imread(path) for path in case.out.glob("*_score.tiff")]
    values = sorted(image_score(score, Decision(min_area=20)) for score in scores)
    band = (values[0], values[1])
    summary = run(case, threshold=float(np.mean(band)), min_area=20, review=band)
    decision = Decision(float(np.mean(band)), 20, review=band)
    verdicts = []
    for entry in record(case)["images"]:
        score = tifffile.imread(case.out / f"{entry['result']}_score.tiff")
        assert entry["image_score"] == image_score(score, decision)
        assert entry["verdict"] == judge(entry["image_score"], decision)
        assert entry["regions"] == len(find_regions(decide(score, decision), score))
        verdicts.append(entry["verdict"])
    assert (summary.passed, summary.review, summary.failed) == tuple(
        verdicts.count(verdict) for verdict in ("pass", "review", "fail")
    )
    assert sorted(verdicts) == ["fail", "pass", "review"]


def test_a_band_or_a_length_alone_decides_again_without_a_prediction(case, predicted):
    run(case)
    for change in ({"review": (0.1, 0.9)}, {"min_length": 20}, {"unit": "mm", "scale": 10, "min_area": 0.2}):
        assert run(case, **change).decided == 3
    assert len(predicted) == 3
    assert record(case)["settled"] == {
        "decision": {
            "threshold": 0.5,
            "min_area": 0.2,
            "min_length": 0,
            "unit": "mm",
            "review": None,
            "low_threshold": None,
        },
        "scale": 10,
        "interest": None,
    }
    assert run(case, unit="px", min_area=20).kept == 3, "the same in other units"
