"""`obftnet pack`: a pack shown and changed by the command line."""

import numpy as np
import pytest
from PIL import Image

from obftnet.packs import read_pack


@pytest.fixture
def packed(command, world, monkeypatch):
    """`world` with a.pack, and in more/ another support and another good image; the commands run there."""
    monkeypatch.chdir(world)
    rng = np.random.default_rng(1)
    (world / "more").mkdir()
    for name in ("more/t.png", "more/good.png"):
        Image.fromarray(rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)).save(world / name)
    Image.open(world / "guidance/support/s_mask.png").save(world / "more/t_mask.png")
    command(
        "fit", "--guidance", "guidance", "--out", "a.pack", "--weights", "model.safetensors", "--by", "Ada"
    )
    return world


BY = ("--weights", "model.safetensors", "--threads", "1", "--by", "Bob")


def test_a_pack_is_shown_changed_and_made_a_folder_again(command, packed):
    status, out, err = command(
        "pack", "add", "a.pack", "--support", "more/t.png", "--good", "more/good.png", *BY
    )
    assert (status, err) == (0, [])
    assert out.startswith("added support/t.png, background/good.png\nsupports     2\nbackgrounds  2\n")
    status, out, err = command("pack", "show", "a.pack")
    assert (status, err) == (0, [])
    for line in ("support/t.png", "background/good.png", "Ada, obftnet", "Bob, obftnet", "400 pixels marked"):
        assert line in out
    status, out, err = command("pack", "export-images", "a.pack", "--out", "again")
    assert (status, err) == (0, [])
    assert (packed / "again/support/t_mask.png").read_bytes() == (packed / "more/t_mask.png").read_bytes()
    command("fit", "--guidance", "again", "--out", "b.pack", "--weights", "model.safetensors")
    assert read_pack("b.pack").content.fitted == read_pack("a.pack").content.fitted
    status, out, err = command("pack", "remove", "a.pack", "t.png", "good.png", *BY)
    assert (status, err) == (0, [])
    status, out, err = command("pack", "refit", "a.pack", *BY)
    assert (status, err) == (0, [])
    assert out.startswith("fitted again\nsupports     1\nbackgrounds  1\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("show gone.pack", "no such file"),
        ("show model.safetensors", "an obftnet model, but not a pack"),
        ("add a.pack", "nothing to add: name a support or a good image (--support, --good)"),
        ("add a.pack --support more/t_mask.png", "the mask of t.png by its name; name the image"),
        ("add a.pack --support more/good.png", "good.png: no mask; more/good_mask.png is wanted"),
        ("add a.pack --support gone.png", "no such file"),
        ("add a.pack --good data", "no image in it"),
        ("add a.pack --support guidance/support --weights model.safetensors", "the same image as s.png"),
        ("add a.pack --good more/good.png", "do not ship; say where they are (--weights)"),
        ("remove a.pack s.png", "no support would be left"),
        ("remove a.pack x.png", "which holds support/s.png, background/b.png"),
        ("refit a.pack --weights guidance/support/s.png", "s.png"),
        ("export-images a.pack --out queries", "is there already"),
        ("export-images a.pack --out queries/q.png/x", "cannot be written"),
        ("turn a.pack", "obftnet pack --help lists what there is"),
    ],
)
def test_what_cannot_be_is_one_line(command, packed, words, says):
    before = {path: path.read_bytes() for path in packed.rglob("*") if path.is_file()}
    status, out, err = command("pack", *words.split())
    assert (status, out, len(err)) == (2, "", 1), (out, err)
    assert says in err[0]
    assert {path: path.read_bytes() for path in packed.rglob("*") if path.is_file()} == before
