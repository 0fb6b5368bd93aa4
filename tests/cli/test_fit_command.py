"""A pack by the command line: the same scores as by its folder, in whatever order the commands are given."""

import numpy as np
import pytest
from PIL import Image

from obftnet.imaging.read import read_image
from obftnet.packs import read_pack
from obftnet.segmenter import Segmenter

RESULTS = ("q_score.tiff", "q_mask.png", "q_overlay.png", "r_score.tiff", "r_mask.png", "r_overlay.png")


def test_folder_pack_and_python_give_the_same_results(command, world):
    model, pack = world / "model.safetensors", world / "a.pack"
    by = ("--weights", model, "--threads", 1)
    status, out, err = command(
        "segment", world / "queries", "--guidance", world / "guidance", "--out", world / "one", *by
    )
    assert (status, err) == (0, []), err
    status, out, err = command("fit", "--guidance", world / "guidance", "--out", pack, *by, "--by", "Ada")
    assert (status, err) == (0, [])
    assert "supports     1\nbackgrounds  1\n" in out
    assert [event.who for event in read_pack(pack).content.history] == ["Ada"]
    # From the pack alone: its folder is gone.
    (world / "guidance").rename(world / "elsewhere")
    status, out, err = command(
        "explain", world / "queries/q.png", "--pack", pack, "--out", world / "w.png", *by
    )
    assert (status, err) == (0, [])
    assert "of its mass on the supports' defect" in out
    status, out, err = command("segment", world / "queries", "--pack", pack, "--out", world / "two", *by)
    assert (status, err) == (0, [])
    for name in RESULTS:
        assert (world / "two" / name).read_bytes() == (world / "one" / name).read_bytes(), name
    score = Segmenter.load(pack, "cpu", weights=model).predict(world / "queries/q.png").score
    np.testing.assert_array_equal(read_image(world / "two/q_score.tiff")[:, :, 0], score)
    # The folder's results and the pack's are of one guidance: a job by the one goes on with the other's.
    status, out, err = command("segment", world / "queries", "--pack", pack, "--out", world / "one", *by)
    assert "2 of them done before" in out


def test_another_pack_s_results_are_made_anew(command, world):
    by = ("--weights", world / "model.safetensors", "--threads", 1)
    for name, seed in (("a", 5), ("b", 6)):
        values = np.random.default_rng(seed).integers(0, 256, (48, 60, 3), dtype=np.uint8)
        Image.fromarray(values).save(world / "guidance/background/b.png")
        command("fit", "--guidance", world / "guidance", "--out", world / f"{name}.pack", *by)
    command("segment", world / "queries", "--pack", world / "a.pack", "--out", world / "out", *by)
    before = (world / "out/q_score.tiff").read_bytes()
    status, _, err = command(
        "segment", world / "queries", "--pack", world / "b.pack", "--out", world / "out", *by
    )
    assert status == 0
    assert "2 result(s) by other settings (other guidance) are made anew" in err[0]
    assert (world / "out/q_score.tiff").read_bytes() != before


def test_the_pack_s_decision_holds_unless_another_is_given(command, world):
    by = ("--weights", world / "model.safetensors", "--threads", 1)
    fit = ("fit", "--guidance", world / "guidance", "--out", world / "a.pack", *by)
    command(*fit, "--threshold", 0.01, "--min-area", 0)
    command("segment", world / "queries", "--pack", world / "a.pack", "--out", world / "out", *by)
    score = read_image(world / "out/q_score.tiff")[:, :, 0]
    mask = read_image(world / "out/q_mask.png")[:, :, 0] > 0.5
    np.testing.assert_array_equal(mask, score > 0.01)
    segment = ("segment", world / "queries", "--pack", world / "a.pack", "--out", world / "out", *by)
    status, out, _ = command(*segment, "--threshold", 0.99)
    assert status == 0
    assert "2 decided anew" in out
    mask = read_image(world / "out/q_mask.png")[:, :, 0] > 0.5
    np.testing.assert_array_equal(mask, score > 0.99)


def test_a_query_that_the_pack_holds_is_told_apart(command, world):
    by = ("--weights", world / "model.safetensors", "--threads", 1)
    command("fit", "--guidance", world / "guidance", "--out", world / "a.pack", *by)
    for name in ("s.png", "s_mask.png"):
        (world / "guidance/support" / name).rename(world / "queries" / f"x{name}")
    Image.open(world / "queries/xs.png").save(world / "queries/y.bmp")  # other bytes, the same picture
    status, out, err = command(
        "segment", world / "queries", "--pack", world / "a.pack", "--out", world / "out", *by
    )
    assert status == 2
    assert len(err) == 2
    assert all("the same image as the support" in line and "a.pack/support/s.png" in line for line in err)
    assert "1 left out" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("segment queries --out out", "one of the two (--guidance, --pack)"),
        (
            "segment queries --out out --guidance guidance --pack a.pack",
            "one of the two (--guidance, --pack)",
        ),
        ("segment queries --out out --pack a.pack --tile 64", "the pack settles tile; leave it out (--tile)"),
        ("segment queries --out out --pack a.pack --shots 1", "the pack settles shots"),
        ("segment queries --out out --pack a.pack --bits 12", "the pack settles bits"),
        ("segment queries --out out --pack a.pack", "do not ship; say where they are (--weights)"),
        ("segment queries --out out --pack gone.pack", "no such file; a pack that obftnet wrote is wanted"),
        ("segment queries --out out --pack model.safetensors", "an obftnet model, but not a pack"),
        ("segment queries --out out --pack guidance", "is a folder; a pack"),
        ("explain queries/q.png --out w.png --pack a.pack --tile 64", "the pack settles tile"),
        ("explain queries/q.png --out w.png", "one of the two (--guidance, --pack)"),
        ("fit --guidance guidance --out model.safetensors", "not a pack, and would be overwritten"),
        ("fit --guidance guidance --out guidance/support/s.png", "is read as"),
        ("fit --guidance guidance --out queries", "is a folder"),
        ("fit --guidance guidance --out b.pack --threshold 1", "would mark nothing"),
        ("fit --guidance guidance --out b.pack --background sky", "one of good, window, complement"),
        (
            "fit --guidance guidance --out b.pack --background window",
            "beside background window, by which good material is seen in the supports",
        ),
        ("fit --guidance guidance --out b.pack --interest gone.png", "gone.png: no such file"),
        ("fit --guidance guidance --out b.pack --interest guidance/support/s.png", "s.png"),
        ("fit --guidance guidance --out b.pack --scale 0", "pixels a millimetre"),
        ("fit --guidance guidance --out b.pack --min-area nan", "min_area"),
    ],
)
def test_what_cannot_be_is_one_line(command, world, monkeypatch, words, says):
    monkeypatch.chdir(world)
    command("fit", "--guidance", "guidance", "--out", "a.pack", "--weights", "model.safetensors")
    before = {path: path.read_bytes() for path in world.rglob("*") if path.is_file()}
    status, out, err = command(*words.split())
    assert (status, out, len(err)) == (2, "", 1), (out, err)
    assert says in err[0]
    assert {path: path.read_bytes() for path in world.rglob("*") if path.is_file()} == before
