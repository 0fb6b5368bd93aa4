"""Every bad input: one line with the file, what was found, what would do; status 2; nothing half-written."""

import errno
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from obftnet.imaging import MAX_PIXELS
from obftnet.safefile import read_safetensors

SEGMENT = "segment queries --guidance guidance --out out --weights model.safetensors --tile none"
TRAIN = (
    "train --data data --test-fold slate --backbone compact --backbone-weights random "
    "--size 64 --steps 1 --out out"
)
EVALUATE = (
    "evaluate --data data --fold slate --weights model.safetensors --seeds 1 --pictures 0 "
    "--out out/results.json"
)
DEMO = "demo --out out --weights model.safetensors"


def nothing(world: Path) -> None:
    """Leaves everything sound."""


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def spoil(world: Path) -> None:
        (world / name).parent.mkdir(parents=True, exist_ok=True)
        (world / name).write_bytes(content)

    return spoil


def remove(name: str) -> Callable[[Path], None]:
    return lambda world: (world / name).unlink()


def halve(name: str) -> Callable[[Path], None]:
    def spoil(world: Path) -> None:
        content = (world / name).read_bytes()
        (world / name).write_bytes(content[: len(content) // 2])

    return spoil


def huge(name: str) -> Callable[[Path], None]:
    """A PNG whose header promises 20000 x 20000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    return write(
        name, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )


def mask(name: str, values: np.ndarray) -> Callable[[Path], None]:
    return lambda world: Image.fromarray(values.astype(np.uint8)).save(world / name)


def copy(source: str, target: str) -> Callable[[Path], None]:
    return lambda world: Image.open(world / source).save(world / target)


def pickled(world: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, world / "weights.pt")


def other_architecture(world: Path) -> None:
    path = world / "model.safetensors"
    metadata = read_safetensors(path)[1]
    metadata["config"] = json.dumps(
        json.loads(metadata["config"]) | {"reader": "encoder4d", "cues": "abnsolp"}
    )
    save_file(load_file(path), path, metadata)


def foreign_weights(world: Path) -> None:
    save_file({"features.0.weight": torch.zeros(4, 3, 3, 3)}, world / "foreign.safetensors")


def no_space(monkeypatch, name: str) -> None:
    """The disk is full when a file of this name is to take its place."""
    replace = os.replace

    def full(source, target, **more):
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        replace(source, target, **more)

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "replace", lambda self, target: full(self, target))


@dataclass(frozen=True)
class Bad:
    """A command, what to spoil before, and what the one line must say."""

    command: str
    spoil: Callable[[Path], None]
    says: tuple[str, ...]


grey = np.arange(48 * 60).reshape(48, 60) % 251
S, B, M, Q = (
    "guidance/support/s.png",
    "guidance/background/b.png",
    "guidance/support/s_mask.png",
    "queries/q.png",
)

TABLE = {
    # The query. The other query is still segmented, so that these write something, but nothing of theirs.
    "query_missing": Bad(
        SEGMENT.replace("queries", "queries/gone.png"), nothing, ("gone.png", "no such file")
    ),
    "query_empty": Bad(SEGMENT, write(Q, b""), ("q.png", "empty (0 bytes)", "is wanted")),
    "query_truncated": Bad(SEGMENT, halve(Q), ("q.png", "truncated", "whole image")),
    "query_no_image": Bad(SEGMENT, write(Q, b"hello"), ("q.png", "not an image", "PNG")),
    "query_huge": Bad(SEGMENT, huge(Q), ("q.png", f"{MAX_PIXELS:,}")),
    "query_is_support": Bad(SEGMENT.replace("queries", S), nothing, ("s.png", "support")),
    "query_in_support_folder": Bad(
        SEGMENT.replace("queries", "guidance/support"), nothing, ("s.png", "support")
    ),
    "query_equals_support": Bad(SEGMENT, copy(S, Q), ("q.png", "s.png", "support")),
    "queries_folder_empty": Bad(
        SEGMENT.replace("queries", "void"), lambda w: (w / "void").mkdir(), ("void", "no image")
    ),
    # The guidance.
    "guidance_missing": Bad(SEGMENT.replace("ce guidance", "ce gone"), nothing, ("gone", "no such folder")),
    "support_truncated": Bad(SEGMENT, halve(S), ("s.png", "truncated")),
    "support_empty": Bad(SEGMENT, write(S, b""), ("s.png", "empty")),
    "support_huge": Bad(SEGMENT, huge(S), ("s.png", f"{MAX_PIXELS:,}")),
    "support_no_mask": Bad(SEGMENT, remove(M), ("s.png", "s_mask.png")),
    "background_no_image": Bad(SEGMENT, write(B, b"hello"), ("b.png", "not an image")),
    "no_background": Bad(SEGMENT, remove(B), ("background", "no background image")),
    "no_support": Bad(SEGMENT, lambda w: (remove(S)(w), remove(M)(w)), ("support", "no support image")),
    "mask_size": Bad(SEGMENT, mask(M, np.eye(50) * 255), ("s_mask.png", "50 x 50", "s.png", "60 x 48")),
    "mask_grey": Bad(SEGMENT, mask(M, grey), ("s_mask.png", "251 grey values", "s.png")),
    "mask_empty": Bad(SEGMENT, mask(M, grey * 0), ("s_mask.png", "empty mask", "s.png")),
    "shots": Bad(f"{SEGMENT} --shots 5", nothing, ("guidance", "1 support", "5 shots")),
    # Settings.
    "threshold": Bad(f"{SEGMENT} --threshold 1.5", nothing, ("threshold 1.5", "between 0 and 1")),
    "threshold_nan": Bad(f"{SEGMENT} --threshold nan", nothing, ("threshold nan", "between 0 and 1")),
    "device": Bad(f"{SEGMENT} --device abacus", nothing, ("abacus", "cpu")),
    "device_absent": Bad(f"{SEGMENT} --device cuda:99", nothing, ("cuda:99", "cpu")),
    # The weights.
    "weights_missing": Bad(
        SEGMENT.replace("model.", "gone."), nothing, ("gone.safetensors", "no such weights")
    ),
    "weights_pickle": Bad(
        SEGMENT.replace("model.safetensors", "weights.pt"), pickled, ("weights.pt", "a pickle")
    ),
    "weights_truncated": Bad(SEGMENT, halve("model.safetensors"), ("model.safetensors", "not a whole")),
    "weights_empty": Bad(SEGMENT, write("model.safetensors", b""), ("model.safetensors", "safetensors")),
    "weights_other": Bad(
        SEGMENT, other_architecture, ("model.safetensors", "another architecture", "encoder4d")
    ),
    "weights_foreign": Bad(
        SEGMENT.replace("model.", "foreign."), foreign_weights, ("foreign.safetensors", "--backbone-weights")
    ),
    "weights_folder": Bad(
        SEGMENT.replace("model.safetensors", "queries"), nothing, ("queries", "model.safetensors")
    ),
    # The output.
    "out_is_file": Bad(SEGMENT, write("out", b"x"), ("out", "is a file")),
    "out_below_file": Bad(
        SEGMENT.replace("--out out", "--out out/sub"), write("out", b"x"), ("out", "cannot be")
    ),
    "out_has_queries": Bad(
        SEGMENT.replace("--out out", "--out queries"), nothing, ("queries", "results alone")
    ),
    "demo_out_is_file": Bad(DEMO, write("out", b"x"), ("out", "is a file")),
    "demo_out_used": Bad(DEMO, write("out/mine.txt", b"x"), ("out", "not empty")),
    "demo_weights": Bad(DEMO.replace("model.", "gone."), nothing, ("gone.safetensors", "no such weights")),
    "demo_pickle": Bad(DEMO.replace("model.safetensors", "weights.pt"), pickled, ("weights.pt", "a pickle")),
    "train_out_is_file": Bad(TRAIN, write("out", b"x"), ("out",)),
    "evaluate_out_below_file": Bad(EVALUATE, write("out", b"x"), ("out",)),
    # Training and evaluation.
    "train_backbone": Bad(TRAIN.replace("compact", "resnet18"), nothing, ("resnet18", "vgg16, resnet50")),
    "train_backbone_unpublished": Bad(
        TRAIN.replace(" --backbone-weights random", ""), nothing, ("compact", "--backbone-weights")
    ),
    "train_backbone_weights_missing": Bad(
        TRAIN.replace(" random", " gone.pt"), nothing, ("gone.pt", "no such file")
    ),
    "train_backbone_weights_pickle": Bad(
        TRAIN.replace(" random", " weights.pt"), pickled, ("weights.pt", "a pickle")
    ),
    "train_backbone_weights_other": Bad(
        TRAIN.replace(" random", " foreign.safetensors"), foreign_weights, ("foreign.safetensors", "compact")
    ),
    "train_data": Bad(TRAIN.replace("data data", "data gone"), nothing, ("gone", "no such folder")),
    "train_data_empty": Bad(TRAIN.replace("data data", "data queries"), nothing, ("queries", "no material")),
    "train_fold": Bad(TRAIN.replace("slate", "marble"), nothing, ("marble", "cork", "slate")),
    "train_layout": Bad(f"{TRAIN} --layout mvtek", nothing, ("mvtek", "mvtec")),
    "train_size": Bad(TRAIN.replace("size 64", "size 8"), nothing, ("size", "64", "8")),
    "train_cues": Bad(f"{TRAIN} --cues xyz", nothing, ("cues", "xyz")),
    "train_epsilon": Bad(f"{TRAIN} --epsilon 0", nothing, ("epsilon", "0.01")),
    "train_steps": Bad(TRAIN.replace("steps 1", "steps 0"), nothing, ("steps", "1")),
    "train_device": Bad(f"{TRAIN} --device abacus", nothing, ("abacus",)),
    "train_mask_missing": Bad(
        TRAIN, remove("data/cork/ground_truth/crack/1_mask.png"), ("1.png", "1_mask.png")
    ),
    "train_mask_grey": Bad(
        TRAIN, mask("data/cork/ground_truth/crack/1_mask.png", grey), ("1_mask.png", "251 grey values")
    ),
    "train_image_truncated": Bad(TRAIN, halve("data/cork/test/crack/1.png"), ("1.png", "truncated")),
    "folds_missing": Bad(f"{TRAIN} --folds gone.json", nothing, ("gone.json", "no such file")),
    "folds_not_json": Bad(f"{TRAIN} --folds f.json", write("f.json", b"{"), ("f.json", "JSON")),
    "evaluate_fold": Bad(EVALUATE.replace("slate", "marble"), nothing, ("marble", "cork", "slate")),
    "evaluate_data": Bad(EVALUATE.replace("data data", "data gone"), nothing, ("gone", "no such folder")),
    "evaluate_weights": Bad(
        EVALUATE.replace("model.", "gone."), nothing, ("gone.safetensors", "no such weights")
    ),
    "evaluate_pickle": Bad(
        EVALUATE.replace("model.safetensors", "weights.pt"), pickled, ("weights.pt", "a pickle")
    ),
    "evaluate_episodes": Bad(f"{EVALUATE} --episodes gone.json", nothing, ("gone.json",)),
    "evaluate_image_truncated": Bad(EVALUATE, halve("data/slate/test/crack/1.png"), ("1.png", "truncated")),
    "synthesize_out_is_file": Bad(
        "synthesize --materials 1 --out out", write("out", b"x"), ("out", "is a file")
    ),
    "synthesize_largest": Bad(
        "synthesize --materials 1 --out out --size 64 --largest 32", nothing, ("largest", "32", "64")
    ),
    "distill_student": Bad(
        "distill --data data --student tiny --teacher compact --backbone-weights random --steps 1 --out out",
        nothing,
        ("tiny", "compact"),
    ),
}

_TABLES = {"images.csv", "regions.csv", "coco.json", "regions.parquet"}

#: These write the results of the other query.
_OTHERS_GO_ON = {"query_empty", "query_truncated", "query_no_image", "query_huge", "query_equals_support"}

#: Every query there is, is refused.
_ALL_REFUSED = {"query_is_support", "query_in_support_folder"}


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_is_one_line_and_exit_status_2(world, command, monkeypatch, name):
    bad = TABLE[name]
    monkeypatch.chdir(world)
    bad.spoil(world)
    before = {path for path in world.rglob("*") if path.is_file()}
    code, _, lines = command(*bad.command.split())
    assert len(lines) == 1, lines
    assert code == 2
    assert lines[0].startswith("obftnet: ")
    for words in bad.says:
        assert words in lines[0]
    written = {path.relative_to(world) for path in world.rglob("*") if path.is_file()} - {
        path.relative_to(world) for path in before
    }
    # The tables list what was looked at, and what was not.
    results = {path.name for path in written if path.parts[0] == "out"} - _TABLES
    if name in _ALL_REFUSED:
        # The record says what was not looked at.
        assert results <= {"segment.json", "guidance.png"}
    elif name in _OTHERS_GO_ON:
        assert results - {"r_regions.json"} == {
            "r_mask.png",
            "r_score.tiff",
            "r_overlay.png",
            "segment.json",
            "guidance.png",
        }
    else:
        assert not [
            path for path in results if path.endswith((".png", ".tiff", "results.json", "segment.json"))
        ]
        assert "model.safetensors" not in results


def test_the_untouched_world_is_sound(world, command, monkeypatch):
    # Without this, the table could pass for a reason that is not its own.
    monkeypatch.chdir(world)
    for line in (SEGMENT, TRAIN.replace("--out out", "--out run"), EVALUATE):
        code, _, lines = command(*line.split())
        assert code == 0, lines


@pytest.mark.parametrize("file", ["q_mask.png", "q_score.tiff", "q_overlay.png", "segment.json"])
def test_no_space_left(world, command, monkeypatch, file):
    monkeypatch.chdir(world)
    no_space(monkeypatch, file)
    code, _, lines = command(*SEGMENT.split())
    assert code == 2
    assert len(lines) == 1
    assert file in lines[0]
    assert "No space left" in lines[0]
    names = {path.name for path in (world / "out").glob("*")}
    assert file not in names
    assert not [name for name in names if name.startswith(".")]
    assert not [name for name in names if name.startswith("r_")]


def test_several_bad_queries_are_a_line_each(world, command, monkeypatch):
    monkeypatch.chdir(world)
    for name in ("a.png", "b.png"):
        (world / "queries" / name).write_bytes(b"hello")
    code, out, lines = command(*SEGMENT.split())
    assert code == 2
    assert len(lines) == 2
    assert "a.png" in lines[0]
    assert "b.png" in lines[1]
    assert "2 refused" in out


def test_an_interrupt_is_exit_status_130_and_one_line(command, monkeypatch, world):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.chdir(world)
    monkeypatch.setattr("obftnet.segmentation.segment_files", interrupted)
    code, _, lines = command(*SEGMENT.split())
    assert code == 130
    assert len(lines) == 1
    assert "interrupted" in lines[0]


def run_python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "obftnet", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_process_of_its_own_ends_with_status_2_and_no_traceback(world):
    (world / "queries" / "q.png").write_bytes(b"")
    ended = run_python(*SEGMENT.split(), cwd=world)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "q.png" in ended.stderr


def test_an_option_that_does_not_exist_is_a_usage_error(world):
    ended = run_python(*SEGMENT.split(), "--treshold", "0.4", cwd=world)
    assert ended.returncode == 2
    assert "--treshold" in ended.stderr
    assert "Traceback" not in ended.stderr
