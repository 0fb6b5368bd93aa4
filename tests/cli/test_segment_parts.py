"""`obftnet segment` by several processes, of a table, and in parts."""

import json

import pytest


def test_processes_a_table_and_parts(command, world, monkeypatch):
    monkeypatch.chdir(world)
    (world / "list.csv").write_text("number,photograph\n1,queries/q.png\n2,queries/r.png\n")
    words = ("segment", "--guidance", "guidance", "--weights", "model.safetensors", "--threads", 2)
    status, out, err = command(*words, "queries", "--out", "whole", "--workers", 2)
    assert (status, err) == (0, [])
    assert "images       2" in out
    names = []
    for number in (1, 2):
        table = ("--manifest", "list.csv", "--column", "photograph")
        status, out, err = command(*words, *table, "--out", "parts", "--shard", f"{number}/2")
        assert (status, err) == (0, [])
        record = json.loads((world / f"parts/shard-0000{number}-of-00002/segment.json").read_text())
        names += [entry["result"] for entry in record["images"]]
    assert sorted(names) == ["queries/q", "queries/r"]
    status, out, err = command("merge", "parts")
    assert (status, err) == (0, [])
    assert "images       2 (2 of them done before)" in out
    status, out, err = command("decide", "parts", "--threshold", 0.3)
    assert (status, err) == (0, [])
    assert "2 decided anew" in out
    assert command("report", "parts", "--out", "report.html")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--workers 0", "0 workers: 1 to 256 processes are wanted (--workers)"),
        ("--shard 3/2", "part i of n as i/n is wanted, from 1/n to n/n (--shard)"),
        ("--column path", "of no manifest; name one, too (--column)"),
        ("--manifest urls.csv", "row 2 is an address (s3://store/r.png)"),
        ("--out s3://store/found", "s3:/store/found: an address; files are written into folders alone"),
        ("--manifest gone.csv", "gone.csv: no such file"),
        ("--manifest list.csv --column part", "no column 'part'; there are: path (--column)"),
    ],
)
def test_what_cannot_be_is_one_line(command, world, monkeypatch, words, says):
    monkeypatch.chdir(world)
    (world / "list.csv").write_text("path\nqueries/q.png\n")
    (world / "urls.csv").write_text("path\nqueries/q.png\ns3://store/r.png\n")
    job = ("segment", "queries", "--guidance", "guidance", "--weights", "model.safetensors", "--out", "out")
    status, out, err = command(*job, *words.split())
    assert (status, out, len(err)) == (2, "", 1)
    assert says in err[0]
    assert not (world / "out").exists()
    assert not (world / "s3:").exists()


def test_an_address_among_images_is_refused_and_the_others_are_done(command, world, monkeypatch):
    monkeypatch.chdir(world)
    job = ("--guidance", "guidance", "--weights", "model.safetensors", "--out", "out")
    status, out, err = command("segment", "https://store/r.png", "queries/q.png", *job)
    assert (status, len(err)) == (2, 1)
    assert "r.png: an address; images are read from folders alone" in err[0]
    assert "images       1" in out


def test_nothing_to_segment_is_one_line(command, world, monkeypatch):
    monkeypatch.chdir(world)
    status, _, err = command(
        "segment", "--guidance", "guidance", "--weights", "model.safetensors", "--out", "o"
    )
    assert (status, len(err)) == (2, 1)
    assert "name at least one image" in err[0]
