"""Packs that are changed, reports, watched folders, listed images, shards and workers."""

import hashlib
import json
from pathlib import Path

import pytest
from safetensors.torch import save_file

from obftnet.safefile import read_safetensors

from .cases import (
    HUGE_NUMBER,
    NO_FILE,
    PACKED,
    PNG,
    WATCH,
    Case,
    M,
    Q,
    S,
    Spoil,
    check,
    instead,
    put,
    thinned,
)


def described(*place: str | int, value: object) -> Spoil:
    """A pack with another value in its description, and the hash of that made to fit."""

    def spoil(world: Path) -> None:
        tensors, said = read_safetensors(world / "p.pack")
        content = json.loads(said["content"])
        at = content
        for name in place[:-1]:
            at = at[name]
        at[place[-1]] = value
        text = json.dumps(content)
        digest = hashlib.sha256(text.encode()).hexdigest()
        save_file(tensors, world / "p.pack", said | {"content": text, "content_sha256": digest})

    return spoil


def newest() -> list[Case]:
    """What packs say, and the commands that go by packs and results: calibrate, export, report, watch."""
    good = "data/cork/train/good"
    calibrate = f"calibrate --pack p.pack --good {good} --weights MODEL"
    export, report = "export --pack p.pack --weights MODEL --out", "report queries --out"
    add, take = "pack add p.pack --weights MODEL", "pack remove p.pack --weights MODEL"
    images, listed = "pack export-images p.pack --out", "segment --pack p.pack --out out --weights MODEL"
    fifo, link = NO_FILE["fifo"][0], NO_FILE["broken_link"][0]
    cases: list[tuple[str, str, Spoil | None, str]] = [
        ("calibrate_into_its_images", f"{calibrate} --out {good}", None, good),
        ("calibrate_above_its_images", f"{calibrate} --out data", None, "data"),
        ("calibrate_into_the_defects", f"{calibrate} --defects queries --out queries", None, "queries"),
        ("calibrate_over_a_table", f"{calibrate} --out c", put("c/curve.csv", b"mine"), "curve.csv"),
        ("calibrate_over_a_picture", f"{calibrate} --out c", put("c/curve.png", b"mine"), "curve.png"),
        ("calibrate_over_the_pack", f"{calibrate} --out p.pack", None, "p.pack"),
        ("calibrate_default_is_a_file", calibrate, put("p.calibration", b"mine"), "p.calibration"),
        ("calibrate_device", f"{calibrate} --out /dev/full", None, "/dev/full"),
        ("export_over_the_pack", f"{export} p.pack", None, "p.pack"),
        ("export_over_a_folder", f"{export} queries", None, "queries"),
        ("export_below_a_file", f"{export} p.pack/x", None, "p.pack"),
        ("export_over_a_link", f"{export} new", instead("new", link), "new"),
        ("export_device", f"{export} /dev/full", None, "/dev/full"),
        ("export_no_pack", f"{export} new", put("p.pack", PNG), "p.pack"),
        ("report_of_none", f"{report} new.html", None, "queries"),
        ("report_over_a_page", f"{report} new.html", put("new.html", b"<html>mine"), "new.html"),
        ("report_over_an_image", f"{report} {Q}", None, "q.png"),
        ("report_folder", f"{report} new.html", lambda world: (world / "new.html").mkdir(), "new.html"),
        ("report_fifo", f"{report} new.html", instead("new.html", fifo), "new.html"),
        ("report_below_a_file", f"{report} p.pack/new.html", None, "p.pack"),
        ("report_device", f"{report} /dev/full", None, "/dev/full"),
        ("watch_moves_to_a_file", f"{WATCH} --move-to p.pack", None, "p.pack"),
        ("watch_moves_below_a_file", f"{WATCH} --move-to p.pack/x", None, "p.pack"),
        ("watch_moves_to_a_link", f"{WATCH} --move-to new", instead("new", link), "new"),
        ("watch_table_fifo", WATCH, instead("out/verdicts.csv", fifo), "verdicts.csv"),
        ("watch_table_half", WATCH, put("out/verdicts.csv", b"time,file"), "verdicts.csv"),
        ("watch_out_file", WATCH, put("out", b"mine"), "out"),
        ("add_nothing", add, None, "nothing to add"),
        ("add_without_mask", f"{add} --support {Q}", None, "q_mask.png"),
        ("add_the_same", f"{add} --support {S}", None, "s.png"),
        ("add_the_support_as_good", f"{add} --good {S}", None, "s.png"),
        ("add_the_mask_as_good", f"{add} --good {M}", None, "the mask of s.png"),
        ("add_fifo", f"{add} --good g.png", instead("g.png", fifo), "g.png"),
        ("add_kind", f"{add} --support data/cork/test/crack --kind ..", None, "crack"),
        ("remove_the_last", f"{take} s.png", None, "no support"),
        ("remove_nobody", f"{take} nobody", None, "nobody"),
        ("remove_the_mask", f"{take} s_mask.png", None, "s_mask.png"),
        ("images_over_a_folder", f"{images} queries", None, "queries"),
        ("images_over_a_link", f"{images} new", instead("new", link), "new"),
        ("images_below_a_file", f"{images} p.pack/x", None, "p.pack"),
        ("results_as_queries", PACKED, put("queries/segment.json", b"{}"), "results of an earlier job"),
    ]
    tables = {
        "no_bytes": (b"", "empty"),
        "no_row": (b"path\n", "no row"),
        "no_name": (b"path,a\n ,1\n", "row 1"),
        "no_column": (b"a,b\n1,2\n", "a, b"),
        "two_columns": (b"path,path\nqueries/q.png,x.png\n", "two columns"),
        "nul": (b"path\nqueries/q\0.png\n", "\\x00"),
        "fields": (b"path,a\nqueries/q.png\n", "row 1"),
        "quotes": (b'path,a\n"queries/q.png,1\n', "csv"),
        "utf16": ("path\nqueries/q.png\n".encode("utf-16"), "utf-8"),
        "gone": (b"path\nqueries/gone.png\n", "gone.png"),
        "folder": (b"path\nqueries\n", "queries"),
        "long": (b"path\n" + b"x" * 300 + b".png\n", "xxx"),
        "support": (f"path\n{S}\n".encode(), "the support"),
        "mask": (f"path\n{M}\n".encode(), "the mask"),
        "semicolons": (b"path;a\nqueries/q.png;1\n", "q.png;1"),
    }
    table = f"{listed} --manifest m.csv"
    cases += [(f"manifest_{name}", table, put("m.csv", text), says) for name, (text, says) in tables.items()]
    cases += [
        (f"manifest_is_{name}", table, instead("m.csv", make), "m.csv") for name, (make, _) in NO_FILE.items()
    ]
    cases.append(("manifest_parquet", f"{listed} --manifest m.parquet", put("m.parquet", PNG), "m.parquet"))
    for value in ("0/2", "3/2", "1/0", "x", "1/2/3", "-1/2", "²/3", "1.0/2", f"1/{HUGE_NUMBER}", ""):
        cases.append((f"shard_{value}", f"{PACKED} --shard\t{value}", None, "shard"))
    for value in ("0", "-1", "257", "x", HUGE_NUMBER):
        cases.append((f"workers_{value}", f"{PACKED} --workers\t{value}", None, "workers"))
    for value in ("", "head", "head:", "head:²", "ray://head:1", "\x1b[2J"):
        cases.append((f"ray_{value}", f"{PACKED} --ray\t{value}", None, "(--ray)"))
    numbers: dict[str, tuple[tuple[str | int, ...], tuple[object, ...]]] = {
        "threshold": (("decision", "threshold"), (0, 1, -1, 2, float("nan"))),
        "min_area": (("decision", "min_area"), (-1, float("inf"))),
        "review": (("decision", "review"), ([0.9, 0.1], [0.6, 0.7], [0.4])),
        "unit": (("decision", "unit"), ("mm", "inch")),
        "scale": (("scale",), (0, -1, 1e300)),
        "tile": (("tile",), (0, 1, 10**9, "x")),
        "bits": (("bits",), (3, 17)),
        "source": (("background_source",), ("window", "sky")),
        "name": (("images", 0, "name"), ("../x.png", "\x1b[2J.png", "a\nb.png", "")),
        "kind": (("images", 0, "kind"), ("..", "a/b")),
        "role": (("images", 0, "role"), ("background",)),
        "format": (("format",), (99, "x")),
        "more": (("zzz",), (1,)),
    }
    for name, (place, values) in numbers.items():
        for value in values:
            cases.append((f"says_{name}_{value}", PACKED, described(*place, value=value), "p.pack"))
    return [Case("newest", *case) for case in cases]


CASES = newest()


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
