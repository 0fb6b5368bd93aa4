import shutil

import pytest
from PIL import Image

from obftnet.imaging import read_image


@pytest.fixture
def explain(command, world, monkeypatch):
    monkeypatch.chdir(world)
    fixed = ("--guidance", "guidance", "--weights", "model.safetensors", "--out", "out/why.png")
    return lambda *more: command("explain", "queries/q.png", *fixed, *more)


def test_a_picture_and_a_line_a_point(explain, world):
    status, out, err = explain("--points", "3,40", "--points", "59,0")
    assert status == 0, err
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["point 3,40", "point 59,0", "out/why.png"]
    assert read_image(world / "out" / "why.png").std() > 0


def test_points_are_chosen_and_every_guidance_image_is_shown(explain, world):
    status, out, err = explain()
    assert status == 0, err
    assert len(out.splitlines()) == 5
    narrow = Image.open(world / "out" / "why.png").size
    shutil.copy(world / "guidance/background/b.png", world / "guidance/background/c.png")
    explain("--level", "2")
    wide = Image.open(world / "out" / "why.png").size
    assert wide[0] > narrow[0]
    assert wide[1] == narrow[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--points", "60,0"), "point 60,0: outside queries/q.png, which is 60 x 48 pixels"),
        (("--points", "3"), "--points '3': not a pixel; X,Y"),
        (("--points", "-1,4"), "--points '-1,4': not a pixel"),
        (("--level", "3"), "level 3: the model has 3"),
        (("--guidance", "absent"), "absent"),
        (("--weights", "absent"), "absent: no such weights"),
        (("--device", "tpu"), "tpu"),
        (("--out", "queries"), "queries: is a folder"),
    ],
)
def test_bad_input_is_one_line(explain, world, options, said):
    status, out, err = explain(*options)
    assert status == 2
    assert out == ""
    assert len(err) == 1
    assert said in err[0]
    assert not (world / "out").exists()
