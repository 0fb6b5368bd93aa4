"""Folders laid out as VisA is distributed (VisA_20220922.tar), with its two kinds of table."""

import numpy as np
import pytest
from PIL import Image

from obftnet.errors import InputError


@pytest.fixture
def visa(tmp_path, photo, rectangle):
    """Two objects, each with a good image for training and one for tests, and two with a defect."""

    def build(tables=True, split=True):
        rows = []
        for name in ("candle", "pcb1"):
            lines = []
            for number, part in (("0000", "train"), ("0001", "test")):
                path = f"{name}/Data/Images/Normal/{number}.JPG"
                photo(f"visa/{path}")
                lines.append(f"{path},normal,")
                rows.append(f"{name},{part},normal,{path},")
            for number, kinds in (("000", "melted"), ("001", '"melted,missing part"')):
                path, mask = (
                    f"{name}/Data/Images/Anomaly/{number}.JPG",
                    f"{name}/Data/Masks/Anomaly/{number}.png",
                )
                photo(f"visa/{path}")
                # Each kind has a number of its own.
                marked = rectangle(10, 10, 30, 20) * np.uint8(1) + rectangle(50, 50, 60, 60) * np.uint8(4)
                (tmp_path / "visa" / mask).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(marked).save(tmp_path / "visa" / mask)
                lines.append(f"{path},{kinds},{mask}")
                rows.append(f"{name},test,anomaly,{path},{mask}")
            if tables:
                (tmp_path / "visa" / name / "image_anno.csv").write_text(
                    "image,label,mask\n" + "\n".join(lines)
                )
        if split:
            (tmp_path / "visa/split_csv").mkdir()
            text = "object,split,label,image,mask\n" + "\n".join(rows)
            (tmp_path / "visa/split_csv/1cls.csv").write_text(text)
        return tmp_path / "visa"

    return build


def test_all_objects_in_the_layout_of_mvtec(visa, imported, rectangle):
    found = imported("visa", visa(), layout="mvtec")
    folders = [path.rsplit("/", 1)[0] for path in sorted(found)]
    parts = ("test/combined", "test/good", "test/melted", "train/good")
    assert folders == [f"{name}/{part}" for name in ("candle", "pcb1") for part in parts]
    for path, mask in found.items():
        assert (mask is None) == ("/good/" in path)
        if mask is not None:
            assert (mask == rectangle(10, 10, 30, 20) | rectangle(50, 50, 60, 60)).all()


def test_guidance_is_of_one_object(visa, imported):
    source = visa()
    with pytest.raises(InputError, match="choose one of candle, pcb1") as error:
        imported("visa", source)
    assert error.value.parameters == ("material",)
    found = imported("visa", source, material="pcb1", labels=["melted"])
    assert sorted(found) == ["background/0000.JPG", "background/0001.JPG", "support/000.JPG"]


def test_an_object_s_own_folder(visa, imported):
    found = imported("visa", visa(split=False) / "candle", merge=True)
    assert sorted(found) == [f"background/{n}.JPG" for n in ("0000", "0001")] + [
        f"support/{n}.JPG" for n in ("000", "001")
    ]


def test_the_split_alone(visa, imported):
    found = imported("visa", visa(tables=False), layout="mvtec")
    assert sum("/train/good/" in path for path in found) == sum("/test/good/" in path for path in found) == 2
    assert sum("/test/anomaly/" in path for path in found) == 4


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("image,label,mask", "file,label,mask", "columns file, label, mask"),
        ("Anomaly/000.png", "Anomaly/009.png", "no mask 'candle/Data/Masks/Anomaly/009.png'"),
        ("Anomaly/000.JPG,melted", "Anomaly/000.JPG,", "line 4: no label"),
        ("candle/Data/Images/Normal/0000.JPG", "../x.JPG", "leads out"),
        (",normal,", ",normal,,,", "line 2: 5 cells for 3 columns"),
    ],
)
def test_what_cannot_be_used_names_file_and_line(old, new, says, visa, imported):
    table = visa() / "candle/image_anno.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as error:
        imported("visa", table.parents[1], layout="mvtec")
    assert says in str(error.value)
    assert str(table) in str(error.value)
