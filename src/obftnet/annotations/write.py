"""Imported images and masks in the two layouts that the library reads."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obftnet.annotations.annotated import COMBINED
from obftnet.data.collection import GOOD
from obftnet.data.layouts.pairs import SUFFIX
from obftnet.imaging.orientation import ORIENTATION, upright

#: What undoes an orientation; the others undo themselves.
_BACK = {6: 8, 8: 6}


@dataclass(frozen=True)
class Item:
    """An image to write.

    Attributes:
        image: its file.
        name: of the copy.
        kinds: kind of defect -> (h, w) bool as the image is shown; none of a good image.
        orientation: EXIF orientation of the file.
        material: folder of what it shows.
        train: of a good image: one to train on.
    """

    image: Path
    name: str
    kinds: Mapping[str, NDArray[np.bool_]]
    orientation: int
    material: str
    train: bool


def write_guidance(folder: Path, item: Item, several: bool) -> None:
    """`support/` and `background/`; with several kinds in the folder `support/<kind>/`."""
    for kind, mask in item.kinds.items():
        place = folder / "support"
        _write(item, mask, *[place / kind if several else place] * 2)
    if not item.kinds:
        _copy(item, folder / "background")


def write_mvtec(folder: Path, item: Item, several: bool) -> None:
    """The layout of MVTec AD; an image of several kinds is one of the kind "combined", as there."""
    root = folder / item.material
    if not item.kinds:
        _copy(item, root / ("train" if item.train else "test") / GOOD)
        return
    kind = COMBINED if len(item.kinds) > 1 else next(iter(item.kinds))
    mask = np.logical_or.reduce(list(item.kinds.values()))
    _write(item, mask, root / "test" / kind, root / "ground_truth" / kind)


LAYOUTS: dict[str, Callable[[Path, Item, bool], None]] = {"guidance": write_guidance, "mvtec": write_mvtec}


def _write(item: Item, mask: NDArray[np.bool_], images: Path, masks: Path) -> None:
    _copy(item, images)
    masks.mkdir(parents=True, exist_ok=True)
    path = masks / f"{Path(item.name).stem}{SUFFIX}.png"
    # Turned as the image is, and marked so: whether a reader follows EXIF or does not, the two fit.
    pixels = upright(mask, _BACK.get(item.orientation, item.orientation)).view(np.uint8) * np.uint8(255)
    exif = Image.Exif()
    if item.orientation != 1:
        exif[ORIENTATION] = item.orientation
    Image.fromarray(pixels).save(path, exif=exif)


def _copy(item: Item, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(item.image, folder / item.name)
