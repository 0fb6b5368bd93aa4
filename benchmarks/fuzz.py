"""Damaged files of every kind that the program reads: each is read right, or refused with one InputError.

    python benchmarks/fuzz.py --minutes 60 --seed 0 --keep /tmp/fuzz
    python benchmarks/fuzz.py --seed 0 --case 1234

Whole files are made (`_seeds`), damaged by a generator that depends on the seed and the number of the case
alone (`_damaged`), and read by the functions that the commands read them by (`_readers`). A case fails where

* another exception than InputError comes out, or the process dies;
* it takes longer than --seconds, or more than --megabytes beyond what the process has;
* anything is printed by a library, or a pickle is run;
* what was read is no right reading: a picture of another size than its header's, a score that is not finite.

The cases run in a process of their own, which the parent watches and begins anew where it had to end it.
Prints a line a kind of file, then each failure by where it was raised. Linux only (/proc).
"""

import argparse
import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import pickle
import random
import re
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

#: What is put where a number stands.
_NUMBERS = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1)
#: What is put where a JSON value stands.
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, 1e308, -0.5, 0.5, "", "x", "nan", "../..", "/",
    "a\0b", "\ud800", "x" * 5000, "[/red]", "$\\frac$", [], [None], {}, {"": ""}, [[]], [1, 2, 3], {"a": [1]},
)  # fmt: skip
_TEXTS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "1" + "0" * 5000,
    "[" * 100_000,
    '{"a":' * 50_000,
    "'",
    "\\",
)


@dataclass
class Figures:
    """Of one kind of file."""

    cases: int = 0
    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)


# --- whole files ---


def _images(rng: random.Random) -> dict[str, bytes]:
    """PNG, JPEG, TIFF, WebP and BMP in the forms that cameras, scanners and programs save."""
    import numpy as np
    import tifffile
    from PIL import Image

    noise = np.random.default_rng(rng.randrange(2**32))
    grey = noise.integers(0, 256, (33, 40), dtype=np.uint8)
    colour = noise.integers(0, 256, (33, 40, 3), dtype=np.uint8)
    deep = noise.integers(0, 4096, (33, 40), dtype=np.uint16)
    mask = np.zeros((33, 40), np.uint8)
    mask[8:20, 10:30] = 255
    found: dict[str, bytes] = {}

    def pil(name: str, image: Image.Image, **options: Any) -> None:
        stream = io.BytesIO()
        image.save(stream, **options)
        found[name] = stream.getvalue()

    def tiff(name: str, pixels: Any, **options: Any) -> None:
        stream = io.BytesIO()
        with tifffile.TiffWriter(
            stream, bigtiff=options.pop("bigtiff", False), byteorder=options.pop("byteorder", "<")
        ) as writer:
            writer.write(pixels, metadata=None, **options)
        found[name] = stream.getvalue()

    turned = Image.Exif()
    turned[274] = 6
    pil("png grey", Image.fromarray(grey), format="PNG")
    pil("png colour", Image.fromarray(colour), format="PNG", exif=turned)
    pil("png mask", Image.fromarray(mask), format="PNG")
    pil("png bilevel", Image.fromarray(mask).convert("1"), format="PNG")
    pil("png palette", Image.fromarray(colour).quantize(16), format="PNG", transparency=3)
    pil("png alpha", Image.fromarray(colour).convert("RGBA"), format="PNG")
    pil("png 16 bit", Image.fromarray(deep), format="PNG")
    pil("jpeg colour", Image.fromarray(colour), format="JPEG", exif=turned)
    pil("jpeg grey progressive", Image.fromarray(grey), format="JPEG", progressive=True)
    pil("jpeg cmyk", Image.fromarray(colour).convert("CMYK"), format="JPEG")
    pil("webp", Image.fromarray(colour), format="WEBP")
    pil("webp lossless alpha", Image.fromarray(colour).convert("RGBA"), format="WEBP", lossless=True)
    pil("bmp colour", Image.fromarray(colour), format="BMP")
    pil("bmp palette", Image.fromarray(colour).quantize(16), format="BMP")
    pil("bmp grey", Image.fromarray(grey), format="BMP")
    tiff("tiff plain", grey, photometric="minisblack")
    tiff("tiff white is zero", grey, photometric="miniswhite", compression="lzw")
    tiff("tiff big endian 16", deep, photometric="minisblack", byteorder=">", rowsperstrip=8)
    tiff("tiff lzw predictor", colour, photometric="rgb", compression="lzw", predictor=True)
    tiff("tiff zlib tiles", colour, photometric="rgb", compression="zlib", tile=(16, 16))
    tiff("tiff planes", colour.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    tiff("tiff float", (grey / 255).astype(np.float32), photometric="minisblack", compression="zlib")
    tiff("tiff bigtiff", colour, photometric="rgb", bigtiff=True)
    tiff("tiff zstd", deep, photometric="minisblack", compression="zstd")
    tiff("tiff jpeg", colour, photometric="rgb", compression="jpeg")
    tiff("tiff packbits", grey, photometric="minisblack", compression="packbits")
    tiff("tiff bilevel", mask > 0, photometric="minisblack")
    tiff("tiff alpha", np.dstack([colour, grey]), photometric="rgb", extrasamples=["unassalpha"])
    pil("tiff fax", Image.fromarray(mask).convert("1"), format="TIFF", compression="group4")
    pil("tiff palette", Image.fromarray(colour).quantize(16), format="TIFF")
    pil("tiff cmyk", Image.fromarray(colour).convert("CMYK"), format="TIFF", compression="tiff_lzw")
    return found


class _Payload:
    """What a pickle runs if it is opened: it leaves a file."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.mark, "w"))


def _models(folder: Path) -> dict[str, bytes]:
    """Model files of both readers and of a compared method, and files that run code if unpickled."""
    import torch

    from obftnet.backbones.weights import load_backbone
    from obftnet.config import CuesConfig, EncoderConfig
    from obftnet.methods.registry import build, method_config
    from obftnet.model import OBFTNet
    from obftnet.weights import save_model

    found = {}
    backbone = load_backbone("compact", "random", seed=0)
    models: dict[str, Any] = {
        "cues": OBFTNet(CuesConfig(backbone="compact", size=64), backbone),
        "encoder4d": OBFTNet(EncoderConfig(backbone="compact", size=64), backbone),
        "panet": build(method_config("panet", {"backbone": "compact", "size": 64})),
    }
    for name, model in models.items():
        save_model(folder / "model", model)
        found[name] = (folder / "model").read_bytes()
    mark = str(folder / "a pickle ran")
    stream = io.BytesIO()
    torch.save({"a": _Payload(mark)}, stream)
    found["torch file"] = stream.getvalue()
    found["pickle"] = pickle.dumps(_Payload(mark))
    return found


def _packs(folder: Path) -> dict[str, bytes]:
    """Packs of a plain guidance, and of two kinds with a region of interest, by weights under `folder`."""
    import numpy as np

    from obftnet.backbones.weights import load_backbone
    from obftnet.config import CuesConfig
    from obftnet.decision import Decision
    from obftnet.model import OBFTNet
    from obftnet.segmenter import Segmenter
    from obftnet.weights import save_model

    weights = folder / "weights"
    config = CuesConfig(backbone="compact", size=64)
    save_model(weights, OBFTNet(config, load_backbone("compact", "random", seed=0)).eval())
    segmenter = Segmenter.from_pretrained(weights, "cpu")
    noise = np.random.default_rng(0)
    images = [noise.integers(0, 256, (33, 40, 3), dtype=np.uint8) for _ in range(4)]
    deep = [noise.integers(0, 4096, (33, 40), dtype=np.uint16) for _ in range(2)]
    mask = np.zeros((33, 40), bool)
    mask[8:20, 10:30] = True
    segmenter.fit([(deep[0], mask)], [deep[1]]).save(folder / "pack", who="")
    found = {"plain": (folder / "pack").read_bytes()}
    segmenter.decision = Decision(0.6, 4.0, review=(0.4, 0.7), interest=~mask)
    segmenter.fit({"a": [(images[0], mask)], "b": [(images[1], mask)]}, images[2:])
    segmenter.save(folder / "pack", who="")
    found["kinds"] = (folder / "pack").read_bytes()
    found["pickle"] = pickle.dumps(_Payload(str(folder / "a pickle ran")))
    return found


def _annotations(folder: Path) -> dict[str, dict[str, bytes]]:
    """An export of each tool that is one file, by the tool, of images written below `folder`."""
    import numpy as np
    from PIL import Image

    photos = folder / "photos"
    photos.mkdir()
    noise = np.random.default_rng(0)
    mask = np.zeros((48, 60), np.uint8)
    mask[10:20, 10:30] = 255
    for name in ("q.png", "r.jpg"):
        Image.fromarray(noise.integers(0, 256, (48, 60, 3), dtype=np.uint8)).save(photos / name)
    Image.fromarray(mask).save(photos / "m.png")
    square = [[10, 10], [30, 10], [30, 20], [10, 20]]
    corners = [number for point in square for number in point]
    shapes = [
        {"label": "s", "points": square, "shape_type": "polygon"},
        {"label": "t", "points": [[5, 5], [9.5, 9]], "shape_type": "rectangle"},
        {"label": "s", "points": [[20, 30], [25, 30]], "shape_type": "circle"},
    ]
    labelme = {"imagePath": "q.png", "imageHeight": 48, "imageWidth": 60, "flags": {}, "shapes": shapes}
    coco = {
        "images": [
            {"id": 1, "file_name": "q.png", "height": 48, "width": 60},
            {"id": 2, "file_name": "r.jpg", "height": 48, "width": 60},
        ],
        "categories": [{"id": 1, "name": "s"}, {"id": 2, "name": "t"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [corners]},
            {"id": 2, "image_id": 2, "category_id": 2, "iscrowd": 1,
             "segmentation": {"size": [48, 60], "counts": [490, 10, 38, 10, 2332]}},
        ],
    }  # fmt: skip
    size = {"original_height": 48, "original_width": 60, "image_rotation": 0}
    box = {"x": 10, "y": 20, "width": 30, "height": 10, "rotation": 15, "rectanglelabels": ["t"]}
    regions = [
        size | {"type": "polygonlabels", "value": {"points": square, "polygonlabels": ["s"]}},
        size | {"type": "rectanglelabels", "value": box},
    ]
    studio = [{"data": {"image": "q.png"}, "annotations": [{"result": regions}]}]
    polygon = '<polygon label="s" points="10,10;30,10;30,20"/>'
    drawn = '<mask label="t" rle="2, 3, 4" left="5" top="6" width="3" height="3"/><box label="s" xtl="1" '
    cvat = f'<annotations><image name="q.png" width="60" height="48">{polygon}{drawn}' + (
        'ytl="2" xbr="9" ybr="8" rotation="20"/></image></annotations>'
    )
    table = "image,mask,label\nq.png,m.png,s\nr.jpg,,good\n"
    texts = {
        "labelme": json.dumps(labelme), "coco": json.dumps(coco), "labelstudio": json.dumps(studio),
        "cvat": cvat, "csv": table,
    }  # fmt: skip
    return {tool: {"export": text.encode()} for tool, text in texts.items()}


def _json_files(folder: Path) -> dict[str, dict[str, bytes]]:
    """What commands write and read again, by kind; beside it, under `folder`, the data it is about."""
    import numpy as np
    from PIL import Image

    from obftnet.data import read_layout
    from obftnet.data.episode_files import write_episodes
    from obftnet.data.episodes import test_episodes
    from obftnet.decision import Decision, Verdict
    from obftnet.evaluation.journal import Journal
    from obftnet.evaluation.measures import Measures
    from obftnet.segmentation.journal import Journal as JobJournal
    from obftnet.segmentation.record import Entry, GuidanceRecord, Record, Settled, Written
    from obftnet.synthetic import write_dataset
    from obftnet.training.log import RunLog
    from obftnet.training.run_file import check_run

    data = folder / "data"
    write_dataset(data, 2, 0, size=32, kinds=1, defective_per_kind=2, good=2)
    collection = read_layout("mvtec", data)
    episodes = test_episodes(collection, collection.materials, split="a", seed=0, shots=1, backgrounds=1)
    write_episodes(folder / "episodes.json", episodes, collection)
    check_run(folder / "run", {"config": {"size": 64, "lr": 0.1}, "data": "0" * 64, "steps": 5}, ["model"])
    log = RunLog(folder / "run", 0)
    for step in range(1, 5):
        log.add(step, loss=0.5, lr=1e-3, seconds=1.0)
    log.close()
    guidance = GuidanceRecord(folder="/g", sha256="0" * 64, supports=["s.png"], backgrounds=["b.png"])
    settled = Settled.of(Decision(0.5, 9, review=(0.4, 0.6)), 12.5)
    record = Record(weights="w", weights_sha256="0" * 64, settled=settled, guidance=guidance)
    entry = Entry(
        file="/q/a.png", sha256="0" * 64, result="a", width=40, height=33,
        decided_by=settled.key, verdict=Verdict.FAIL, image_score=0.8, regions=1, defect_area=0.1,
        max_score=0.9, seconds=0.2, written={"mask": Written(bytes=10, sha256="0" * 64)},
    )  # fmt: skip
    record.put([entry])
    record.write(folder)
    job = JobJournal(folder, record)
    job.add(entry)
    truth = np.zeros((33, 40), bool)
    truth[5:9, 5:9] = True
    score = np.linspace(0, 1, 33 * 40, dtype=np.float32).reshape(33, 40)
    journal = Journal(folder / "evaluation", {"a": 1})
    for place in range(3):
        journal.add(("cork", 0, place), Measures.of(score, truth, Decision(0.5)))
    Image.fromarray(truth).save(folder / "mask.png")
    return {
        "folds": {"folds": json.dumps({name: [name] for name in collection.materials}).encode()},
        "episodes": {"episodes": (folder / "episodes.json").read_bytes()},
        "run.json": {"run": (folder / "run" / "run.json").read_bytes()},
        "log.csv": {"log": (folder / "run" / "log.csv").read_bytes()},
        "manifest": {"manifest": (data / "manifest.csv").read_bytes()},
        "segment.json": {"record": (folder / "segment.json").read_bytes()},
        "job journal": {"journal": (folder / "segment.unfinished").read_bytes()},
        "evaluation journal": {"journal": (folder / "evaluation").read_bytes()},
        "unit result": {"unit": json.dumps(_unit_result()).encode()},
    }


def _unit_result() -> dict[str, Any]:
    from obftnet.evaluation.results import FURTHER

    fold = {"classes": {"a/b": {"iou": 0.5}}, "miou": {"mean": 0.5, "std": 0.0}}
    unit = {"row": "r", "backbone": "b", "fold": "f", "shots": 1, "seed": 0, "on": ""}
    figures = {f"mean_{name}": 0.5 for name in FURTHER}
    return {
        "mean_miou": 0.5,
        "mean_fb_iou": 0.5,
        "folds": {"f": fold},
        "unit": unit,
        "asked": {"k": 1},
        **figures,
    }


def _state(folder: Path) -> bytes:
    import torch

    from obftnet.training.checkpoint import FILE, save_state

    reader = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(reader.parameters())
    reader(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_state(folder, "run", 2, reader, optimizer, {"best": 0.5})
    return (folder / FILE).read_bytes()


# --- damage ---


def _damaged(data: bytes, other: bytes, kind: str, rng: random.Random) -> bytes:
    """The bytes of a file, damaged once to a few times; some by what their format means."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        ways: list[Callable[[], bytes]] = [lambda data=data: _bytes_changed(data, other, rng)]
        if data[:4] == b"\x89PNG":
            ways += [lambda data=data: _png_chunk(data, rng)] * 2
        if data[:4] in (b"II*\0", b"MM\0*"):
            ways += [lambda data=data: _tiff_entry(data, rng)] * 3
        if kind in ("model", "training state", "pack") and data[8:9] == b"{":
            ways += [lambda data=data: _header(data, rng)] * 2
        if kind == "pack" and data[8:9] == b"{":
            ways += [lambda data=data: _pack(data, rng)] * 4
        if kind in _JSON:
            ways += [lambda data=data: _json(data, rng)] * 2
        if kind in ("cvat", "csv", "log.csv", "manifest"):
            ways += [lambda data=data: _word(data, rng)] * 3
        data = rng.choice(ways)()
    return data


#: Kinds of files that are JSON, as a whole or line by line.
_JSON = (
    "folds", "episodes", "run.json", "segment.json", "job journal", "evaluation journal", "unit result",
    "labelme", "coco", "labelstudio",
)  # fmt: skip


def _bytes_changed(data: bytes, other: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    # What says how the rest is to be read stands at the beginning, mostly.
    if rng.random() < 0.4:
        at = min(at, rng.randrange(64))
    size = rng.choice((1, 1, 2, 4, 8, 64, 1024))
    changed = bytearray(data)
    way = rng.randrange(8)
    if way == 0:
        for _ in range(rng.choice((1, 2, 8))):
            if changed:
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    elif way == 1:
        changed[at : at + size] = rng.randbytes(size)
    elif way == 2:
        changed = changed[:at]
    elif way == 3:
        del changed[at : at + size]
    elif way == 4:
        changed[at:at] = changed[at : at + size] * rng.choice((1, 2, 50))
    elif way == 5:
        form = rng.choice(("<H", ">H", "<I", ">I", "<Q", "B"))
        number = rng.choice(_NUMBERS) % (1 << (8 * struct.calcsize(form)))
        changed[at : at + struct.calcsize(form)] = struct.pack(form, number)
    elif way == 6:
        changed = changed[:at] + bytearray(other[rng.randrange(len(other) + 1) :])
    else:
        changed += rng.randbytes(size)
    return bytes(changed)


def _png_chunk(data: bytes, rng: random.Random) -> bytes:
    """A PNG whose chunk is changed, its checksum made to fit."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return data
    index = rng.randrange(len(chunks))
    name, body = chunks[index]
    way = rng.randrange(4)
    if way == 0 and body:
        place = rng.randrange(len(body))
        body = body[:place] + bytes([rng.choice(_NUMBERS) % 256]) + body[place + 1 :]
    elif way == 1:
        name = rng.choice((b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"acTL", b"zTXt", b"iCCP", b"IEND", b"gAMA"))
    elif way == 2:
        chunks.insert(rng.randrange(len(chunks) + 1), (name, body))
    else:
        del chunks[index]
        index = -1
    if index >= 0:
        chunks[min(index, len(chunks) - 1)] = (name, body)
    parts = [len(b).to_bytes(4, "big") + n + b + zlib.crc32(n + b).to_bytes(4, "big") for n, b in chunks]
    return data[:8] + b"".join(parts)


def _tiff_entry(data: bytes, rng: random.Random) -> bytes:
    """A TIFF with one entry of its directory changed."""
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack_from(order + "I", data, 4)[0] if len(data) >= 8 else 0
    if not 8 <= start <= len(data) - 2:
        return data
    count = struct.unpack_from(order + "H", data, start)[0]
    at = start + 2 + 12 * rng.randrange(max(1, min(count, 40)))
    if at + 12 > len(data):
        return data
    changed = bytearray(data)
    place, form = rng.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "I"), (8, "H")))
    tags = (
        256,
        257,
        258,
        259,
        262,
        273,
        274,
        277,
        278,
        279,
        284,
        317,
        320,
        322,
        324,
        325,
        338,
        339,
        330,
        347,
    )
    number = rng.choice(tags if place == 0 else (*_NUMBERS, *range(20), 5000, 10_000, 20_000))
    struct.pack_into(order + form, changed, at + place, number % (1 << (16 if form == "H" else 32)))
    return bytes(changed)


def _header(data: bytes, rng: random.Random) -> bytes:
    """A safetensors file with its header's JSON changed and the length made to fit."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        return data
    if not isinstance(header, dict):
        return data
    inner = header.get("__metadata__")
    if isinstance(inner, dict) and inner and rng.random() < 0.6:
        key = rng.choice(sorted(inner))
        inner[key] = _json(str(inner[key]).encode(), rng).decode("utf-8", "replace")
        text = json.dumps(header).encode()
    else:
        text = _json(json.dumps(header).encode(), rng)
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _pack(data: bytes, rng: random.Random) -> bytes:
    """A pack with its description, a file or a tensor changed, and every hash made to fit."""
    import safetensors.numpy

    from obftnet.packs.file import arrays_hash

    try:
        length = int.from_bytes(data[:8], "little")
        metadata = dict(json.loads(data[8 : 8 + length])["__metadata__"])
        tensors = safetensors.numpy.load(data)
        content = json.loads(metadata["content"])
        fitted = sorted(name for name in tensors if name.startswith("fitted/"))
        way = rng.randrange(3)
        if way == 0 and fitted:
            name = rng.choice(fitted)
            flat = bytearray(tensors[name].tobytes())
            if flat:
                at = rng.randrange(len(flat))
                flat[at] = rng.choice((0, 1, 127, 128, 255))
            shape = tensors[name].shape if rng.random() < 0.8 else (-1,)
            tensors[name] = _array(bytes(flat), tensors[name].dtype).reshape(shape)
            content["fitted"]["sha256"] = arrays_hash({name: tensors[name] for name in fitted})
        elif way == 1:
            entry = rng.choice([entry[key] for entry in content["images"] for key in ("image", "mask")
                                if entry[key]])  # fmt: skip
            whole = tensors[entry["tensor"]].tobytes()
            whole = _damaged(whole, whole, "image", rng)
            tensors[entry["tensor"]] = _array(whole, "uint8")
            entry["sha256"] = hashlib.sha256(whole).hexdigest()
            if rng.random() < 0.5:
                content["fitted"] = None
                tensors = {name: value for name, value in tensors.items() if name not in fitted}
        else:
            content = json.loads(_json(json.dumps(content).encode(), rng))
        metadata["content"] = json.dumps(content)
        metadata["content_sha256"] = hashlib.sha256(metadata["content"].encode()).hexdigest()
        return bytes(safetensors.numpy.save(tensors, metadata))
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError, safetensors.SafetensorError):
        return data


def _word(data: bytes, rng: random.Random) -> bytes:
    """XML or CSV with a number or a name in it changed."""
    places = [match.span() for match in re.finditer(rb"[\w.+-]+", data)]
    if not places:
        return data
    begin, end = rng.choice(places)
    value = rng.choice((*_NUMBERS, *_TEXTS[:5], "", -1, 0.5, 1e308, "1, 2", "..", "/", "&amp;", "&#27;", '"'))
    return data[:begin] + str(value).encode() + data[end:]


def _array(data: bytes, dtype: Any) -> Any:
    import numpy as np

    return np.frombuffer(data, dtype)


def _json(data: bytes, rng: random.Random) -> bytes:
    """JSON, or lines of it, with one value changed, taken away, doubled or replaced by what is no JSON."""
    lines = data.split(b"\n") if b"\n{" in data or (b"\n[" in data[:-1] and data[:1] != b"[") else [data]
    index = rng.randrange(len(lines))
    try:
        tree = json.loads(lines[index])
    except (ValueError, RecursionError):
        return data
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict | list) and len(places) < 2000:
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                places.append((node, key))
                walk(node[key])

    walk(tree)
    if not places or rng.random() < 0.03:
        lines[index] = json.dumps(rng.choice(_VALUES)).encode()
        return b"\n".join(lines)
    node, key = rng.choice(places)
    way = rng.randrange(6)
    mark = "@mark@"
    if way <= 1:
        node[key] = rng.choice(_VALUES)
    elif way == 2:
        del node[key]
    elif way == 3 and isinstance(node, dict):
        node[rng.choice(("", "x", "method", "__proto__", "a\0b", "\ud800"))] = node.pop(key)
    elif way == 4 and isinstance(node, list):
        node.insert(0, node[key])
    else:
        node[key] = mark
    text = json.dumps(tree)
    if mark in text:
        text = text.replace(f'"{mark}"', rng.choice((*_TEXTS, f'1, "{key}": 2')), 1)
    lines[index] = text.encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


# --- readers ---


class WrongError(Exception):
    """What was read is no right reading of the file."""


def _read_image(path: Path) -> None:
    """As a photograph and as a mask; the header alone, and Pillow's object of it, say the same."""
    import numpy as np
    from PIL import Image

    from obftnet.errors import InputError
    from obftnet.imaging.decode import bits_stored
    from obftnet.imaging.read import as_picture, image_size, mask_orientation, read_mask, read_picture

    try:
        picture = read_picture(path)
    except InputError:
        for also in (image_size, bits_stored, mask_orientation, read_mask):
            try:
                also(path)  # type: ignore[operator]
            except InputError:
                continue
        raise
    if picture.shape != image_size(path):
        raise WrongError(f"{picture.shape} are read, the header says {image_size(path)}")
    bits_stored(path)
    values = picture.floats()
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise WrongError(f"samples from {values.min()} to {values.max()}")
    other = None
    # Of a damaged TIFF another library may see another picture, and prints what it thinks of it.
    if path.read_bytes()[:2] not in (b"II", b"MM"):
        with warnings.catch_warnings(), contextlib.suppress(InputError), Image.open(path) as opened:
            warnings.simplefilter("ignore")
            other = as_picture(opened, "image").floats()
    if other is not None and (other.shape != values.shape or np.abs(other - values).max() > 1 / 200):
        raise WrongError("another picture than as an object of Pillow")
    try:
        mask = read_mask(path)
    except InputError:
        return
    if mask.shape != picture.shape or not mask.any():
        raise WrongError("an empty mask, or of another size")


def _readers(folder: Path) -> dict[str, Callable[[Path], object]]:
    """By kind of file, what a command calls to read it; each gets the damaged file's path."""
    import numpy as np
    import torch

    from obftnet.annotations import import_annotations
    from obftnet.backbones.weights import load_backbone
    from obftnet.data import read_layout
    from obftnet.data.episode_files import read_episodes
    from obftnet.data.folds import read_folds
    from obftnet.errors import InputError
    from obftnet.evaluation.journal import Journal
    from obftnet.imaging.read import read_mask
    from obftnet.reproduction.run import Unit, _finished
    from obftnet.segmentation.journal import read_journal
    from obftnet.segmentation.record import read_record
    from obftnet.segmenter import Segmenter
    from obftnet.synthetic.dataset import _check_manifest
    from obftnet.training.checkpoint import FILE, load_state
    from obftnet.training.log import RunLog
    from obftnet.training.run_file import check_run
    from obftnet.weights import load_method, read_notes

    collection = read_layout("mvtec", folder / "data")
    unit = Unit("r", "b", "f", 1, 0)
    place = folder / "place"
    place.mkdir()

    def put(path: Path, name: str) -> Path:
        shutil.rmtree(place)
        place.mkdir()
        shutil.copyfile(path, place / name)
        return place

    def model(path: Path) -> None:
        try:
            load_method(path)
        except InputError:
            for also in (read_notes, lambda path: load_backbone("compact", path)):
                try:
                    also(path)
                except InputError:
                    continue
            raise
        read_notes(path)

    query = np.random.default_rng(1).integers(0, 256, (33, 40, 3), dtype=np.uint8)

    def pack(path: Path) -> None:
        found = Segmenter.load(path, "cpu", weights=folder / "weights").predict(query)
        if not np.isfinite(found.score).all() or found.score.min() < 0 or found.score.max() > 1:
            raise WrongError(f"scores from {found.score.min()} to {found.score.max()}")

    def importing(tool: str) -> Callable[[Path], None]:
        def read(path: Path) -> None:
            out = folder / "imported"
            shutil.rmtree(out, ignore_errors=True)
            before = set(folder.iterdir())
            try:
                done = import_annotations(tool, path, out, images=folder / "photos")
            except InputError:
                if left := set(folder.iterdir()) - before:
                    raise WrongError(f"left behind: {min(left)}") from None
                raise
            written = list(out.rglob("*_mask.*"))
            if len(written) != sum(done.kinds.values()):
                raise WrongError(f"{len(written)} masks, {done.kinds} are said")
            for mask in written:
                read_mask(mask)

        return read

    def manifest(path: Path) -> None:
        copy = folder / "data" / "manifest.csv"
        shutil.copyfile(path, copy)
        try:
            _check_manifest(copy)
        except InputError:
            pass
        finally:
            try:
                read_layout("mvtec", folder / "data")
            finally:
                copy.unlink()

    def state(path: Path) -> None:
        reader = torch.nn.Linear(3, 2)
        load_state(put(path, FILE), "run", reader, torch.optim.AdamW(reader.parameters()), 5)

    asked = {"config": {"size": 64, "lr": 0.1}, "data": "0" * 64, "steps": 5}

    def job_journal(path: Path) -> None:
        key = read_record(folder).key  # type: ignore[union-attr]
        read_journal(put(path, "segment.unfinished"), key)

    return {
        "image": _read_image,
        "model": model,
        "training state": state,
        "folds": lambda path: read_folds(path, collection),
        "episodes": lambda path: read_episodes(path, collection),
        "run.json": lambda path: check_run(put(path, "run.json"), asked, ["model"]),
        "log.csv": lambda path: RunLog(put(path, "log.csv"), 2).close(),
        "manifest": manifest,
        "segment.json": lambda path: read_record(put(path, "segment.json")),
        "job journal": job_journal,
        "evaluation journal": lambda path: Journal(path, {"a": 1}),
        "unit result": lambda path: _finished(path, {"k": 1}, unit),
        "pack": pack,
        **{tool: importing(tool) for tool in ("labelme", "coco", "labelstudio", "cvat", "csv")},
    }


#: Shares of cases by kind: images come from strangers, the rest from ourselves and from disks.
_SHARES = {
    "image": 12,
    "model": 4,
    "training state": 1,
    "folds": 1,
    "episodes": 2,
    "run.json": 1,
    "log.csv": 1,
}
_SHARES |= {"pack": 5, "labelme": 1, "coco": 1, "labelstudio": 1, "cvat": 1, "csv": 1}
_SHARES |= {"manifest": 1, "segment.json": 1, "job journal": 1, "evaluation journal": 1, "unit result": 1}


def _drawn(seed: int, number: int) -> tuple[str, random.Random]:
    """A case's kind of file, and what the rest of it is drawn from."""
    rng = random.Random(f"{seed}:{number}")
    return rng.choices(list(_SHARES), list(_SHARES.values()))[0], rng


# --- the process that reads ---


def _serve(pipe: Connection, folder: Path, seed: int, megabytes: int, keep: Path | None) -> None:
    """Run the cases whose numbers the parent sends; answer each by (kind, how it ended, seconds, MB)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from obftnet.errors import InputError

    rng = random.Random(seed)
    seeds = {"image": _images(rng), "model": _models(folder), "pack": _packs(folder)}
    seeds |= {**_json_files(folder), **_annotations(folder)}
    seeds["training state"] = {"state": _state(folder)}
    readers = _readers(folder)
    warnings.simplefilter("ignore")
    noise = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process)
    for stream in (1, 2):
        os.dup2(noise.fileno(), stream)
    pipe.send("ready")
    while (number := pipe.recv()) is not None:
        kind, rng = _drawn(seed, number)
        whole = rng.choice(sorted(seeds[kind]))
        other = seeds[kind][rng.choice(sorted(seeds[kind]))]
        path = folder / "damaged"
        path.write_bytes(_damaged(seeds[kind][whole], other, kind, rng))
        printed = noise.tell()
        before = _restart_peak()
        begun = time.perf_counter()
        failure = ""
        try:
            readers[kind](path)
            ended = "read"
        except InputError as error:
            ended = "refused"
            if "\n" in str(error) or not str(error):
                failure = "a refusal that is not one line"
        except WrongError as error:
            ended, failure = "failed", f"wrong: {error}"
        except BaseException as error:
            frame = traceback.extract_tb(error.__traceback__)
            own = [f for f in frame if "obftnet" in f.filename] or frame
            place = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
            reason = " ".join(str(error).split())[:80]
            ended, failure = "failed", f"{type(error).__name__} at {place}: {reason}"
        seconds = time.perf_counter() - begun
        took = (_peak() - before) / 1e6
        sys.stdout.flush(), sys.stderr.flush()
        if took > megabytes:
            failure = failure or f"{took:.0f} MB"
        if os.fstat(noise.fileno()).st_size > printed:
            noise.seek(printed)
            failure = failure or f"printed {noise.read(80)!r}"
        noise.seek(0, os.SEEK_END)
        if (folder / "a pickle ran").exists():
            (folder / "a pickle ran").unlink()
            failure = "a pickle ran"
        if failure and keep is not None:
            shutil.copyfile(path, keep / f"{number}.{kind.replace(' ', '_')}")
        pipe.send((kind, ended, failure, seconds, took))


def _restart_peak() -> int:
    """Begin the count of the process's largest memory anew; bytes it has now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise KeyError(name)


# --- the parent ---


class Reader:
    """The process that reads, begun anew where it died or hung."""

    def __init__(self, seed: int, megabytes: int, keep: Path | None) -> None:
        self._asked = (seed, megabytes, keep)
        self._begin()

    def _begin(self) -> None:
        seed, megabytes, keep = self._asked
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._folder, seed, megabytes, keep))
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def ask(self, number: int, seconds: float) -> tuple[str, str, str, float, float]:
        self._pipe.send(number)
        try:
            if self._pipe.poll(seconds):
                answer: tuple[str, str, str, float, float] = self._pipe.recv()
                return answer
            failure = f"more than {seconds:g} s"
        except EOFError:
            failure = "the process died"
        kind = _drawn(self._asked[0], number)[0]
        keep = self._asked[2]
        if keep is not None:
            shutil.copyfile(self._folder / "damaged", keep / f"{number}.{kind.replace(' ', '_')}")
        self.end()
        self._begin()
        return (kind, "failed", failure, 0.0, 0.0)

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--case", type=int, help="run this one alone")
    parser.add_argument("--seconds", type=float, default=60.0, help="most that a case may take")
    parser.add_argument("--megabytes", type=int, default=1500, help="most that a case may take")
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    asked = parser.parse_args()
    if asked.keep is not None:
        asked.keep.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = "1"
    reader = Reader(asked.seed, asked.megabytes, asked.keep)
    figures: dict[str, Figures] = {}
    begun = told = time.monotonic()
    number = asked.first if asked.case is None else asked.case
    try:
        while time.monotonic() - begun < 60 * asked.minutes:
            kind, ended, failure, seconds, took = reader.ask(number, asked.seconds)
            found = figures.setdefault(kind, Figures())
            found.cases += 1
            found.read += ended == "read"
            found.refused += ended == "refused"
            found.seconds, found.megabytes = max(found.seconds, seconds), max(found.megabytes, took)
            if failure:
                found.failures[failure] += 1
                if found.first.setdefault(failure, number) == number:
                    print(f"case {number}: {kind}: {failure}", flush=True)
            number += 1
            if asked.case is not None:
                break
            if time.monotonic() - told > 300:
                told = time.monotonic()
                print(f"{sum(f.cases for f in figures.values()):,} cases in {told - begun:.0f} s", flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        reader.end()
    print(f"\n{'kind':20}{'cases':>9}{'read':>9}{'refused':>9}{'failed':>8}{'most s':>8}{'most MB':>9}")
    for kind, found in sorted(figures.items()):
        print(
            f"{kind:20}{found.cases:9,}{found.read:9,}{found.refused:9,}{found.failures.total():8,}"
            f"{found.seconds:8.2f}{found.megabytes:9.0f}"
        )
    total = sum(found.cases for found in figures.values())
    failed = sum(found.failures.total() for found in figures.values())
    minutes = (time.monotonic() - begun) / 60
    print(f"{total:,} cases in {minutes:.1f} minutes, seed {asked.seed}, {failed:,} failed")
    for kind, found in sorted(figures.items()):
        for failure, count in found.failures.most_common():
            print(f"{count:7,}  {kind}: {failure}  (--case {found.first[failure]})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
