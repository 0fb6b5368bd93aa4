import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from obftnet.config import CuesConfig
from obftnet.imaging import read_image
from obftnet.model import OBFTNet
from obftnet.weights import save_model


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


@pytest.fixture(scope="module")
def similarity_model(tmp_path_factory) -> Path:
    """Reads what the weights that ship read, untrained."""
    torch.manual_seed(0)
    config = CuesConfig(backbone="compact", size=64, cues="abnsutm", coreset=4096, self_support=True)
    path = tmp_path_factory.mktemp("similarity") / "model.safetensors"
    save_model(path, OBFTNet(config))
    return path


@pytest.mark.parametrize("tile", [(), ("--tile", 64)])
def test_a_model_of_similarities_says_what_a_point_is_like(explain, world, similarity_model, tile):
    for kind in ("support/s", "background/b"):
        large = Image.open(world / f"guidance/{kind}.png").resize((130, 100))
        large.save(world / f"guidance/{kind}.png")
    mask = world / "guidance/support/s_mask.png"
    Image.open(mask).resize((130, 100), Image.Resampling.NEAREST).save(mask)
    # No name is a formula or markup.
    odd = "a$x_{1}$[bold]&<b>.png"
    (world / "guidance/support/s.png").rename(world / "guidance/support" / odd)
    mask.rename(world / "guidance/support" / odd.replace(".png", "_mask.png"))
    shutil.copy(world / "guidance/background/b.png", world / "queries/q.png")
    status, out, err = explain(
        "--weights", similarity_model, "--points", "3,40", "--points", "129,0", "--points", "3,40", *tile
    )
    assert status == 0, err
    *lines, picture = out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["point 3,40", "point 129,0", "point 3,40"]
    assert picture == "out/why.png"
    for line in lines:
        assert f"most like the defect of {odd} at " in line
        # The query is the background: at one scale it is like nothing as much as like itself.
        assert tile or "most like good material in b.png at 8,43: 1.00" in line or "point 129" in line
        assert "like a turned or mirrored view of a defect: " in line
        assert " of the mass on the defect (typical " in line
        assert "second look: " in line
        assert ("the tile of 64 pixels at " in line) == bool(tile)
    assert Image.open(world / "out/why.png").info["Software"] == "obftnet"


def test_a_model_of_the_transport_looks_at_tiles(explain, world):
    for path in sorted(world.glob("guidance/*/*.png")):
        Image.open(path).resize((130, 100), Image.Resampling.NEAREST).save(path)
    shutil.copy(world / "guidance/background/b.png", world / "queries/q.png")
    status, out, err = explain("--tile", 64, "--points", "3,40", "--points", "129,99")
    assert status == 0, err
    assert [line.split(":")[0] for line in out.splitlines()] == ["point 3,40", "point 129,99", "out/why.png"]
    assert "of its mass on the supports' defect" in out


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
        (("--tile", "10"), "tile of 10 pixels: at least 64"),
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
