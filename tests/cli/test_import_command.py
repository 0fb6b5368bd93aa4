import json
import shutil

from obftnet.annotations import FORMATS

SQUARE = [[10.0, 10.0], [30.0, 10.0], [30.0, 20.0], [10.0, 20.0]]


def annotate(folder, name, *labels, good=False):
    shapes = [{"label": label, "points": SQUARE, "shape_type": "polygon"} for label in labels]
    content = {"imagePath": name, "shapes": shapes, "flags": {"good": good}, "imageData": None}
    (folder / name).with_suffix(".json").write_text(json.dumps(content))


def test_an_import_ends_with_what_check_says(obftnet, world):
    photos = world / "photos"
    photos.mkdir()
    for name in ("q.png", "r.png"):
        shutil.copy(world / "queries" / name, photos / name)
    annotate(photos, "q.png", "scratch", "dent")
    annotate(photos, "r.png", good=True)
    status, out, err = obftnet("import", "labelme", photos, "--out", world / "new", "--labels", "scratch")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "note     label 'dent' is not wanted, left out: 1 (1 shape(s))",
        f"{photos}: images by kind of defect: scratch 1; good: 1",
        f"{world / 'new'} as guidance: 1 support(s), 1 background(s); 0 refused, 0 note(s)",
    ]
    _, checked, _ = obftnet("check", world / "new")
    assert checked.splitlines() == out.splitlines()[2:]


def test_what_is_missing_is_said_though_the_import_did_what_it_should(obftnet, world):
    annotate(world / "queries", "q.png", "scratch")
    status, out, err = obftnet("import", "labelme", world / "queries/q.json", "--out", world / "new")
    assert (status, err) == (0, "")
    assert "refused" in out
    assert "no background image" in out


def test_a_refusal_is_one_line_and_names_the_option(obftnet, world):
    annotate(world / "queries", "q.png", "scratch")
    shutil.move(world / "queries/q.png", world / "q.png")
    status, out, err = obftnet("import", "labelme", world / "queries/q.json", "--out", world / "new")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.endswith("(--images)\n")
    status, _, _ = obftnet(
        "import", "labelme", world / "queries/q.json", "--images", world, "--out", world / "new"
    )
    assert status == 0


def test_every_format_is_in_the_help(obftnet):
    _, out, _ = obftnet("import", "--help")
    assert all(name in out for name in FORMATS)
