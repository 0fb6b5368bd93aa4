import numpy as np
import pytest

from obftnet.decision import Decision
from obftnet.errors import InputError
from obftnet.evaluation.journal import Journal, Kept
from obftnet.evaluation.measures import Measures

ASKED = {"threshold": 0.5}


def measured(seed: int) -> Measures:
    rng = np.random.default_rng(seed)
    return Measures.of(rng.random((9, 7), np.float32), rng.random((9, 7)) < 0.2, Decision(0.4, min_area=3))


FIRST, SECOND = measured(1), measured(2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "r.unfinished"


def test_what_was_noted_is_read_again(path):
    journal = Journal(path, ASKED)
    assert not path.exists()
    journal.add(("leather", 0, 0), FIRST)
    Kept(journal, "tile", 3).add(7, SECOND)
    again = Journal(path, ASKED)
    assert len(again) == 2
    assert again.get(("leather", 0, 0)) == FIRST
    assert Kept(again, "tile", 3).get(7) == SECOND
    assert again.get(("tile", 0, 7)) is None


def test_other_settings_start_anew(path):
    Journal(path, ASKED).add(("leather", 0, 0), FIRST)
    other = Journal(path, {"threshold": 0.6})
    assert len(other) == 0
    other.add(("leather", 0, 1), SECOND)
    assert len(Journal(path, ASKED)) == 0
    assert Journal(path, {"threshold": 0.6}).get(("leather", 0, 1)) == SECOND


@pytest.mark.parametrize(
    "tail",
    [
        '["leather", 0, 2, 1, 1',
        '["leather", 0, 2, 1, 1, 1, 1]',
        "{}\n",
        "\x00\n",
        '["leather", 0, 2, 1, 1, 1, -1]\n',
        '["leather", 0, 2, 1, 1, 1, 1.5]\n',
        '["leather", 0, 2, 1, 1, 1, true]\n',
        '["leather", 0, 2, 1, 1, 1]\n',
        "[" * 100_000 + "\n",
    ],
)
def test_a_torn_line_costs_its_query_alone(path, tail):
    journal = Journal(path, ASKED)
    journal.add(("leather", 0, 0), FIRST)
    journal.add(("leather", 0, 1), SECOND)
    with path.open("a") as file:
        file.write(tail)
    again = Journal(path, ASKED)
    assert len(again) == 2
    again.add(("leather", 0, 2), FIRST)
    third = Journal(path, ASKED)
    assert [third.get(("leather", 0, place)) for place in range(3)] == [FIRST, SECOND, FIRST]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"notes\n", b"0" * 63])
def test_a_file_that_is_no_journal_is_left_alone(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"r\.unfinished: "):
        Journal(path, ASKED)
    assert path.read_bytes() == content


def test_it_goes_with_the_evaluation(path):
    journal = Journal(path, ASKED)
    journal.remove()
    journal.add(("leather", 0, 0), FIRST)
    journal.remove()
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_named(path):
    path.parent.write_text("a file")
    with pytest.raises(InputError, match="results"):
        Journal(path, ASKED).add(("leather", 0, 0), FIRST)
