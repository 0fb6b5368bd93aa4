"""Writing generated materials to disk in the layout of MVTec AD, with a manifest."""

import csv
import multiprocessing
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from obftnet.errors import InputError
from obftnet.files import alone_in, atomic, atomic_folder, check_output
from obftnet.synthetic.made import check_sealed, check_settings, seal
from obftnet.synthetic.material import Material
from obftnet.synthetic.noise import BoolMask, FloatImage, log_uniform

HEADER = ("material", "kind", "image", "mask", "width", "height", "defect_fraction", "group")

#: A finished material's folder: family, underscore, index.
_FOLDER = re.compile(r"[a-z_]+_\d{5,}")


@dataclass(frozen=True)
class _Order:
    """One material to write; picklable, for worker processes."""

    out: Path
    seed: int
    index: int
    size: int
    kinds: int
    defective_per_kind: int
    good: int
    distractors: bool
    settings: dict[str, object]


def material_at(seed: int, index: int, *, distractors: bool = True) -> Material:
    """Material `index` (0 or more) of the data set with this seed; a pure function of both."""
    state = np.random.SeedSequence([seed, index]).generate_state(2, np.uint32)
    return Material.from_seed((int(state[0]) << 32) | int(state[1]), distractors=distractors)


def side_of(seed: int, index: int, size: int, largest: int | None) -> int:
    """Pixels along a side of the images of material `index`: `size`, or log-uniform in [size, largest].

    Drawn sides are multiples of 8 where the range holds one; a pure function of the arguments.
    """
    if largest is None:
        return size
    rng = np.random.default_rng(np.random.SeedSequence([seed, index, size, largest]))
    drawn = 8 * round(log_uniform(rng, size, largest) / 8)
    return min(max(drawn, size), largest)


@alone_in("out")
def write_dataset(
    out: Path,
    materials: int,
    seed: int,
    *,
    size: int = 256,
    largest: int | None = None,
    kinds: int = 3,
    defective_per_kind: int = 6,
    good: int = 8,
    start: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    distractors: bool = True,
) -> None:
    """Write materials `start` to `start + materials` of a seed, and `manifest.csv` of all found under `out`.

    Layout: `<material>/train/good/000.png`, `<material>/test/<kind>/000.png` and
    `<material>/ground_truth/<kind>/000_mask.png` (8-bit grey, 0 or 255), with materials named
    `<family>_<index>`. Images are squares of `size` pixels; with `largest` each material has a side
    of its own between the two (see `side_of`), as materials come from cameras of many resolutions. A
    material's folder appears whole or not at all, with a `made.json` that says how it was made; those already
    there are kept, so an interrupted run goes on where it stopped. `progress(done, total)` is called after
    each one.
    With `workers` > 1 as many processes are spawned; the files are the same.

    Raises:
        InputError: `out` holds materials of other settings, or one that changed since it was made.
        ValueError: a count, size or seed out of range.
    """
    for name, value, least in (
        ("materials", materials, 1),
        ("seed", seed, 0),
        ("size", size, 32),
        ("kinds", kinds, 1),
        ("defective_per_kind", defective_per_kind, 1),
        ("good", good, 1),
        ("start", start, 0),
        ("workers", workers, 1),
    ):
        if value < least:
            raise ValueError(f"{name} is {value}, expected {least} or more")
    if largest is not None and largest < size:
        raise InputError(f"largest is {largest}, expected the size, {size}, or more")
    _check_manifest(out / "manifest.csv")
    settings: dict[str, object] = {
        "seed": seed,
        "size": size,
        "largest": largest,
        "kinds": kinds,
        "defective_per_kind": defective_per_kind,
        "good": good,
        "distractors": distractors,
    }
    for folder in _finished(out):
        check_settings(folder, settings)
    orders = [
        _Order(
            out,
            seed,
            index,
            side_of(seed, index, size, largest),
            kinds,
            defective_per_kind,
            good,
            distractors,
            settings,
        )
        for index in range(start, start + materials)
    ]
    if workers == 1:
        _report(map(_write_material, orders), materials, progress)
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            _report(pool.imap_unordered(_write_material, orders), materials, progress)
    _write_manifest(out)


def _check_manifest(path: Path) -> None:
    """Raises InputError where a manifest of other data would be replaced."""
    check_output(path)
    if not path.exists():
        return
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            head, *rows = csv.reader(stream)
    except (OSError, ValueError, csv.Error):
        head, rows = [], []
    if tuple(head) != HEADER or not all(row and _FOLDER.fullmatch(row[0]) for row in rows):
        raise InputError(
            f"{path}: of data that were not generated here, and would be overwritten; name another folder"
        )


def _report(done: Iterable[None], total: int, progress: Callable[[int, int], None] | None) -> None:
    for count, _ in enumerate(done, start=1):
        if progress is not None:
            progress(count, total)


def _write_material(order: _Order) -> None:
    material = material_at(order.seed, order.index, distractors=order.distractors)
    name = f"{material.family}_{order.index:05d}"
    final = order.out / name
    if final.exists():
        check_sealed(final, order.settings)
        return
    with atomic_folder(final) as partial:
        folder = partial / "train" / "good"
        folder.mkdir(parents=True)
        for index in range(order.good):
            _save_image(folder / f"{index:03d}.png", material.good(index, order.size))
        for kind in material.defect_kinds(order.kinds):
            images, masks = partial / "test" / kind.name, partial / "ground_truth" / kind.name
            images.mkdir(parents=True)
            masks.mkdir(parents=True)
            for index in range(order.defective_per_kind):
                image, mask = material.defective(index, kind, order.size)
                _save_image(images / f"{index:03d}.png", image)
                _save_mask(masks / f"{index:03d}_mask.png", mask)
        seal(partial, order.settings)


def _save_image(path: Path, image: FloatImage) -> None:
    levels = np.asarray(np.round(image * 255), np.uint8)
    Image.fromarray(levels).save(path, compress_level=1)


def _save_mask(path: Path, mask: BoolMask) -> None:
    Image.fromarray(mask.astype(np.uint8) * 255).save(path, compress_level=1)


def _finished(out: Path) -> list[Path]:
    """The folders of materials under `out`."""
    return sorted(path for path in out.iterdir() if path.is_dir() and _FOLDER.fullmatch(path.name))


def _write_manifest(out: Path) -> None:
    """List every finished material under `out`, read from the files, so that other ranges add up."""
    with atomic(out / "manifest.csv") as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for folder in _finished(out):
            for image in sorted((folder / "train" / "good").glob("*.png")):
                with Image.open(image) as opened:
                    width, height = opened.size
                group = f"{folder.name}_good_{image.stem}"
                writer.writerow(
                    [folder.name, "good", image.relative_to(out).as_posix(), "", width, height, 0, group]
                )
            for image in sorted((folder / "test").glob("*/*.png")):
                kind = image.parent.name
                mask = folder / "ground_truth" / kind / f"{image.stem}_mask.png"
                with Image.open(mask) as opened:
                    width, height = opened.size
                    fraction = float((np.asarray(opened) > 0).mean())
                writer.writerow(
                    [
                        folder.name,
                        kind,
                        image.relative_to(out).as_posix(),
                        mask.relative_to(out).as_posix(),
                        width,
                        height,
                        f"{fraction:.6f}",
                        f"{folder.name}_{kind}_{image.stem}",
                    ]
                )
