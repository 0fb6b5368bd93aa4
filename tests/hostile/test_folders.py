"""Folders that lack what they should hold, and places that cannot be written to."""

import shutil
from pathlib import Path

import pytest

from .cases import (
    CALIBRATE,
    DECIDE,
    DEMO,
    DISTILL,
    EVALUATE,
    EXPLAIN,
    PNG,
    REPRODUCE,
    SEGMENT,
    SYNTHESIZE,
    TRAIN,
    B,
    Case,
    D,
    M,
    Q,
    S,
    T,
    check,
    put,
    remove,
    thinned,
)


def guidance() -> list[Case]:
    def several(world: Path) -> None:
        shutil.copy(world / M, world / "guidance/support/other_mask.png")

    return [
        Case("guidance", "gone", SEGMENT.replace("ce guidance", "ce gone"), None, "gone"),
        Case("guidance", "file", SEGMENT.replace("ce guidance", f"ce {Q}"), None, "q.png"),
        Case("guidance", "no_support", SEGMENT, remove("guidance/support"), "support"),
        Case("guidance", "no_background", SEGMENT, remove("guidance/background"), "background"),
        Case("guidance", "no_mask", SEGMENT, remove(M), "s.png"),
        Case("guidance", "no_image", SEGMENT, remove(S), "support"),
        Case("guidance", "mask_alone", SEGMENT, several, "other_mask.png"),
        Case("guidance", "one_good_alone", SEGMENT, remove(B), "background"),
        Case("guidance", "explain_gone", EXPLAIN.replace("ce guidance", "ce gone"), None, "gone"),
        Case("guidance", "explain_no_mask", EXPLAIN, remove(M), "s.png"),
        Case("guidance", "query_is_support", SEGMENT.replace("queries", S), None, "support"),
        Case("guidance", "explain_no_background", EXPLAIN, remove("guidance/background"), "background"),
        Case("guidance", "calibrate_gone", CALIBRATE, None, "p: no such file"),
        Case("guidance", "calibrate_no_pack", CALIBRATE, put("p", PNG), "p"),
        Case("guidance", "calibrate_folder", CALIBRATE.replace("k p", "k queries"), None, "queries"),
        Case("guidance", "results_gone", DECIDE, None, "no segment.json"),
        Case("guidance", "results_file", DECIDE.replace(" out", f" {Q}"), None, "q.png"),
        Case("guidance", "results_no_pack", f"{DECIDE} --pack gone", None, "out"),
        Case("guidance", "shots", f"{SEGMENT} --shots 5", None, "5 shots"),
        Case("guidance", "queries_gone", SEGMENT.replace("queries", "gone"), None, "gone"),
        Case("guidance", "queries_empty", SEGMENT, remove(Q), "no image"),
        Case("guidance", "data_gone", EVALUATE.replace("data data", "data gone"), None, "gone"),
        Case("guidance", "data_empty", TRAIN.replace("data data", "data queries"), None, "queries"),
        Case("guidance", "data_file", DISTILL.replace("data data", f"data {Q}"), None, "q.png"),
        Case("guidance", "data_no_mask", EVALUATE, remove(T), "0.png"),
        Case("guidance", "protocol_data", "protocol pool --data data", None, "data"),
        Case("guidance", "protocol_gone", "protocol pool --data gone", None, "gone"),
        Case("guidance", "reproduce_gone", REPRODUCE.replace("data data", "data gone"), None, "gone"),
    ]


def outputs() -> list[Case]:
    file = put("out", b"x")
    return [
        *(
            Case("output", f"{command.split()[0]}_file", command, file, "out")
            for command in (SEGMENT, TRAIN, DISTILL, SYNTHESIZE, DEMO)
        ),
        *(
            Case(
                "output",
                f"{command.split()[0]}_below_file",
                command.replace("out out", "out out/x"),
                file,
                "out",
            )
            for command in (SEGMENT, TRAIN, DISTILL, SYNTHESIZE, DEMO)
        ),
        *(
            Case("output", f"explain_over_{name}", EXPLAIN.replace("why.png", path), None, Path(path).name)
            for name, path in {
                "query": Q,
                "support": S,
                "mask": M,
                "background": B,
                "folder": "queries",
            }.items()
        ),
        *(
            Case(
                "output",
                f"evaluate_over_{name}",
                EVALUATE.replace("results.json", path),
                None,
                Path(path).name,
            )
            for name, path in {"image": D, "mask": T, "folder": "data", "guidance": S}.items()
        ),
        Case(
            "output",
            "evaluate_over_manifest",
            EVALUATE.replace("results.json", "data/manifest.csv"),
            put("data/manifest.csv", b"image,group\n"),
            "manifest.csv",
        ),
        Case(
            "output",
            "episodes_over_results",
            f"{EVALUATE} --write-episodes results.json",
            None,
            "results.json",
        ),
        Case("output", "episodes_over_image", f"{EVALUATE} --write-episodes {D}", None, "0.png"),
        Case("output", "segment_into_queries", SEGMENT.replace("out out", "out queries"), None, "queries"),
        Case("output", "segment_device", SEGMENT.replace("out out", "out /dev/full"), None, "/dev/full"),
        Case("output", "evaluate_device", EVALUATE.replace("results.json", "/dev/full"), None, "/dev/full"),
        Case("output", "explain_device", EXPLAIN.replace("why.png", "/dev/full"), None, "/dev/full"),
        Case("output", "train_over_model", TRAIN, put("out/model.safetensors", b"mine"), "model.safetensors"),
        Case(
            "output", "distill_over_backbone", DISTILL, put("out/backbone.safetensors", b"mine"), "backbone"
        ),
        Case(
            "output",
            "synthesize_over_manifest",
            SYNTHESIZE,
            put("out/manifest.csv", b"mine\n"),
            "manifest.csv",
        ),
        Case("output", "demo_used", DEMO, put("out/mine.txt", b"mine"), "out"),
        Case("output", "long_name", SEGMENT.replace("out out", "out " + "x" * 300), None, "xxx"),
        Case("output", "explain_jpg", EXPLAIN.replace("why.png", "why.jpg"), None, "why.jpg"),
    ]


CASES = [*guidance(), *outputs()]


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
