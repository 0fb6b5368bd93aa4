"""Tables that list a job's images: every form that spreadsheets and tables write, and what is refused."""

from pathlib import Path

import pytest

from obftnet.errors import InputError
from obftnet.segmentation import segment_files
from obftnet.segmentation.manifest import read_manifest


def listed(queries):
    return [(query.path.name, query.folder) for query in queries]


@pytest.fixture
def table(tmp_path):
    def write(text: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("path,part\na.png,1\nsub/b.png,2\n", None),
        ("part,image\n1,a.png\n2,sub/b.png\n", None),
        ("photograph\na.png\nsub/b.png\n", None),
        ("photograph,part\na.png,1\nsub/b.png,2\n", "photograph"),
        ("path,part\na.png,1\nsub/b.png,2\n./a.png,3\nsub/../a.png,4\n", None),  # each once
        ('path,"part"\r\n"a.png","1"\r\n\r\n"sub/b.png","2"\r\n', None),
    ],
)
def test_the_images_of_a_table_in_order(table, tmp_path, text, column):
    found = read_manifest(table(text), column)
    assert listed(found) == [("a.png", ""), ("b.png", "sub")]
    assert [query.path for query in found] == [tmp_path / "a.png", tmp_path / "sub/b.png"]


def test_a_byte_order_mark_is_no_part_of_a_name(table):
    assert listed(read_manifest(table("path,part\na.png,1\n", encoding="utf-8-sig"))) == [("a.png", "")]


def test_images_elsewhere_keep_their_folders_below_what_they_share(table, tmp_path):
    elsewhere = tmp_path.parent / "camera"
    text = f"path\n{elsewhere}/line1/a.png\n{elsewhere}/line2/a.png\n"
    assert listed(read_manifest(table(text))) == [("a.png", "line1"), ("a.png", "line2")]


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "list.parquet"
    parquet.write_table(pyarrow.table({"image": ["a.png", "sub/b.png"], "part": [1, 2]}), path)
    assert listed(read_manifest(path)) == [("a.png", ""), ("b.png", "sub")]
    with pytest.raises(InputError, match="column part holds 1; paths as text"):
        read_manifest(path, "part")
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not a Parquet table"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", None, "the file is empty"),
        ("\n", None, "which column"),
        ("path\n", None, "no row in it"),
        ("a,b\n1,2\n", None, "which column holds the images.*a, b"),
        ("a,b\n1,2\n", "path", "no column 'path'; there are: a, b"),
        ("path,part\na.png\n", None, "row 1 has 1 fields, the first line 2"),
        ("path,part\n ,1\n", None, "row 1 names no image"),
        ("path,path\na.png,b.png\n", None, "two columns of the name 'path'"),
        ("a,b,b\n1,2,3\n", "b", "two columns of the name 'b'"),
        ('path\n"a.png\n', None, "not a CSV table"),
    ],
)
def test_what_is_no_table_of_images_is_one_line(table, text, column, says):
    with pytest.raises(InputError, match=says):
        read_manifest(table(text), column)


def test_a_table_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"path\n\xff\xfe\n")
    with pytest.raises(InputError, match="not a CSV table in UTF-8"):
        read_manifest(tmp_path / "list.csv")
    with pytest.raises(InputError, match=r"gone\.csv: no such file"):
        read_manifest(tmp_path / "gone.csv")


def test_a_job_of_a_table(case):
    """What it lists is done, in its folders, and what is not there is refused."""
    (case.queries / "sub").mkdir()
    (case.queries / "q2.png").rename(case.queries / "sub/q2.png")
    (case.queries / "list.csv").write_text("path\nq0.png\nsub/q2.png\ngone.png\nn\0ul.png\n")
    summary = segment_files(
        [case.queries / "q0.png"],
        case.guidance,
        case.out,
        weights=case.weights,
        manifest=case.queries / "list.csv",
    )
    assert summary.done == 2
    assert (case.out / "q0_mask.png").is_file()
    assert (case.out / "sub/q2_mask.png").is_file()
    assert len(summary.refused) == 2
    assert "gone.png: cannot be read" in "".join(summary.refused)
    assert r"n\x00ul.png: no name that a file can have" in "".join(summary.refused)
