"""Records of results that say what cannot be: numbers out of range, ways to other folders, an image twice."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .cases import PACKED, Case, Spoil, check, thinned

Said = dict[str, object]


def said(change: Callable[[Said], object]) -> Spoil:
    def spoil(world: Path) -> None:
        path = world / "out/segment.json"
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))

    return spoil


def image(**changes: object) -> Callable[[Said], object]:
    return lambda record: record["images"][0].update(changes)


def settled(**changes: object) -> Callable[[Said], object]:
    return lambda record: record["settled"].update(changes)


def decision(**changes: object) -> Callable[[Said], object]:
    return lambda record: record["settled"]["decision"].update(changes)


RECORDS = {
    **{f"result_{name}": image(result=result) for name, result in {
        "above": "../../x", "within": "a/../../x", "absolute": "/etc/x", "nothing": "", "nul": "a\0b",
        "dot": "./q",
    }.items()},
    **{f"score_{value}": image(image_score=value) for value in (-0.1, 7)},
    "max_score": image(max_score=1.5),
    "area": image(defect_area=-3),
    "regions": image(regions=-3),
    "no_width": image(width=0),
    "seconds": image(seconds=-1),
    "verdict": image(verdict="maybe"),
    "twice": lambda record: record["images"].append(record["images"][0]),
    "threshold": decision(threshold=5),
    "low_threshold": decision(low_threshold=0),
    "review": decision(review=[0.9, 0.1]),
    "min_area": decision(min_area=-1),
    "mm_without_scale": decision(unit="mm", min_area=3),
    "scale": settled(scale=-5),
    "no_decision": settled(decision=None),
}  # fmt: skip
COMMANDS = {"decide": "decide out --min-length 3", "report": "report out --out r.html", "segment": PACKED}
CASES = [
    Case("record", f"{place}_{name}", command, said(change), "out/segment.json: not a record")
    for place, command in COMMANDS.items()
    for name, change in RECORDS.items()
]


@pytest.fixture
def segmented(world: Path, obftnet: Callable[..., tuple[int, str, str]]) -> None:
    """The world with results in out."""
    status, _, err = obftnet(*PACKED.replace("MODEL", "../model.safetensors").split())
    assert status == 0, err


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, segmented, obftnet):
    check(case, world, obftnet)
