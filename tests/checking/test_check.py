"""All that is wrong with a folder is listed at once, in the words of the commands that would refuse it."""

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obftnet.checking import check_folder_of, kind_of
from obftnet.data import read_guidance, read_layout
from obftnet.errors import InputError, InputWarning
from obftnet.imaging.orientation import ORIENTATION
from obftnet.inputs import read_support

SIZE = (40, 60)


def save(path: Path, pixels: np.ndarray, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **more)
    return path


def photo(path: Path, seed: int = 0, **more: object) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    return save(path, pixels, **more)


def mask(path: Path, size: tuple[int, int] = SIZE, rows: slice = slice(8, 20)) -> Path:
    pixels = np.zeros(size, np.uint8)
    pixels[rows, 10:30] = 255
    return save(path, pixels)


def damaged(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-200])
    return path


def texts(checked, *, refused: bool) -> list[str]:
    return [finding.text for finding in checked.findings if finding.refused == refused]


def files_of(found: list[str]) -> list[str]:
    return [Path(text.split(": ")[0]).name for text in found]


def digest(folder: Path) -> str:
    parts = []
    for path in sorted(folder.rglob("*")):
        parts.append(f"{path} {path.lstat().st_mtime_ns}")
        parts.append(hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
    return "\n".join(parts)


@pytest.fixture
def guidance(tmp_path) -> Path:
    folder = tmp_path / "guidance"
    for seed, stem in enumerate(("a", "b")):
        photo(folder / "support" / f"{stem}.png", seed)
        mask(folder / "support" / f"{stem}_mask.png")
    photo(folder / "background/good.png", 9)
    return folder


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "data"
    for seed in range(3):
        photo(folder / f"cork/test/crack/{seed}.png", seed)
        mask(folder / f"cork/ground_truth/crack/{seed}_mask.png")
        photo(folder / f"cork/train/good/{seed}.png", 10 + seed)
    return folder


def test_sound_folders_have_no_finding(guidance, data, tmp_path):
    photo(tmp_path / "photos/q.png", 20)
    for folder, kind in ((guidance, "guidance"), (data, "mvtec"), (tmp_path / "photos", "queries")):
        checked = check_folder_of(folder)
        assert (checked.kind, checked.findings) == (kind, ())
    assert check_folder_of(guidance).holds == "2 support(s), 1 background(s)"
    assert check_folder_of(data).holds == "3 defect sample(s), 3 good image(s)"


def test_every_problem_of_a_guidance_folder_at_once(guidance):
    support, background = guidance / "support", guidance / "background"
    photo(support / "c.png", 2)
    mask(support / "lost_mask.png")
    photo(support / "d.png", 3)
    mask(support / "d_mask.png", (30, 60))
    photo(support / "e.png", 4)
    save(support / "e_mask.png", np.random.default_rng(0).integers(0, 256, SIZE, dtype=np.uint8))
    photo(support / "f.png", 5)
    mask(support / "f_mask.png", rows=slice(0, 0))
    damaged(photo(support / "g.png", 6))
    mask(support / "g_mask.png")
    (support / "i.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    (background / "a.png").write_bytes((support / "a.png").read_bytes())
    (background / "empty.png").touch()
    (background / "gone.png").symlink_to("nowhere.png")
    (background / "more").mkdir()
    before = digest(guidance)
    checked = check_folder_of(guidance)
    assert digest(guidance) == before
    refused = texts(checked, refused=True)
    expected = {
        background / "a.png": "the same image as the support",
        background / "empty.png": "0 bytes",
        background / "gone.png": "a link to nothing",
        support / "c.png": "no mask",
        support / "d_mask.png": "must have its image's size",
        support / "e_mask.png": "must hold two",
        support / "f_mask.png": "an empty mask",
        support / "g.png": "truncated or damaged",
        support / "lost_mask.png": "a mask without an image",
    }
    assert [text.split(": ")[0] for text in refused] == [str(path) for path in expected]
    assert [says for says, text in zip(expected.values(), refused, strict=True) if says not in text] == []
    notes = texts(checked, refused=False)
    assert files_of(notes) == ["more", "i.heic"]
    assert "HEIC" in notes[1]


def test_likely_mistakes_are_notes_in_the_words_of_fit(guidance):
    support = guidance / "support"
    photo(support / "c.png", 2)
    save(support / "c_mask.png", 255 - np.asarray(Image.open(support / "a_mask.png")))
    photo(support / "d.png", 3)
    point = np.zeros(SIZE, np.uint8)
    point[4, 4] = 255
    save(support / "d_mask.png", point)
    turned = Image.Exif()
    turned[ORIENTATION] = 3
    photo(support / "e.jpg", 4, exif=turned)
    mask(support / "e_mask.png")
    photo(support / "f.png", 5)
    mask(support / "f_mask.png")
    checked = check_folder_of(guidance)
    assert texts(checked, refused=True) == []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        for index, pair in enumerate(read_guidance(guidance).supports):
            read_support(*pair, f"support {index}", None)
    said = {str(warning.message) for warning in caught}
    assert len(said) == 3
    rest = set(texts(checked, refused=False)) - said
    assert len(checked.findings) == 4
    assert [text[:11] for text in rest] == ["6 supports:"]


def test_a_folder_without_its_parts_is_told_of_both(tmp_path):
    (tmp_path / "support").mkdir()
    refused = texts(check_folder_of(tmp_path), refused=True)
    assert len(refused) == 2
    assert any("no support image" in text for text in refused)
    assert any("no folder background" in text for text in refused)


def test_bits_are_those_of_the_guidance(guidance):
    save(guidance / "background/deep.png", np.full(SIZE, 1000, np.uint16))
    assert check_folder_of(guidance).findings == ()
    (text,) = texts(check_folder_of(guidance, bits=8), refused=True)
    assert "a sample of 1000" in text


def test_queries_are_held_against_the_guidance(guidance, tmp_path):
    photos = tmp_path / "photos"
    photo(photos / "q.png", 30)
    photo(photos / "seen.png", 9)
    photo(photos / "support.png", 0)
    (photos / "x.cr2").write_bytes(b"raw")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    save(photos / "deep.png", np.full(SIZE, 1000, np.uint16))
    save(guidance / "background/deep.png", np.full(SIZE, 200, np.uint16))
    assert files_of(texts(check_folder_of(photos), refused=True)) == ["broken.jpg", "x.cr2"]
    checked = check_folder_of(photos, guidance=guidance)
    assert files_of(texts(checked, refused=True)) == ["broken.jpg", "deep.png", "support.png", "x.cr2"]
    (note,) = texts(checked, refused=False)
    assert note.startswith(f"{photos / 'seen.png'}: the same image as the background")


def test_an_empty_folder_of_queries(tmp_path):
    (text,) = texts(check_folder_of(tmp_path), refused=True)
    assert "no image in it" in text


def test_tiles_that_do_not_fit(guidance):
    names = ["good.png", "a.png", "b.png"]
    refused = texts(check_folder_of(guidance, tile=128), refused=True)
    assert files_of(refused) == names
    assert all("tile of 128 pixels" in text for text in refused)
    notes = texts(check_folder_of(guidance, tile=64), refused=False)
    assert files_of(notes) == names
    assert all("tile of 64 pixels" in text for text in notes)


def test_every_problem_of_a_data_set_at_once(data):
    cork = data / "cork"
    photo(cork / "test/crack/7.png", 7)
    photo(cork / "test/crack/8.png", 8)
    mask(cork / "ground_truth/crack/lost_mask.png")
    damaged(photo(cork / "train/good/5.png", 5))
    save(cork / "ground_truth/crack/1_mask.png", np.full(SIZE, 3, np.uint8))
    photo(cork / "test/stain/0.png", 40)
    mask(cork / "ground_truth/stain/0_mask.png")
    (cork / "test/crack/z.gif").write_bytes(b"GIF89a" + bytes(20))
    for seed in range(2):
        photo(data / f"slate/test/hole/{seed}.png", 50 + seed)
        mask(data / f"slate/ground_truth/hole/{seed}_mask.png")
    before = digest(data)
    checked = check_folder_of(data)
    assert digest(data) == before
    refused = texts(checked, refused=True)
    expected = ("7.png: no mask", "8.png: no mask", "lost_mask.png: a mask without", "5.png: truncated")
    for says in (*expected, "slate has no good image"):
        assert [text for text in refused if says in text]
    assert len(refused) == 5
    notes = texts(checked, refused=False)
    for says in ("cork/stain has images of one group alone", "a GIF image", "1_mask.png: marks 100 %"):
        assert [text for text in notes if says in text]
    assert len(notes) == 3
    with pytest.raises(InputError) as first:
        read_layout("mvtec", data)
    assert str(first.value) in refused


def test_a_manifest_that_does_not_fit(data):
    rows = ["image,group", "cork/test/crack/0.png,g", "cork/test/crack/0.png,g", "cork/test/crack/99.png,h"]
    (data / "manifest.csv").write_text("\n".join(rows))
    refused = texts(check_folder_of(data), refused=True)
    assert sum("stands in it twice" in text for text in refused) == 1
    assert sum("99.png is listed" in text for text in refused) == 1
    assert sum("not in" in text for text in refused) == 5


def test_what_cannot_be_read_at_all(data):
    (text,) = texts(check_folder_of(data / "cork"), refused=True)
    assert "is one material" in text


def test_no_kind_of_two_groups(data):
    for index in (1, 2):
        (data / f"cork/test/crack/{index}.png").unlink()
        (data / f"cork/ground_truth/crack/{index}_mask.png").unlink()
    (text,) = texts(check_folder_of(data), refused=True)
    assert "no kind of defect with images of two groups" in text


def test_neu_seg(tmp_path):
    for name, value in (("1", 1), ("2", 1), ("3", 7)):
        labels = np.zeros(SIZE, np.uint8)
        labels[4:20, 4:20] = value
        save(tmp_path / f"annotations/test/{name}.png", labels)
        photo(tmp_path / f"images/test/{name}.jpg", int(name))
    photo(tmp_path / "images/test/4.jpg", 4)
    checked = check_folder_of(tmp_path)
    assert checked.kind == "neu_seg"
    assert files_of(texts(checked, refused=True)) == ["3.png", "4.jpg"]


def test_what_a_folder_looks_like(guidance, data, tmp_path):
    (tmp_path / "empty").mkdir()
    assert kind_of(tmp_path / "empty") == "queries"
    assert [kind_of(guidance), kind_of(data), kind_of(data / "cork")] == ["guidance", "mvtec", "mvtec"]
    assert check_folder_of(guidance, "queries").kind == "queries"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "coco"}, "guidance, mvtec, neu_seg, queries"),
        ({"kind": "mvtec", "tile": 128}, "without bits and tiles"),
        ({"guidance": "g"}, "queries alone"),
        ({"bits": 3}, "8 to 16"),
    ],
)
def test_settings_that_make_no_sense(guidance, settings, says):
    with pytest.raises(InputError, match=says):
        check_folder_of(guidance, **settings)


def test_no_such_folder(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        check_folder_of(tmp_path / "none")
