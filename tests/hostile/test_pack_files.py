"""Files that are no pack, or none any more."""

import pickle
import shutil
from functools import partial
from pathlib import Path

import pytest
from safetensors.torch import save_file

from obftnet.safefile import read_safetensors

from .cases import (
    EXPLAIN,
    FIT,
    NO_FILE,
    PACKED,
    PNG,
    SEGMENT,
    WATCH,
    Case,
    M,
    Q,
    S,
    check,
    instead,
    put,
    remove,
    saying,
    thinned,
)


def packs() -> list[Case]:
    """Files that are no pack, or none any more; `p.pack` is a sound one."""

    changed = partial(saying, "p.pack", "p.pack")

    def flipped(world: Path) -> None:
        data = bytearray((world / "p.pack").read_bytes())
        data[-5] ^= 255
        (world / "p.pack").write_bytes(data)

    def without_one(world: Path) -> None:
        tensors, said = read_safetensors(world / "p.pack")
        save_file({key: value for key, value in tensors.items() if key != "mask/0"}, world / "p.pack", said)

    def cut(world: Path) -> None:
        (world / "p.pack").write_bytes((world / "p.pack").read_bytes()[:-100])

    def model(world: Path) -> None:
        shutil.copy(world.parent / "model.safetensors", world / "p.pack")

    bad = {
        "gone": remove("p.pack"),
        "empty": put("p.pack", b""),
        "text": put("p.pack", b"hello"),
        "image": put("p.pack", PNG),
        "zip": put("p.pack", b"PK\3\4" + bytes(100)),
        "pickle": put("p.pack", pickle.dumps({"a": 1})),
        "cut": cut,
        "model": model,
        "flipped": flipped,
        "one_file_less": without_one,
        "newer": changed(format="obftnet-pack-99"),
        "other": changed(format="other"),
        "description": changed(content="{}"),
        "no_description": changed(content="", content_sha256=""),
        "header_long": put("p.pack", b"\xff" * 8 + b"{}"),
        "header_nested": put("p.pack", (100_000).to_bytes(8, "little") + b"[" * 100_000),
    }
    bad |= {name: instead("p.pack", make) for name, (make, _) in NO_FILE.items()}
    explain = EXPLAIN.replace("guidance guidance", "pack p.pack")
    commands = {"segment": PACKED, "watch": WATCH, "explain": explain}
    found = [
        Case("pack", f"{place}_{name}", command, spoil, "p.pack")
        for place, command in commands.items()
        for name, spoil in bad.items()
    ]
    found += [
        Case("pack", "weights_that_do_not_ship", PACKED.replace(" --weights MODEL", ""), None, "--weights"),
        Case("pack", "neither", SEGMENT.replace("--guidance guidance ", ""), None, "guidance"),
        Case("pack", "query_is_support", PACKED.replace("queries", S), None, "support"),
        Case("pack", "query_is_mask", PACKED.replace("queries", M), None, "mask"),
        Case("pack", "out_beside_queries", PACKED.replace("out out", "out queries"), None, "queries"),
        Case("pack", "explain_over_it", EXPLAIN.replace("why.png", "p.pack"), None, "p.pack"),
        Case("pack", "watch_folder_gone", WATCH.replace("queries", "gone"), None, "gone"),
        Case("pack", "watch_folder_file", WATCH.replace("queries", Q), None, "q.png"),
        Case("pack", "watch_into_itself", WATCH.replace("out out", "out ."), None, "--out"),
        Case("pack", "watch_moves_into_itself", f"{WATCH} --move-to queries", None, "--move-to"),
        Case("pack", "watch_weights", WATCH.replace("MODEL", "gone"), None, "gone"),
        Case("pack", "watch_table", WATCH, put("out/verdicts.csv", b"mine"), "verdicts.csv"),
        Case("pack", "fit_gone", FIT.replace("ce guidance", "ce gone"), None, "gone"),
        Case("pack", "fit_no_support", FIT, remove("guidance/support"), "support"),
        Case("pack", "fit_no_background", FIT, remove("guidance/background"), "background"),
    ]
    for name, (path, spoil) in {
        "query": (Q, None),
        "support": (S, None),
        "mask": (M, None),
        "model": ("../model.safetensors", None),
        "device": ("/dev/full", None),
        "folder": ("queries", None),
        "below_file": (f"{Q}/x.pack", None),
        "text": ("new.pack", put("new.pack", b"mine")),
        "long": ("x" * 300, None),
    }.items():
        case = Case("pack", f"fit_over_{name}", FIT.replace("new.pack", path), spoil, Path(path).name[:20])
        found.append(case)
    return found


CASES = packs()


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
