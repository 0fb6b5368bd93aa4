from dataclasses import replace

import pytest

from obftnet.reproduction import run


@pytest.fixture
def reproduce(command, world, monkeypatch):
    """The command on the pool's names, with a budget of seconds."""
    monkeypatch.setattr("obftnet.training.log._tensorboard", lambda folder, step: None)
    monkeypatch.setitem(run.BUDGETS, "short", replace(run.BUDGETS["short"], size=64, steps=1, batch=1))
    for name in ("leather", "tile", "wood", "magtile", *(f"fabric_{n:02}" for n in range(7))):
        (world / "data" / name).symlink_to(world / "data" / "cork")
    monkeypatch.chdir(world)
    fixed = ("--data", "data", "--protocol", "pool", "--backbone", "compact", "--backbone-weights", "random")
    return lambda *more: command("reproduce", *more, *fixed, "--out", "out", "--shots", 1)


def test_a_table_in_three_files(reproduce, world):
    rows = ("--rows", "hsnet", "--rows", "prototype", "--fold", "tile")
    status, out, err = reproduce("table2", *rows)
    assert status == 0, err
    assert out.splitlines() == [f"out/table2_compact.{suffix}" for suffix in ("csv", "md", "png")]
    text = (world / "out" / "table2_compact.md").read_text()
    assert "| | tile | mean mIoU | mean FB-IoU |" in text
    assert [line.split(" | ")[0] for line in text.splitlines()[-2:]] == ["| hsnet", "| prototype"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("table9",), "unknown table 'table9'; there are: table2, table4, table5"),
        (("table4", "--rows", "unet"), "--rows 'unet': no such row"),
        (("table4", "--fold", "cork"), "--fold 'cork': no such fold"),
    ],
)
def test_bad_input_is_one_line(reproduce, world, words, said):
    status, out, err = reproduce(*words)
    assert (status, out, len(err)) == (2, "", 1)
    assert said in err[0]
    assert not (world / "out").exists()
