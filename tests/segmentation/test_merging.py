"""The parts of a job, merged, are the job: decided about, tabled and reported as one folder."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.reporting import write_report
from obftnet.segmentation import decide_results
from obftnet.segmentation.merging import merge_results
from obftnet.segmentation.record import read_record
from obftnet.segmentation.shard import Shard

from .results import smooth, write_results

NAMES = ("line1/a", "line1/b", "line2/a", "c")
PARTS = (NAMES[:2], (), NAMES[2:])


def scores(names: tuple[str, ...]) -> dict:
    return {name: smooth(NAMES.index(name), (40, 48)) for name in names}


def rows(out: Path, table: str = "images.csv") -> list[dict[str, str]]:
    with (out / table).open() as stream:
        found = [{key: text for key, text in row.items() if key != "file"} for row in csv.DictReader(stream)]
    return sorted(found, key=lambda row: tuple(row.values()))


@pytest.fixture
def job(tmp_path) -> Path:
    """Three parts, one of them empty, and beside it the same in one piece."""
    for number, names in enumerate(PARTS, start=1):
        write_results(tmp_path / "parts" / Shard(number, 3).folder, scores(names))
    write_results(tmp_path / "whole/results", scores(NAMES))
    return tmp_path / "parts"


def test_merged_parts_are_the_job_in_one_piece(job):
    whole = job.parent / "whole/results"
    before = {path: path.read_bytes() for path in job.rglob("*") if path.is_file()}
    summary = merge_results(job)
    assert (summary.done, summary.kept, summary.passed + summary.failed) == (0, 4, 4)
    assert before.items() <= {path: path.read_bytes() for path in job.rglob("*") if path.is_file()}.items()
    for table in ("images.csv", "regions.csv"):
        assert rows(job, table) == rows(whole, table)
    assert {row["image"] for row in rows(job)} == {"line1/a.png", "line1/b.png", "line2/a.png", "c.png"}
    again = (job / "segment.json").read_bytes()
    merge_results(job)
    assert (job / "segment.json").read_bytes() == again


def test_what_is_merged_is_decided_about_and_stays_decided(job):
    whole = job.parent / "whole/results"
    merge_results(job)
    assert decide_results(job, threshold=0.8).decided == 4
    decide_results(whole, threshold=0.8)
    assert rows(job) == rows(whole)
    masks = sorted(path.read_bytes() for path in job.rglob("*_mask.png"))
    assert masks == sorted(path.read_bytes() for path in whole.rglob("*_mask.png"))
    merge_results(job)
    assert read_record(job).settled.decision.threshold == 0.8


def test_a_report_finds_the_truth_by_the_names_of_the_images(job):
    truth = job.parent / "truth"
    for mask in (job.parent / "whole/results").rglob("*_mask.png"):
        place = truth / mask.relative_to(job.parent / "whole/results")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mask, place)
    merge_results(job)
    judged = write_report(job, job.parent / "report.html", truth=truth).judged
    known = judged.good.total + judged.defective.total
    assert known == 4
    assert judged.good.failed == 0
    assert judged.defective.failed == judged.defective.total


def part(job: Path, number: int) -> Path:
    return job / Shard(number, 3).folder


def rewritten(job: Path, **other: object) -> None:
    shutil.rmtree(part(job, 3))
    write_results(part(job, 3), scores(PARTS[2]), **other)


def other_weights(job: Path) -> None:
    path = part(job, 3) / "segment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"weights_sha256": "1" * 64}))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda job: shutil.rmtree(part(job, 2)), "part 2/3 is not there"),
        (lambda job: (part(job, 2) / "segment.json").unlink(), "part 2/3 has no segment.json"),
        (lambda job: (part(job, 1) / "segment.unfinished").touch(), "part 1/3 is not finished"),
        (lambda job: (part(job, 1) / "images.csv").unlink(), "part 1/3 is not finished"),
        (lambda job: (job / Shard(1, 2).folder).mkdir(), "parts of 2 and of 3"),
        (lambda job: rewritten(job, decision=Decision(0.7, 9)), "threshold 0.5, now 0.7"),
        (other_weights, "other weights"),
        (lambda job: shutil.copytree(job.parent / "whole/results", job, dirs_exist_ok=True), "other results"),
    ],
)
def test_what_cannot_be_merged_is_one_line(job, spoil, said):
    spoil(job)
    before = {path: path.read_bytes() for path in job.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=said) as error:
        merge_results(job)
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in job.rglob("*") if path.is_file()} == before


def test_where_there_is_no_part_nothing_is_left(tmp_path):
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(InputError, match="no part of a job in it"):
            merge_results(folder)
    assert not list(tmp_path.iterdir())
