"""A folder of results is read whole, and what is not as it was written is not reported."""

import json

import numpy as np
import pytest

from obftnet.errors import InputError
from obftnet.imaging.write import write_png
from obftnet.reporting.results import natural, read_results
from obftnet.segmentation.journal import Journal
from obftnet.segmentation.record import NAME

LEVELS = {"part10": 0.9, "part2": 0.55, "part1": 0.1, "b/part1": 0.3}


def test_images_are_in_the_order_of_their_names_and_have_their_verdicts(make):
    results = read_results(make(LEVELS).folder)
    assert [(item.number, item.name, str(item.verdict)) for item in results.items] == [
        (1, "b/part1.png", "pass"),
        (2, "part1.png", "pass"),
        (3, "part2.png", "review"),
        (4, "part10.png", "fail"),
    ]
    assert (results.unfinished, results.checked, results.gone) == (False, 14, [])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a10", "a9", "a"], ["a", "a9", "a10"]),
        (["B2", "a2", "b1"], ["a2", "b1", "B2"]),
        (["2", "10", "x", "1x"], ["1x", "2", "10", "x"]),
        (["a01", "a1"], ["a01", "a1"]),
        (["", "٣", "²"], ["", "٣", "²"]),
    ],
)
def test_numbers_in_names_count_as_numbers(names, expected):
    assert sorted(names, key=natural) == expected


def test_what_a_stopped_job_had_finished_is_in_it_and_it_is_said_to_be_unfinished(make):
    made = make(LEVELS)
    record = made.record.model_copy(deep=True)
    last = record.images.pop()
    record.write(made.folder)
    Journal(made.folder, record).add(last)
    results = read_results(made.folder)
    assert results.unfinished
    assert len(results.items) == len(LEVELS)


@pytest.mark.parametrize("kind", ["mask", "score", "overlay"])
def test_a_file_that_changed_is_refused_by_name(make, kind):
    made = make(LEVELS)
    path = next(made.folder.glob(f"part2_{kind}.*"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match=rf"part2_{kind}\.\w+: changed since it was written"):
        read_results(made.folder)


def test_a_file_that_is_gone_is_listed(make):
    made = make(LEVELS)
    path = made.folder / "part2_overlay.png"
    path.unlink()
    results = read_results(made.folder)
    assert (results.gone, results.checked) == ([path], 13)


def test_a_changed_photograph_is_not_shown_for_the_one_that_was_segmented(make):
    made = make(LEVELS)
    write_png(made.photos / "part1.png", np.zeros((48, 60, 3), np.uint8))
    (made.photos / "part2.png").unlink()
    results = read_results(made.folder)
    seen = {item.result: results.see(item) for item in results.items}
    assert {name: found.is_overlay for name, found in seen.items()} == {
        "part10": False,
        "b/part1": False,
        "part1": True,
        "part2": True,
    }
    assert sorted(path.name for path in results.photos_gone) == ["part1.png", "part2.png"]
    assert seen["part1"].base.samples.any()


@pytest.mark.parametrize("keep", [["mask"], ["score"], ["overlay"], ["mask", "overlay"]])
def test_what_was_not_kept_is_done_without(make, keep):
    made = make(LEVELS, keep=keep)
    results = read_results(made.folder)
    seen = results.see(results.items[-1])
    assert (seen.score is not None) == ("score" in keep)
    # A mask that was not kept is that of the regions.
    assert seen.mask.sum() == 120


def edit(change):
    def spoil(folder):
        content = json.loads((folder / NAME).read_text())
        change(content)
        (folder / NAME).write_text(json.dumps(content))

    return spoil


@edit
def other_verdict(content):
    content["images"][0]["verdict"] = "pass"


@edit
def another_decision(content):
    content["images"][1]["decided_by"] = "0" * 16


def no_record(folder):
    (folder / NAME).unlink()


def foreign(folder):
    (folder / NAME).write_text('{"images": []}')


def no_json(folder):
    (folder / NAME).write_text("x")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (other_verdict, r"segment\.json: part10\.png is said to pass with an image score of 0\.9"),
        (another_decision, r"segment\.json: part2\.png was decided by other numbers"),
        (no_record, r"no segment\.json in it; a folder of results"),
        (foreign, r"segment\.json: not a record"),
        (no_json, r"segment\.json: not JSON"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_sound_result_is_refused(make, spoil, says):
    made = make(LEVELS)
    spoil(made.folder)
    with pytest.raises(InputError, match=says):
        read_results(made.folder)
    with pytest.raises(InputError, match="no such folder"):
        read_results(made.folder / "nowhere")
