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
from obftnet.data.layouts.pairs import match_masks
from obftnet.errors import InputError
from obftnet.imaging.decode import check_file
from obftnet.imaging.read import list_images

_PARTS = ("train", "test", "ground_truth")


def read_mvtec(root: Path) -> Collection:
    """Read a folder of materials. Names and header sizes are checked here, pixels when a sample is loaded.

    Raises:
        InputError: no material in it, a single material's own folder, no image at all, masks and images that
            do not match, or a manifest that does not fit the folder.
    """
    if (root / "ground_truth").is_dir() or (root / "train" / GOOD).is_dir():
        raise InputError(f"{root}: is one material; pass its parent {root.resolve().parent}")
    folders = [folder for folder in _folders(root) if any((folder / part).is_dir() for part in _PARTS)]
    if not folders:
        raise InputError(f"{root}: no material in it; folders <material>/test and so on are wanted")
    pairs = [
        (folder.name, kind, image, mask) for folder in folders for kind, image, mask in _material(folder)
    ]
    if not pairs:
        raise InputError(f"{root}: no image in any of its {len(folders)} materials; images are wanted")
    groups = _read_groups(root / "manifest.csv", {folder.name for folder in folders})
    samples = []
    for material, kind, image, mask in pairs:
        name = image.relative_to(root).as_posix()
        if groups is None:
            group = name
        elif name in groups:
            group = groups[name] or name
        else:
            raise InputError(f"{image}: not in {root / 'manifest.csv'}; give it a row there with its group")
        samples.append(Sample(material, kind, image, mask, group))
    return Collection(root, "mvtec", tuple(samples))


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def _material(folder: Path) -> list[tuple[str, Path, Path | None]]:
    """(kind, image, mask) of every image of a material."""
    found: list[tuple[str, Path, Path | None]] = []
    for part in ("train", "test"):
        if (folder / part / GOOD).is_dir():
            found += [(GOOD, image, None) for image in list_images(folder / part / GOOD)]
    truth = folder / "ground_truth"
    names = {path.name for parent in (folder / "test", truth) for path in _folders(parent)}
    for kind in sorted(names - {GOOD}):
        images, masks = (
            list_images(parent / kind) if (parent / kind).is_dir() else []
            for parent in (folder / "test", truth)
        )
        found += [(kind, image, mask) for image, mask in match_masks(images, masks, truth / kind)]
    return found


def _read_groups(path: Path, materials: set[str]) -> dict[str, str] | None:
    """Image (path below the root) -> group, of the materials that are there; None without a manifest."""
    if not path.exists():
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
            raise InputError(f"{path}: {image} stands in it twice; one row an image is wanted")
        if not (path.parent / image).is_file():
            raise InputError(f"{path}: {image} is listed but there is no such file; remove the row or add it")
        groups[image] = (row["group"] or "").strip()
    return groups
