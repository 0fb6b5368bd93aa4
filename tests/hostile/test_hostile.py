"""Hostile inputs of every kind to every command and to the Python interface.

Each ends in one line on standard error and exit status 2 (in Python: an InputError of one line); what was
there is as it was, and nothing is left behind. A case is what is spoilt in a sound world (`world`), the
command, and a word that the line must say. Of the commands' cases every second of each kind runs always, the
others with `-m slow`.
"""

import hashlib
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from obftnet.errors import InputError
from obftnet.safefile import read_safetensors
from obftnet.segmenter import Segmenter
from obftnet.weights import save_model

Spoil = Callable[[Path], None]

SEGMENT = "segment queries --guidance guidance --out out --weights MODEL"
EXPLAIN = "explain queries/q.png --guidance guidance --out why.png --weights MODEL"
EVALUATE = (
    "evaluate --data data --method prototype --backbone compact --backbone-weights random --size 64 "
    "--seeds 1 --pictures 0 --out results.json"
)
TRAIN = (
    "train --data data --backbone compact --backbone-weights random --size 64 --steps 1 --batch 1 --out out"
)
DISTILL = (
    "distill --data data --teacher compact --backbone-weights random --size 64 --steps 1 --batch 2 --out out"
)
SYNTHESIZE = "synthesize --materials 1 --size 32 --out out"
REPRODUCE = "reproduce table2 --data data --out out"
CALIBRATE = "calibrate --pack p --good queries --weights MODEL"
DECIDE = "decide out --threshold 0.7"
DEMO = "demo --out out --weights MODEL"
SHOW = "pack show w"
FIT = "fit --guidance guidance --out new.pack --weights MODEL"
WATCH = "watch queries --pack p.pack --out out --weights MODEL --once --settle 0 --patience 0 --every 0"
PACKED = "segment queries --pack p.pack --out out --weights MODEL"

Q, S, M, B = (
    "queries/q.png",
    "guidance/support/s.png",
    "guidance/support/s_mask.png",
    "guidance/background/b.png",
)
D, T, G = (
    "data/cork/test/crack/0.png",
    "data/cork/ground_truth/crack/0_mask.png",
    "data/cork/train/good/0.png",
)


class Case(NamedTuple):
    """One hostile input. says: what the one line must hold, in any case of letters."""

    kind: str
    name: str
    command: str
    spoil: Spoil | None
    says: str


def nothing(world: Path) -> None:
    pass


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, metadata=None, **options)
    return stream.getvalue()


GREY = (np.arange(48 * 60).reshape(48, 60) % 251).astype(np.uint8)
PICTURE = Image.fromarray(GREY)
PNG = encoded(PICTURE, "PNG")
HUGE = PNG[:16] + (20_000).to_bytes(4, "big") * 2 + PNG[24:]
PLAIN = tiff(GREY, photometric="minisblack")


def link_to(target: str) -> Spoil:
    return lambda path: path.symlink_to(target)


#: What stands where a file is wanted and is none, and what is said of it.
NO_FILE: dict[str, tuple[Spoil, str]] = {
    "folder": (lambda path: path.mkdir(), ""),
    "fifo": (lambda path: os.mkfifo(path), ""),
    "zero": (link_to("/dev/zero"), ""),
    "broken_link": (link_to("gone"), ""),
    "loop": (lambda path: path.symlink_to(path.name), ""),
}

#: Files that are no image to look at.
IMAGES: dict[str, bytes] = {
    "empty": b"",
    "text": b"hello",
    "png_half": PNG[: len(PNG) // 2],
    "png_crc": PNG[:60] + bytes([PNG[60] ^ 255]) + PNG[61:],
    "png_no_data": PNG[:33],
    "png_huge": HUGE,
    "png_no_width": PNG[:16] + bytes(4) + PNG[20:],
    "jpeg_half": (jpeg := encoded(PICTURE, "JPEG"))[: len(jpeg) // 2],
    "jpeg_head": jpeg[:20],
    "webp_half": (webp := encoded(PICTURE, "WEBP"))[: len(webp) // 2],
    "bmp_half": (bmp := encoded(PICTURE, "BMP"))[: len(bmp) // 2],
    "gif": encoded(PICTURE, "GIF"),
    "heic": b"\0\0\0\x18ftypheic" + bytes(100),
    "avif": b"\0\0\0\x18ftypavif" + bytes(100),
    "photoshop": b"8BPS\0\1" + bytes(100),
    "pdf": b"%PDF-1.7\n" + bytes(100),
    "dicom": bytes(128) + b"DICM" + bytes(100),
    "pnm": encoded(PICTURE, "PPM"),
    "zip": b"PK\3\4" + bytes(100),
    "gzip": b"\x1f\x8b\x08" + bytes(100),
    "pickle": pickle.dumps([1, 2, 3]),
    "tiff_half": PLAIN[: len(PLAIN) // 2],
    "tiff_head": PLAIN[:8],
    "tiff_pages": tiff(np.stack([GREY] * 3), photometric="minisblack"),
    "tiff_int8": tiff(GREY.astype(np.int8), photometric="minisblack"),
    "tiff_uint32": tiff(GREY.astype(np.uint32), photometric="minisblack"),
    "tiff_complex": tiff(GREY.astype(np.complex64), photometric="minisblack"),
    "tiff_float_255": tiff(GREY.astype(np.float32), photometric="minisblack"),
    "tiff_nan": tiff(np.full((48, 60), np.nan, np.float32), photometric="minisblack"),
    "tiff_16_channels": tiff(
        np.repeat(GREY[:, :, None], 16, 2), photometric="minisblack", planarconfig="contig"
    ),
}


def put(name: str, content: bytes) -> Spoil:
    def spoil(world: Path) -> None:
        path = world / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return spoil


def instead(name: str, make: Spoil) -> Spoil:
    def spoil(world: Path) -> None:
        path = world / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make(path)

    return spoil


#: Where an image is wanted: the command that reads it, and its place.
PLACES = {
    "query": (SEGMENT.replace("queries", Q), Q),
    "explained": (EXPLAIN, Q),
    "support": (SEGMENT, S),
    "background": (SEGMENT, B),
    "evaluated": (EVALUATE, D),
    "fitted": (FIT, S),
}


def images() -> list[Case]:
    found = []
    for place, (command, path) in PLACES.items():
        for name, content in IMAGES.items():
            found.append(Case("image", f"{place}_{name}", command, put(path, content), Path(path).name))
        for name, (make, says) in NO_FILE.items():
            found.append(Case("special", f"{place}_{name}", command, instead(path, make), says))
    return found


def masks() -> list[Case]:
    two = np.zeros((48, 60), np.uint8)
    two[10:20, 10:20] = 255
    bad = {
        "grey": PNG,
        "empty": encoded(Image.fromarray(two * 0), "PNG"),
        "small": encoded(Image.fromarray(two[:40]), "PNG"),
        "turned": encoded(Image.fromarray(two.T), "PNG"),
        "no_black": encoded(Image.fromarray(two // 2 + 9), "PNG"),
        "three_colours": encoded(Image.fromarray(np.stack([two, np.roll(two, 5, 0), two * 0], 2)), "PNG"),
        "classes": encoded(Image.fromarray((two > 0).astype(np.uint8) + (np.roll(two, 9) > 0)), "PNG"),
        "nan": tiff(np.where(two > 0, np.float32("nan"), 0).astype(np.float32), photometric="minisblack"),
        "text": b"hello",
        "no_bytes": b"",
        "half": encoded(Image.fromarray(two), "PNG")[:60],
    }
    return [
        Case("mask", f"{place}_{name}", command, put(path, content), Path(path).name)
        for place, (command, path) in {
            "support": (SEGMENT, M),
            "evaluated": (EVALUATE, T),
            "fitted": (FIT, M),
        }.items()
        for name, content in bad.items()
    ]


def remove(name: str) -> Spoil:
    def spoil(world: Path) -> None:
        path = world / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


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
    found = []
    for place, (command, path) in places.items():
        for name, content in JSON.items():
            found.append(Case("json", f"{place}_{name}", command, put(path, content), Path(path).name))
        for name, (make, says) in NO_FILE.items():
            found.append(Case("special", f"{place}_{name}", command, instead(path, make), says))
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
    for name, (make, says) in NO_FILE.items():
        found.append(Case("special", f"manifest_{name}", EVALUATE, instead("data/manifest.csv", make), says))
    return found


def weights() -> list[Case]:
    def changed(**metadata: str) -> Spoil:
        def spoil(world: Path) -> None:
            model = world.parent / "model.safetensors"
            save_file(load_file(model), world / "w", read_safetensors(model)[1] | metadata)

        return spoil

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


HUGE_NUMBER = "9" * 23
OPTIONS = {
    SEGMENT: {
        "--threshold": ("0", "1", "-1", "nan", "inf", "x", "1e999"),
        "--tile": ("0", "63", "-1", "x", "64.5", "99999999999999999999", "10001"),
        "--bits": ("7", "17", "x", HUGE_NUMBER),
        "--min-area": ("-1", "nan", "x", "inf"),
        "--min-length": ("-1", "nan", "x", HUGE_NUMBER),
        "--unit": ("inch", "", "mm --min-area 3"),
        "--scale": ("0", "-1", "nan", "x", "inf"),
        "--review": ("", "x", "0.6", "0.6,0.7", "0.7,0.4", "nan,nan", "0.1,0.2,0.9"),
        "--keep": ("", "x", "mask,x", "[/red]"),
        "--shots": ("0", "-1", HUGE_NUMBER),
        "--device": ("abacus", "cuda:99", "cpu:3", "meta", ""),
        "--threads": ("0", HUGE_NUMBER),
    },
    FIT: {
        "--threshold": ("0", "1", "nan", "x"),
        "--tile": ("63", "10001", "64.5", HUGE_NUMBER),
        "--bits": ("7", HUGE_NUMBER),
        "--min-area": ("-1", "nan", "inf"),
        "--scale": ("0", "-1", "nan", "inf", "1e30", "x"),
        "--background": ("", "sky", "window", "complement", "[/red]"),
        "--interest": ("gone.png", "queries", "/dev/zero"),
        "--device": ("abacus", "cuda:99"),
        "--threads": ("0",),
    },
    WATCH: {
        "--then": ("", "'", "no_such_program", "true {x}"),
        "--then-seconds": ("0", "-1", "nan", "inf", HUGE_NUMBER),
        "--every": ("-1", "nan"),
        "--settle": ("-1", "inf"),
        "--patience": ("-1", "x"),
        "--keep": ("", "x"),
        "--device": ("abacus",),
        "--threads": ("0",),
    },
    PACKED: {
        "--shots": ("1",),
        "--tile": ("64",),
        "--bits": ("8",),
        "--guidance": ("guidance",),
        "--threshold": ("0", "nan"),
        "--min-length": ("-1", "nan"),
        "--unit": ("mm", "cm", ""),
        "--review": ("0.7,0.3", "0.5", "x,y", "nan,nan"),
        "--scale": ("0", "nan"),
    },
    CALIBRATE: {"--false-alarms": ("0", "1", "-1%", "nan", "x", "", "100%", "200")},
    EXPLAIN: {
        "--points": ("1", "x,y", "1,2,3", "-1,0", "100000,0", f"{HUGE_NUMBER},0", "²,1"),
        "--level": ("-1", "9", HUGE_NUMBER),
        "--bits": ("7", "17"),
    },
    EVALUATE: {
        "--size": ("0", "63", "4097", HUGE_NUMBER),
        "--seeds": ("0", HUGE_NUMBER),
        "--threshold": ("-1", "2", "nan"),
        "--min-area": ("-1", "nan"),
        "--fold": ("marble", "[/red]", "\x1b[2J"),
        "--layout": ("mvtek", ""),
        "--method": ("magic", "$\\frac$"),
    },
    TRAIN: {
        "--size": ("0", "63", HUGE_NUMBER, "4097"),
        "--epsilon": ("0", "nan", "1e30"),
        "--lr": ("0", "nan", "1e30"),
        "--seed": ("-1", HUGE_NUMBER),
        "--cues": ("", "zzz", "aa"),
        "--test-fold": ("marble",),
    },
    DISTILL: {
        "--size": ("0", "8193", HUGE_NUMBER),
        "--batch": ("0", "1", HUGE_NUMBER),
        "--seed": ("-1", HUGE_NUMBER),
        "--student": ("[/red]", ""),
        "--teacher": ("abacus",),
    },
    SYNTHESIZE: {
        "--size": ("0", "31", "4097", HUGE_NUMBER),
        "--seed": ("-1", HUGE_NUMBER),
        "--kinds": ("0", HUGE_NUMBER),
        "--materials": ("0", HUGE_NUMBER),
        "--largest": ("31", HUGE_NUMBER),
        "--workers": ("0", HUGE_NUMBER),
    },
    REPRODUCE: {
        "--fold": ("marble", "[/red]"),
        "--rows": ("nobody", ""),
        "--shots": ("0", HUGE_NUMBER),
        "--seeds": ("0", HUGE_NUMBER),
        "--protocol": ("none", "../x", "a\nb"),
        "--backbone": ("abacus",),
    },
    DEMO: {"--device": ("abacus",), "--threads": ("0", "x")},
    "protocol": {"": ("none", "../pool", "", "[/red]", "x" * 300, "a\nb")},
}


def options() -> list[Case]:
    found = []
    for command, values in OPTIONS.items():
        for option, bad in values.items():
            for value in bad:
                name = f"{command.split()[0]}{option}={value[:12]!r}"
                name = f"pack_{name}" if command == PACKED else name
                found.append(Case("option", name, f"{command} {option}\t{value}", None, ""))
    return found


def packs() -> list[Case]:
    """Files that are no pack, or none any more; `p.pack` is a sound one."""

    def changed(**metadata: str) -> Spoil:
        def spoil(world: Path) -> None:
            tensors, said = read_safetensors(world / "p.pack")
            save_file(tensors, world / "p.pack", said | metadata)

        return spoil

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


def names() -> list[Case]:
    strange = {
        "markup": "[red]", "mathtext": "$\\frac$", "escape": "\x1b[2J", "line": "a\nb", "no_utf8": "\udcff",
        "wide": "☃",
    }  # fmt: skip
    found = []
    for name, text in strange.items():
        query = f"queries/{text}.png"
        found.append(
            Case("name", f"query_{name}", f"segment\t{query}\t" + SEGMENT[16:], put(query, b"x"), "image")
        )
        support = f"guidance/support/{text}.png"
        found.append(Case("name", f"support_{name}", SEGMENT, put(support, PNG), "mask"))
        found.append(Case("name", f"gone_{name}", f"segment\t{text}\t" + SEGMENT[16:], None, "no such"))
    for what, command in {
        "query": f"segment\t{'x' * 300}\t" + SEGMENT[16:],
        "guidance": SEGMENT.replace("ce guidance", f"ce {'x' * 300}"),
        "data": EVALUATE.replace("data data", f"data {'x' * 300}"),
        "weights": SEGMENT.replace("MODEL", "x" * 300),
        "folds": f"{EVALUATE} --folds {'x' * 300}",
        "explained": EXPLAIN.replace(Q, "x" * 300),
    }.items():
        found.append(Case("name", f"long_{what}", command, None, "xxx"))
    return found


def imports() -> list[Case]:
    """Annotations of other tools: the file itself, what it names, what it says of images that are there."""
    square = [[10, 10], [30, 10], [30, 20], [10, 20]]
    corners = [number for point in square for number in point]
    labelme = {"imagePath": "q.png", "shapes": [{"label": "s", "points": square, "shape_type": "polygon"}]}
    coco = {
        "images": [{"id": 1, "file_name": "q.png", "height": 48, "width": 60}],
        "categories": [{"id": 1, "name": "s"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [corners]}],
    }
    points = {"points": square, "polygonlabels": ["s"]}
    region = {"type": "polygonlabels", "original_height": 48, "original_width": 60, "value": points}
    studio = [{"data": {"image": "q.png"}, "annotations": [{"result": [region]}]}]
    polygon = '<polygon label="s" points="10,10;30,10;30,20"/>'
    cvat = f'<annotations><image name="q.png" width="60" height="48">{polygon}</image></annotations>'
    sound = {
        "labelme": json.dumps(labelme),
        "coco": json.dumps(coco),
        "labelstudio": json.dumps(studio),
        "cvat": cvat,
        "csv": f"image,mask\nq.png,{M.removeprefix('guidance/support/')}\n",
    }
    found = []
    for tool, text in sound.items():
        command = f"import {tool} export --images queries --out new"
        if tool == "csv":
            command = command.replace("queries", "guidance/support")
            text = text.replace("q.png", "s.png")
        name = "s.png" if tool == "csv" else "q.png"
        spoilt: dict[str, tuple[bytes, str]] = {
            "none": (b"", "empty"),
            "half": (text[: len(text) // 2].encode(), "export"),
            "binary": (bytes(range(256)), "export"),
            "gone": (text.replace(name, "gone.png").encode(), "gone.png"),
            "above": (text.replace(name, "../data/cork/test/crack/9.png").encode(), "9.png"),
            "root": (text.replace(name, "/dev/zero").encode(), "zero"),
            "folder": (text.replace(name, ".").encode(), "export"),
            "line": (text.replace(name, "a\\nb.png").encode(), "b.png"),
        }
        if tool != "cvat":  # XML may be of any encoding
            spoilt["utf16"] = (text.encode("utf-16"), "export")
        if tool != "csv":
            spoilt |= {
                "nan": (text.replace("30", "NaN", 1).encode(), "export"),
                "far": (text.replace("30", "3000", 1).encode(), "outside"),
                "endless": (text.replace("30", "1e999", 1).encode(), "export"),
                "long": (text.replace("30", "9" * 5000, 1).encode(), "export"),
            }
        if tool not in ("csv", "labelme"):
            spoilt["size"] = (text.replace("48", "49").encode(), "60 x 49")
        for kind, (content, says) in spoilt.items():
            found.append(Case("import", f"{tool}_{kind}", command, put("export", content), says))
        used = [put("export", text.encode())]
        found.append(Case("import", f"{tool}_over", f"{command[:-3]}queries", used[0], "queries"))
        found.append(Case("import", f"{tool}_device", f"{command[:-3]}/dev/full", used[0], "/dev/full"))
        found.append(Case("import", f"{tool}_source", command, instead("export", link_to("gone")), "export"))
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + cvat.replace("q.png", "&b;")
    found += [
        Case("import", "bomb", "import cvat export --out new", put("export", bomb.encode()), "entities"),
        Case("import", "format", "import voc queries --out new", None, "labelme"),
        Case("import", "layout", "import masks guidance/support --out new --layout voc", None, "mvtec"),
        Case("import", "cut", "import masks guidance/support --out new --cut 2", None, "--cut"),
        Case("import", "label", "import masks guidance/support --out new --labels dent", None, "defect"),
        Case("import", "material", "import masks guidance/support --out new --material ..", None, "'..'"),
    ]
    return found


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


CASES = [
    *(*images(), *masks(), *guidance(), *json_files(), *weights(), *options(), *outputs(), *names()),
    *(*imports(), *packs(), *newest()),
]


def thinned() -> list[object]:
    """Every second of each kind; the others are slow."""
    seen: dict[str, int] = {}
    found = []
    for case in CASES:
        seen[case.kind] = seen.get(case.kind, 0) + 1
        marks = () if seen[case.kind] % 2 else (pytest.mark.slow,)
        name = f"{case.kind}-{case.name}".encode("ascii", "backslashreplace").decode()
        found.append(pytest.param(case, id=name, marks=marks))
    return found


@pytest.fixture(scope="session")
def sound(tmp_path_factory, tiny_model) -> Path:
    """A folder with everything that the commands need, made once."""
    root = tmp_path_factory.mktemp("hostile")
    save_model(root / "model.safetensors", tiny_model)
    rng = np.random.default_rng(0)
    marked = np.zeros((48, 60), np.uint8)
    marked[10:30, 20:40] = 255
    whole = root / "whole"
    pairs = [(S, M)]
    singles = [B, Q]
    for material in ("cork", "slate"):
        for index in range(2):
            pairs.append(
                (
                    f"data/{material}/test/crack/{index}.png",
                    f"data/{material}/ground_truth/crack/{index}_mask.png",
                )
            )
            singles.append(f"data/{material}/train/good/{index}.png")
    for path in (*singles, *(image for image, _ in pairs)):
        (whole / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)).save(whole / path)
    for _, path in pairs:
        (whole / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(marked).save(whole / path)
    segmenter = Segmenter.from_pretrained(root / "model.safetensors", "cpu")
    segmenter.fit([(whole / S, whole / M)], [whole / B]).save(whole / "p.pack")
    return root


@pytest.fixture
def world(sound, monkeypatch) -> Path:
    """A copy of it, to be spoilt; the commands run in it."""
    place = sound / "world"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(sound / "whole", place)
    monkeypatch.chdir(place)
    return place


def contents(world: Path) -> dict[str, object]:
    """Every name in a folder with what is there."""
    found: dict[str, object] = {}
    for path in world.rglob("*"):
        name = str(path.relative_to(world))
        found[name] = path.read_bytes() if path.is_file() and not path.is_symlink() else path.is_dir()
    return found


def arguments(case: Case) -> list[str]:
    """The words of a command; a tab keeps what is around it whole."""
    parts = case.command.split("\t")
    if len(parts) == 2:
        *words, option = parts[0].split(" ")
        return [word for word in (*words, option, parts[1]) if word or word == parts[1]]
    if len(parts) == 3:
        return [parts[0], parts[1], *parts[2].split()]
    return case.command.split()


@pytest.mark.parametrize("case", thinned())
def test_one_line_status_2_and_nothing_left(case, world, obftnet):
    if case.spoil is not None:
        case.spoil(world)
    before = contents(world)
    words = [word.replace("MODEL", "../model.safetensors") for word in arguments(case)]
    status, _, err = obftnet(*words)
    assert status == 2, err
    assert err.count("\n") == 1, err
    assert err[:-1].isprintable()
    assert case.says.lower() in err.lower()
    after = contents(world)
    assert {name: after.get(name) for name in before} == before
    # A query that is refused stands in the record and the tables, beside the guidance as it was understood.
    record = {"out", *(f"out/{name}" for name in _RECORD)} if case.command.startswith("segment") else set()
    assert set(after) - set(before) <= record


_RECORD = ("segment.json", "guidance.png", "images.csv", "regions.csv", "coco.json", "regions.parquet")


def test_the_world_is_sound(world, obftnet):
    for command in (SEGMENT, EXPLAIN, EVALUATE, TRAIN.replace("out out", "out run"), FIT):
        status, _, err = obftnet(*command.replace("MODEL", "../model.safetensors").split())
        assert status == 0, err
    status, _, err = obftnet(
        *PACKED.replace("MODEL", "../model.safetensors").replace(" out ", " packed ").split()
    )
    assert status == 0, err


def test_there_are_enough_cases():
    assert len({(case.kind, case.name) for case in CASES}) == len(CASES) >= 250


SURROUNDINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "locale_c": {"LC_ALL": "C", "LANG": "C"},
}


@pytest.mark.parametrize(
    "surroundings",
    ["ascii", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cp1252", "locale_c", "closed"))],
)
def test_any_console(surroundings, world):
    query = world / "queries" / os.fsdecode(b"[red]\xff\xe2\x98\x83.png")
    query.write_bytes(b"hello")
    words = [sys.executable, "-m", "obftnet", "segment", str(query), *SEGMENT[16:].split()]
    words = [word.replace("MODEL", "../model.safetensors") for word in words]
    close = ["bash", "-c", 'exec "$@" >&-', "_"] if surroundings == "closed" else []
    ended = subprocess.run(
        close + words, env=os.environ | SURROUNDINGS.get(surroundings, {}), capture_output=True, timeout=300
    )
    assert ended.returncode == (1 if surroundings == "closed" else 2), ended.stderr
    assert ended.stderr.count(b"\n") == (2 if surroundings == "closed" else 1), ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["WORLD_SIZE", "RANK", "LOCAL_RANK"])
def test_settings_of_several_processes_that_are_none(name, world, obftnet, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, "abc")
    status, _, err = obftnet(*TRAIN.split())
    assert (status, err.count("\n")) == (2, 1), err
    assert not (world / "out").exists()


IMAGE = np.zeros((48, 60, 3), np.uint8)
IMAGE[::2] = 200
GOOD = IMAGE // 2
MASK = np.zeros((48, 60), bool)
MASK[10:20, 10:30] = True

BAD_IMAGES = {
    "masked": np.ma.masked_equal(IMAGE, 0),
    "complex": IMAGE.astype(np.complex64),
    "signed": IMAGE.astype(np.int16),
    "objects": IMAGE.astype(object),
    "text": np.full((48, 60), "a"),
    "float_255": IMAGE.astype(np.float32),
    "nan": np.full((48, 60), np.nan),
    "one_axis": np.zeros(48, np.uint8),
    "four_axes": IMAGE[None],
    "channels_first": IMAGE.transpose(2, 0, 1),
    "no_pixels": np.zeros((0, 60), np.uint8),
    "number": 3,
    "none": None,
    "bytes": b"x.png",
    "list": IMAGE.tolist(),
    "tensor": torch.zeros(3, 48, 60),
    "gone": "gone.png",
    "nul": "a\0b.png",
    "zero_axes": np.float32(0.5) * np.ones(()),
    "five_channels": np.zeros((48, 60, 5), np.uint8),
    "two_channels": np.zeros((48, 60, 2), np.uint8),
    "minus": np.full((48, 60), -0.5, np.float32),
    "infinite": np.full((48, 60), np.inf),
    "dates": np.zeros((48, 60), "datetime64[s]"),
    "records": np.zeros((48, 60), [("a", "u1")]),
    "generator": (row for row in IMAGE),
    "memory": memoryview(IMAGE),
    "too_large": np.broadcast_to(np.uint8(0), (20_000, 20_000)),
    "pil_lab": Image.new("LAB", (60, 48)),
    "pil_palette_without_colours": Image.new("P", (60, 48), 3),
    "pil_integers": Image.new("I", (60, 48), 70_000),
    "set": {1, 2},
}
BAD_SUPPORTS = {
    "none": [],
    "text": "s.png",
    "pair": (IMAGE, MASK),
    "three": [(IMAGE, MASK, MASK)],
    "alone": [IMAGE],
    "letters": ["ab"],
    "number": 5,
    "dict": {"a": IMAGE},
    "mask_empty": [(IMAGE, MASK & False)],
    "mask_shape": [(IMAGE, MASK.T)],
    "mask_grey": [(IMAGE, GREY)],
    "mask_nan": [(IMAGE, np.full((48, 60), np.nan))],
    "mask_complex": [(IMAGE, MASK.astype(complex))],
    "mask_masked": [(IMAGE, np.ma.masked_equal(MASK, False))],
    "mask_none": [(IMAGE, None)],
    "mask_zero_axes": [(IMAGE, np.True_)],
    "mask_dates": [(IMAGE, MASK.astype("datetime64[s]"))],
    "mask_objects": [(IMAGE, MASK.astype(object))],
    "mask_minus": [(IMAGE, MASK.astype(np.int8) - 2)],
    "mask_list": [(IMAGE, MASK.tolist())],
    "generator_of_nothing": iter(()),
    "a_string_pair": ["ab", "cd"],
    "a_kind_of_nothing": {"a": []},
    "a_kind_without_a_name": {"": [(IMAGE, MASK)]},
    "a_kind_that_is_a_number": {1: [(IMAGE, MASK)]},
}
BAD_SETTINGS = [
    *({"threshold": value} for value in (0, 1, -1, 5, float("nan"), float("inf"), "0.5", None, True, [0.5])),
    *({"tile": value} for value in (0, 63, 64.5, -64, 10**20, "64", True, float("nan"))),
    *({"bits": value} for value in (7, 17, 12.0, "12", 10**20)),
    *({"device": value} for value in ("abacus", "cuda:99", "meta", "", "cpu:1", "mps")),
    *({"threshold": value} for value in (1j, np.array([0.1, 0.2]), "x", b"0.5", np.float32("nan"))),
    *({"tile": value} for value in (np.float64(64), np.True_, float("inf"), 10_001)),
]


@pytest.fixture
def segmenter(tiny_model) -> Segmenter:
    return Segmenter(tiny_model, device="cpu")


def one_line(call: Callable[[], object]) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", BAD_IMAGES)
@pytest.mark.parametrize("place", ["support", "background", "query"])
def test_python_images(segmenter, place, name):
    bad = BAD_IMAGES[name]
    support, good = (bad if place == "support" else IMAGE), (bad if place == "background" else GOOD)
    if place != "query":
        return one_line(lambda: segmenter.fit([(support, MASK)], [good]))
    segmenter.fit([(support, MASK)], [good])
    return one_line(lambda: segmenter.predict(bad))


@pytest.mark.parametrize("name", BAD_SUPPORTS)
def test_python_supports(segmenter, name):
    one_line(lambda: segmenter.fit(BAD_SUPPORTS[name], [GOOD]))


@pytest.mark.parametrize("bad", [[], "x.png", GOOD, None, 5, {"a": GOOD}, [[GOOD]], [None]])
def test_python_backgrounds(segmenter, bad):
    one_line(lambda: segmenter.fit([(IMAGE, MASK)], bad))


@pytest.mark.parametrize("bad", BAD_SETTINGS, ids=str)
def test_python_settings(tiny_model, bad):
    one_line(lambda: Segmenter(tiny_model, **({"device": "cpu"} | bad)))


def test_python_predict_before_fit(segmenter):
    one_line(lambda: segmenter.predict(IMAGE))
