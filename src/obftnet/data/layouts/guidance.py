"""The folder that tells a segmenter what to look for: one to five annotated images and clean ones.

DIR/support/<stem>.<ext>
DIR/support/<stem>_mask.png
DIR/background/*
"""

from dataclasses import dataclass
from pathlib import Path

from obftnet.data.layouts.folders import images_in
from obftnet.data.layouts.pairs import SUFFIX, match_masks
from obftnet.errors import InputError
from obftnet.imaging.decode import check_folder

_WANTED = "a guidance folder with support/ and background/ is wanted"


@dataclass(frozen=True)
class GuidanceFolder:
    """Files of a guidance folder, sorted by name.

    Attributes:
        supports: (image, mask) pairs.
        backgrounds: images without a defect.
    """

    supports: tuple[tuple[Path, Path], ...]
    backgrounds: tuple[Path, ...]


def read_guidance(folder: str | Path) -> GuidanceFolder:
    """Find and match the files of a guidance folder; sizes are checked by header, pixels when they are read.

    Raises:
        InputError: the folder, its support or its background folder is missing or holds no image; an image
            without its mask or a mask without its image; sizes that differ.
    """
    folder = Path(folder)
    check_folder(folder, _WANTED)
    support, background = folder / "support", folder / "background"
    if not support.is_dir():
        raise InputError(
            f"{folder}: no folder support in it; support/<stem>.<ext> with its <stem>{SUFFIX}.png is wanted"
        )
    files = images_in(support)
    masks = [path for path in files if path.stem.endswith(SUFFIX)]
    images = [path for path in files if not path.stem.endswith(SUFFIX)]
    if not files:
        raise InputError(
            f"{support}: no support image in it; <stem>.<ext> with <stem>{SUFFIX}.png is wanted, at least one"
        )
    supports = match_masks(images, masks, support)
    if not background.is_dir():
        raise InputError(
            f"{folder}: no background image, there is no folder background in it; put at least one image "
            "without a defect there"
        )
    backgrounds = images_in(background)
    if not backgrounds:
        raise InputError(f"{background}: no background image in it; put one without a defect there, or more")
    return GuidanceFolder(tuple(supports), tuple(backgrounds))
