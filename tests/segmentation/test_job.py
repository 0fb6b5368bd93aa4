import json
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from obftnet import InputError, Segmenter
from obftnet.segmentation import Outputs, job, segment_files
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
        np.testing.assert_array_equal(mask, np.where(score > 0.5, 255, 0))
        assert np.asarray(Image.open(case.out / f"q{i}_overlay.png")).shape == (48, 60, 3)
    assert (summary.done, summary.kept, summary.refused) == (3, 0, ())


def test_the_record_says_what_was_done_and_by_what(case):
    run(case, threshold=0.3, shots=1)
    content = record(case)
    assert content["threshold"] == 0.3
    assert content["guidance"]["supports"] == ["s0.png"]
    assert len(content["weights_sha256"]) == 64
    assert [entry["file"] for entry in content["images"]] == [
        str(case.queries / f"q{i}.png") for i in range(3)
    ]
    entry = content["images"][1]
    score = tifffile.imread(case.out / "q1_score.tiff")
    assert entry["defect_area"] == pytest.approx((score > np.float32(0.3)).mean())
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
    assert (len(predicted), summary.done, summary.kept) == (5, 2, 1)
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


@pytest.mark.parametrize("change", ["threshold", "tile", "shots", "guidance", "weights"])
def test_other_settings_make_the_results_anew_and_say_so(case, tiny_model, predicted, change):
    run(case)
    options = {
        "threshold": lambda: {"threshold": 0.25},
        "tile": lambda: {"tile": 64},
        "shots": lambda: {"shots": 1},
        "guidance": lambda: _other_mask(case),
        "weights": lambda: _other_weights(case, tiny_model),
    }[change]()
    said = []
    summary = run(case, notice=said.append, **options)
    assert (len(predicted), summary.done) == (6, 3)
    assert len(said) == 1
    assert "3 result(s) by other settings" in said[0]
    assert len(record(case)["images"]) == 3
    run(case, notice=said.append, **options)
    assert len(said) == 1
    assert len(predicted) == 6


def test_results_by_other_settings_are_never_mixed(case):
    run(case)
    with pytest.raises(InputError, match=r"other settings \(threshold 0.5, now 0.2\).*q1.png"):
        run(case, sources=[case.queries / "q0.png"], threshold=0.2)
    assert record(case)["threshold"] == 0.5


def test_an_interrupt_leaves_whole_files_and_the_next_run_goes_on(case, monkeypatch, predicted):
    write = Outputs.write

    def interrupted(self, image, prediction):
        if self.mask.name == "q1_mask.png":
            raise KeyboardInterrupt
        write(self, image, prediction)

    with monkeypatch.context() as patch:
        patch.setattr(Outputs, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(case)
    assert sorted(path.name for path in case.out.iterdir()) == [
        "q0_mask.png",
        "q0_overlay.png",
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


def test_another_image_of_a_finished_stem_is_refused(case, tmp_path):
    run(case)
    other = tmp_path / "other" / "q0.png"
    other.parent.mkdir()
    Image.new("RGB", (9, 9)).save(other)
    with pytest.raises(InputError, match="another image of the same stem"):
        run(case, sources=[other])


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


def test_the_record_is_written_on_the_way(case, monkeypatch):
    monkeypatch.setattr(job, "_WRITE_EVERY", 0)
    counts = []
    run(case, progress=lambda done, total, name: counts.append(len(record(case)["images"])))
    assert counts == [0, 1, 2, 3]
