"""Weights that are none."""

import json
import pickle
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from obftnet.safefile import read_safetensors

from .cases import (
    DEMO,
    DISTILL,
    EXPLAIN,
    NO_FILE,
    SEGMENT,
    SHOW,
    TRAIN,
    Case,
    Spoil,
    check,
    instead,
    put,
    saying,
    thinned,
)


def weights() -> list[Case]:
    changed = partial(saying, "../model.safetensors", "w")

    def cut(world: Path) -> None:
        data = (world.parent / "model.safetensors").read_bytes()
        (world / "w").write_bytes(data[:-10])

    def nan(world: Path) -> None:
        model = world.parent / "model.safetensors"
        tensors = load_file(model)
        first = next(key for key, value in tensors.items() if value.is_floating_point())
        tensors[first] = torch.full_like(tensors[first], float("nan"))
        save_file(tensors, world / "w", read_safetensors(model)[1])

    def saved(world: Path) -> None:
        torch.save({"a": torch.zeros(2)}, world / "w")

    def header(text: bytes) -> Spoil:
        return put("w", len(text).to_bytes(8, "little") + text)

    config = {"reader": "cues", "backbone": "compact", "size": 64}
    bad: dict[str, Spoil | None] = {
        "gone": None,
        "folder": lambda world: (world / "w").mkdir(),
        "empty": put("w", b""),
        "text": put("w", b"hello"),
        "pickle": put("w", pickle.dumps({"a": 1})),
        "torch": saved,
        "cut": cut,
        "nan": nan,
        "header_long": put("w", b"\xff" * 8 + b"{}"),
        "header_nested": header(b"[" * 100_000),
        "header_list": header(b"[]"),
        "no_model": lambda world: save_file({"a": torch.zeros(1)}, world / "w"),
        "config_nested": changed(config="[" * 100_000),
        "config_list": changed(config="[]"),
        "config_reader": changed(config=json.dumps(config | {"reader": ["cues"]})),
        "config_size": changed(config=json.dumps(config | {"size": 10**9})),
        "config_backbone": changed(config=json.dumps(config | {"backbone": "[/red]"})),
        "config_cues": changed(config=json.dumps(config | {"cues": "zzz"})),
        "other_network": changed(config=json.dumps(config | {"reader": "encoder4d"})),
        "fifo": instead("w", NO_FILE["fifo"][0]),
        "zero": instead("w", NO_FILE["zero"][0]),
    }
    evaluate = "evaluate --data data --weights w --seeds 1 --pictures 0 --out results.json"
    found = [
        Case("weights", f"{place}_{name}", command, spoil, "w")
        for place, command in {
            "segment": SEGMENT.replace("MODEL", "w"),
            "explain": EXPLAIN.replace("MODEL", "w"),
            "evaluate": evaluate,
            "demo": DEMO.replace("MODEL", "w"),
            "pack": SHOW,
            "by_pack": "segment queries --pack w --out out",
        }.items()
        for name, spoil in bad.items()
    ]
    for place, command in {
        "train": TRAIN.replace("random", "w"),
        "distill": DISTILL.replace("random", "w"),
    }.items():
        found += [
            Case("weights", f"{place}_backbone_{name}", command, spoil, "w")
            for name, spoil in bad.items()
            if not name.startswith(("config", "other"))
        ]
    return found


CASES = weights()


@pytest.mark.parametrize("case", thinned(CASES))
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    check(case, world, obftnet)
