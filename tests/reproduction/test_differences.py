import csv
import math

import pytest

from obftnet.reproduction import PaperTable, write_report
from obftnet.reproduction.cells import Cell
from obftnet.reproduction.differences import Difference, differences
from obftnet.reproduction.tables import PaperRow

ROWS = {name: PaperRow(method="panet") for name in ("a", "b", "c")}
TABLE = PaperTable(title="t", rows=ROWS, against={"b": "a", "c": "b"})


def row(name, folds, std, trainings, shots=1):
    mean = sum(folds) / len(folds)
    return [
        *(Cell(name, shots, f"f{i}", value, std, None, None, trainings) for i, value in enumerate(folds)),
        Cell(name, shots, "mean mIoU", mean, std, None, None, trainings),
        Cell(name, shots, "mean FB-IoU", 99.0, 50.0, None, None, trainings),
        Cell(name, shots, "inclusion", 99.0, 50.0, None, None, trainings),
    ]


def test_the_difference_by_hand():
    numbers = row("a", [10, 20], 3, 2) + row("b", [18, 16], 4, 3)
    assert differences(TABLE, numbers) == [Difference("b", "a", 1, 2.0, 5.0, 1, 2)]


@pytest.mark.parametrize(
    ("mean", "trainings", "verdict"),
    [
        (14.9, 2, "nothing"),
        (15.0, 2, "nothing"),
        (15.1, 2, "gain"),
        (4.9, 2, "loss"),
        (5.0, 2, "nothing"),
        (40.0, 1, "trained once"),
    ],
)
def test_what_is_no_larger_than_the_spread_is_nothing(mean, trainings, verdict):
    (found,) = differences(TABLE, row("a", [10], 3, 2) + row("b", [mean], 4, trainings))
    assert found.verdict == verdict


def test_what_is_not_trained_has_no_spread_of_its_own():
    (found,) = differences(TABLE, row("a", [10], 0, 0) + row("b", [12], 1.5, 2))
    assert found.spread == 1.5
    assert found.verdict == "gain"


def test_only_rows_that_are_both_there_with_the_same_shots():
    numbers = row("a", [10], 1, 2, shots=1) + row("b", [11], 1, 2, shots=5) + row("c", [12], 1, 2, shots=5)
    (found,) = differences(TABLE, numbers)
    assert (found.row, found.against, found.shots) == ("c", "b", 5)
    assert found.spread == pytest.approx(math.sqrt(2))


def test_the_report_says_it(tmp_path):
    numbers = row("a", [10, 20], 3, 2) + row("b", [18, 16], 4, 3)
    paths = write_report(tmp_path, "t", TABLE, "compact", numbers, "A note.")
    text = paths[1].read_text()
    assert "| b, 3 trainings | 18.0 ± 4.0 |" in text
    assert "| 1 | b | a | +2.0 | 5.0 | 1 of 2 | nothing |" in text
    with paths[0].open(newline="") as file:
        assert {line["trainings"] for line in csv.DictReader(file)} == {"2", "3"}
    alone = write_report(tmp_path, "t", TABLE, "compact", row("a", [10], 0, 1), "A note.")
    assert "spread" not in alone[1].read_text()
