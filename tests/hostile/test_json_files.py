"""JSON, CSV and special files where a record, a list or a table is wanted."""

import json

import pytest

from .cases import (
    DECIDE,
    DISTILL,
    EVALUATE,
    FIT,
    SEGMENT,
    TRAIN,
    Case,
    check,
    in_each,
    no_file,
    put,
    thinned,
)

JSON = {
    "empty": b"",
    "text": b"hello",
    "cut": b'{"a": [1, ',
    "nested": b"[" * 100_000,
    "nested_objects": b'{"a":' * 100_000,
    "null": b"null",
    "number": b"7",
    "list": b"[1, 2]",
    "object": b"{}",
    "strange": b'{"a\\u0000b": 1, "[/red]": "$\\\\frac$"}',
    "nan": b'{"a": NaN}',
    "infinite": b'{"a": 1e999}',
    "digits": b'{"a": ' + b"1" * 5000 + b"}",
    "twice": b'{"a": 1, "a": 2}',
    "no_utf8": b'{"a": "\xff"}',
}


def json_files() -> list[Case]:
    places = {
        "folds": (f"{EVALUATE} --folds f.json", "f.json"),
        "episodes": (f"{EVALUATE} --episodes e.json", "e.json"),
        "run": (TRAIN, "out/run.json"),
        "distilled": (DISTILL, "out/run.json"),
        "record": (SEGMENT, "out/segment.json"),
        "interest": (f"{FIT} --interest f.json", "f.json"),
        "ignored": (FIT, "guidance/background/b_ignore.json"),
        "results": (DECIDE, "out/segment.json"),
    }
    found = in_each("json", places, JSON)
    for name, folds in {
        "slash": {"a/b": ["cork"]},
        "parent": {"..": ["cork"]},
        "no_name": {"": ["cork"]},
        "nul": {"a\0": ["cork"]},
        "control": {"\x1b[2J": ["cork"]},
        "long": {"x" * 300: ["cork"]},
        "surrogate": {"\ud800": ["cork"]},
        "unknown": {"a": ["[/red]$\\frac$"]},
        "twice": {"a": ["cork"], "b": ["cork"]},
        "no_list": {"a": "cork"},
        "none": {"a": []},
        "numbers": {"a": [1]},
    }.items():
        content = json.dumps(folds).encode()
        found.append(
            Case("name", f"fold_{name}", f"{EVALUATE} --folds f.json", put("f.json", content), "f.json")
        )
    manifests = {
        "no_column": b"a,b\n1,2\n",
        "no_utf8": b"image,group\n\xff,1\n",
        "gone": b"image,group\ncork/gone.png,1\n",
        "nul": b"image,group\ncork/a\0b.png,1\n",
        "long": b"image,group\ncork/" + b"x" * 300 + b".png,1\n",
        "twice": b"image,group\n" + b"cork/test/crack/0.png,1\n" * 2,
        "no_bytes": b"",
    }
    for name, content in manifests.items():
        found.append(Case("json", f"manifest_{name}", EVALUATE, put("data/manifest.csv", content), "data/"))
    return found + no_file("manifest", EVALUATE, "data/manifest.csv")


CASES = json_files()


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
