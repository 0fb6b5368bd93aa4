"""The layout of MVTec AD.

    ROOT/<material>/train/good/*
    ROOT/<material>/test/good/*
    ROOT/<material>/test/<kind>/<stem>.<ext>
    ROOT/<material>/ground_truth/<kind>/<stem>_mask.png
    ROOT/manifest.csv        optional: columns image (path below ROOT) and group; others are not read

Without a manifest every image is a group of its own.
"""

import csv
from pathlib import Path

from obftnet.data.collection import GOOD, Collection, Sample
from obftnet.data.layouts.folders import images_in, subfolders
from obftnet.data.layouts.pairs import match_masks
from obftnet.data.layouts.report import Report, refuse
from obftnet.errors import InputError
from obftnet.imaging.decode import check_file

_PARTS = ("train", "test", "ground_truth")


def read_mvtec(root: Path, report: Report = refuse) -> Collection:
    """Read a folder of materials. Names and header sizes are checked here, pixels when a sample is loaded.

    Raises:
        InputError: no material in it, a single material's own folder, no image at all, or a manifest that
            cannot be read. Reported: masks and images that do not match, a manifest that does not fit the
            folder.
    """
    if (root / "ground_truth").is_dir() or (root / "train" / GOOD).is_dir():
        raise InputError(f"{root}: is one material; pass its parent {root.resolve().parent}")
    folders = [
        folder for folder in subfolders(root, report) if any((folder / part).is_dir() for part in _PARTS)
    ]
    if not folders:
        raise InputError(f"{root}: no material in it; folders <material>/test and so on are wanted")
    pairs = [
        (folder.name, kind, image, mask)
        for folder in folders
        for kind, image, mask in _material(folder, report)
    ]
    if not pairs:
        raise InputError(f"{root}: no image in any of its {len(folders)} materials; images are wanted")
    groups = _read_groups(root / "manifest.csv", {folder.name for folder in folders}, report)
    samples = []
    for material, kind, image, mask in pairs:
        name = image.relative_to(root).as_posix()
        if groups is None:
            group = name
        elif name in groups:
            group = groups[name] or name
        else:
            report(InputError(f"{image}: not in {root / 'manifest.csv'}; give it a row there with its group"))
            group = name
        samples.append(Sample(material, kind, image, mask, group))
    return Collection(root, "mvtec", tuple(samples))


def _material(folder: Path, report: Report) -> list[tuple[str, Path, Path | None]]:
    """(kind, image, mask) of every image of a material."""
    parts = {path.name for path in subfolders(folder, report)}
    kinds = {
        part: {path.name: path for path in subfolders(folder / part, report)}
        for part in _PARTS
        if part in parts
    }
    test, truth = kinds.get("test", {}), kinds.get("ground_truth", {})
    found: list[tuple[str, Path, Path | None]] = [
        (GOOD, image, None)
        for named in (kinds.get("train", {}), test)
        if GOOD in named
        for image in images_in(named[GOOD], report)
    ]
    for kind in sorted({*test, *truth} - {GOOD}):
        images, masks = (images_in(named[kind], report) if kind in named else [] for named in (test, truth))
        pairs = match_masks(images, masks, folder / "ground_truth" / kind, report)
        found += [(kind, image, mask) for image, mask in pairs]
    return found


def _read_groups(path: Path, materials: set[str], report: Report) -> dict[str, str] | None:
    """Image (path below the root) -> group, of the materials that are there; None without a manifest."""
    if not path.exists() and not path.is_symlink():
        return None
    check_file(path, "a table with columns image and group is wanted")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            columns = table.fieldnames or []
            for column in ("image", "group"):
                if column not in columns:
                    raise InputError(
                        f"{path}: no column {column!r} among {', '.join(columns) or 'none'}; columns "
                        "image and group are wanted"
                    )
            rows = list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 CSV ({error}); save it as such") from error
    groups: dict[str, str] = {}
    for row in rows:
        image = (row["image"] or "").replace("\\", "/")
        # A part of a data set may be copied with the whole manifest.
        if image.partition("/")[0] not in materials:
            continue
        if image in groups:
            report(InputError(f"{path}: {image} stands in it twice; one row an image is wanted"))
        if not (path.parent / image).is_file():
            report(
                InputError(f"{path}: {image} is listed but there is no such file; remove the row or add it")
            )
        groups[image] = (row["group"] or "").strip()
    return groups
