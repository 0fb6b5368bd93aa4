import csv
import shutil

from obftnet.data import read_layout
from obftnet.protocols import DataProtocol, ProtocolData, read_data
from obftnet.reproduction.counts import write_counts


def table(paths):
    with paths[0].open(newline="") as file:
        return list(csv.DictReader(file))


def mine(folder, folds, kinds):
    """A folder as the data of a protocol with these images a kind of each material."""
    protocol = DataProtocol(
        about="a",
        source="where it is from",
        layout="mvtec",
        background_source="good",
        folds=folds,
        materials={material: {"kinds": own} for material, own in kinds.items()},
    )
    return ProtocolData("mine", protocol, read_layout("mvtec", folder))


def test_the_differences_by_hand(images, tmp_path):
    kind = read_layout("mvtec", images).kinds("tile")[0]
    folds = {"one": ("tile",), "two": ("slate", "cork")}
    kinds = {"cork": {"good": 3}, "slate": {"crack": 7}, "tile": {kind: 5, "good": 3}}
    paths = write_counts(tmp_path, mine(images, folds, kinds))
    assert [path.name for path in paths] == ["table1_mine.csv", "table1_mine.md"]
    rows = table(paths)
    # Two defect images of one kind and three good ones a material; cork's kind is not in the protocol.
    assert [
        (row["split"], row["material"], row["found"], row["wanted"], row["difference"]) for row in rows
    ] == [
        ("0", "tile", "2", "5", "-3"),
        ("0", "tile", "3", "3", "0"),
        ("1", "cork", "3", "3", "0"),
        ("1", "cork", "2", "0", "2"),
        ("1", "slate", "0", "7", "-7"),
    ]
    text = paths[1].read_text()
    assert "3 of 5 counts differ. Not there at all: slate; see where it is from." in text
    assert f"| 0 | one | tile | {kind} | 2 | 5 | -3 |" in text


def test_the_papers_numbers(images, tmp_path):
    paths = write_counts(tmp_path, read_data("mvtec_unseen", images))
    rows = table(paths)
    wanted = {(row["material"], row["class"]): row["wanted"] for row in rows}
    assert wanted["wood", "scratch"] == "21"
    assert wanted["grid", "good, train alone"] == "264"
    assert "Wanted is the paper's Table I" in paths[1].read_text()


def test_what_is_as_wanted_is_said(images, tmp_path):
    folder = tmp_path / "one"
    shutil.copytree(images / "tile", folder / "tile")
    kind = read_layout("mvtec", folder).kinds("tile")[0]
    kinds = {"tile": {kind: 2, "good": 3}}
    paths = write_counts(tmp_path, mine(folder, {"tile": ("tile",)}, kinds))
    assert "All 2 counts are as wanted." in paths[1].read_text()
