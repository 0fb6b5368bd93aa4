"""Table I: how many images of each class a data folder has, beside what the protocol wants."""

import csv
from pathlib import Path

from obftnet.files import atomic
from obftnet.protocols import BACKGROUNDS, PAPER, ProtocolData, counts

_COLUMNS = ("split", "fold", "material", "class", "found", "wanted", "difference")


def write_counts(out: Path, data: ProtocolData) -> list[Path]:
    """Write OUT/table1_<protocol>.csv and .md; each whole or not at all.

    A folder that lacks classes or whole materials gives 0 found, and a sentence that names the materials.

    Args:
        out: the folder.
        data: what is counted, and the protocol that says what is wanted; splits are its folds, from 0 on.

    Raises:
        InputError: a file cannot be written.
    """
    rows = _rows(data)
    paths = [out / f"table1_{data.name}.{suffix}" for suffix in ("csv", "md")]
    with atomic(paths[0]) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([_COLUMNS, *rows])
    lines = [f"# Table I: images a class, {data.name}", "", _note(data), "", *_sentences(data, rows), ""]
    lines += ["| " + " | ".join(_COLUMNS) + " |", "|---" * 4 + "|---:" * 3 + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    with atomic(paths[1]) as temporary:
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return paths


def _rows(data: ProtocolData) -> list[tuple[str, ...]]:
    folds = data.protocol.folds
    fold_of = {material: fold for fold, materials in folds.items() for material in materials}
    splits = {fold: str(split) for split, fold in enumerate(folds)}
    found = sorted(counts(data.protocol, data.collection), key=lambda count: splits[fold_of[count.material]])
    return [
        (
            splits[fold_of[count.material]],
            fold_of[count.material],
            count.material,
            count.kind,
            str(count.found),
            str(count.wanted),
            str(count.found - count.wanted),
        )
        for count in found
    ]


def _note(data: ProtocolData) -> str:
    if data.name == PAPER:
        return (
            f"Wanted is the paper's Table I, whose background is the row '{BACKGROUNDS}'; the row 'good', "
            "with those of test, is what MVTec AD has."
        )
    said = "Wanted is what the protocol knows of its data; the paper has no such table."
    missing = data.protocol.missing
    return f"{said} Of the paper's images is missing: {missing}." if missing else said


def _sentences(data: ProtocolData, rows: list[tuple[str, ...]]) -> list[str]:
    """What a reader should know before the numbers."""
    missing = [name for name in data.protocol.materials if name not in data.collection.materials]
    differing = sum(row[-1] != "0" for row in rows)
    said = (
        f"{differing} of {len(rows)} counts differ."
        if differing
        else f"All {len(rows)} counts are as wanted."
    )
    if missing:
        said += f" Not there at all: {', '.join(missing)}; see {data.protocol.source}."
    return [said]
