import pytest

from obftnet.doctor.limits import memory_left, processors


@pytest.mark.parametrize(
    ("share", "most"),
    [("100000 100000", 1), ("50000 100000", 1), ("150000 100000", 2), ("max 100000", None), ("x", None)],
)
def test_processors_of_a_container(tmp_path, share, most):
    free = processors(tmp_path / "none")
    (tmp_path / "cpu.max").write_text(share)
    assert processors(tmp_path) == (free if most is None else min(free, most))


def test_memory_of_a_container(tmp_path):
    assert memory_left(tmp_path) is None
    (tmp_path / "memory.current").write_text("300\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_left(tmp_path) is None
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory_left(tmp_path) == 700
    (tmp_path / "memory.max").write_text("200\n")
    assert memory_left(tmp_path) == 0
