"""The VisA data set (Zou et al., SPot-the-Difference, ECCV 2022; https://github.com/amazon-science/spot-diff).

    ROOT/<object>/Data/Images/{Normal,Anomaly}/*.JPG, ROOT/<object>/Data/Masks/Anomaly/*.png
    ROOT/<object>/image_anno.csv     image,label,mask: normal, or kinds of defect between commas
    ROOT/split_csv/1cls.csv          object,split,label,image,mask: train or test, normal or anomaly

Its masks number kinds of defect from 1; which number is which kind is not written down, so that all that is
not 0 is the defect, and an image of several kinds is one of a kind "combined", as MVTec AD calls it.
"""

from collections.abc import Iterator

from obftnet.annotations.annotated import COMBINED, Annotated, Request, Shape, says_good
from obftnet.annotations.mask_files import MaskFile
from obftnet.annotations.parse import read_table
from obftnet.annotations.places import Places
from obftnet.errors import InputError
from obftnet.imaging.checks import check_folder

_WANTED = "the folder of VisA, or of one of its objects, with image_anno.csv or split_csv/1cls.csv is wanted"
_SPLIT = "split_csv/1cls.csv"


def read_visa(request: Request) -> Iterator[Annotated]:
    """Read all objects of a folder, or one object's own; a split tells which good images are for tests.

    Raises:
        InputError: no such folder, not such tables, a file that is not found.
    """
    source = request.source
    check_folder(source, _WANTED)
    one = (source / "image_anno.csv").is_file()
    root = source.resolve().parent if one else source
    tables = [source / "image_anno.csv"] if one else sorted(source.glob("*/image_anno.csv"))
    places = Places([root], request.images)
    split = root / _SPLIT
    rows = read_table(split, "image", _WANTED) if split.is_file() else []
    tests = {row["image"] for _, row in rows if row.get("split") == "test"}
    for table in tables:
        for line, row in read_table(table, "image", _WANTED):
            labels = [label.strip() for label in row.get("label", "").split(",") if label.strip()]
            kind = COMBINED if len(labels) > 1 else next(iter(labels), "")
            yield _row(
                row, kind, table.parent.name, row["image"] not in tests, f"{table}: line {line}", places
            )
    if tables:
        return
    if not rows:
        raise InputError(f"{source}: no image_anno.csv in it or in a folder in it; {_WANTED}")
    for line, row in rows:
        where = f"{split}: line {line}"
        yield _row(
            row, row.get("label", ""), row.get("object", ""), row.get("split") != "test", where, places
        )


def _row(row: dict[str, str], kind: str, material: str, train: bool, where: str, places: Places) -> Annotated:
    if not row["image"] or not kind:
        raise InputError(f"{where}: no {'label' if row['image'] else 'image'}; {_WANTED}")
    image = places.find(row["image"], where)
    if says_good(kind):
        return Annotated(image, where, good=True, material=material, train=train)
    mask = places.find(row.get("mask", ""), where, "mask")
    return Annotated(image, where, (Shape(kind, where, MaskFile(mask, image, value="")),), material=material)
