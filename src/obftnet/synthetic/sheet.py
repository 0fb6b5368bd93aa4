"""A contact sheet: one look at what the generator makes."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from obftnet.synthetic.material import Material
from obftnet.synthetic.noise import BoolMask, FloatImage
from obftnet.synthetic.textures import TEXTURE_FAMILIES


def _tile(image: FloatImage, mask: BoolMask | None, side: int) -> Image.Image:
    tile = Image.fromarray(np.asarray(np.round(image * 255), np.uint8))
    if mask is not None:
        area = Image.fromarray(mask.astype(np.uint8) * 255)
        rim = np.asarray(area.filter(ImageFilter.MaxFilter(3))) != np.asarray(area)
        tile.paste((0, 255, 60), mask=Image.fromarray(rim.astype(np.uint8) * 255))
    return tile.resize((side, side), Image.Resampling.LANCZOS)


def contact_sheet(
    path: Path, seed: int, *, columns: int = 6, side: int = 200, families: tuple[str, ...] | None = None
) -> None:
    """Write a picture: a row for each texture family with one good and `columns` - 1 defective images.

    Each row shows one material of the seed, a new kind of defect in each column, its mask outlined in green.
    `side` is the pixels of a tile; `families` limits the rows.
    """
    rows = TEXTURE_FAMILIES if families is None else families
    label = 14
    sheet = Image.new("RGB", (columns * (side + 2), len(rows) * (side + 2 + label)), "black")
    pen = ImageDraw.Draw(sheet)
    for row, family in enumerate(rows):
        material = Material.from_seed(seed, family)
        top = row * (side + 2 + label)
        pen.text((3, top + 1), family, fill="white")
        sheet.paste(_tile(material.good(0), None, side), (0, top + label))
        for column, kind in enumerate(material.defect_kinds(columns - 1), start=1):
            image, mask = material.defective(column, kind)
            sheet.paste(_tile(image, mask, side), (column * (side + 2), top + label))
            pen.text(
                (column * (side + 2) + 3, top + 1), f"{kind.name} {100 * mask.mean():.2f} %", fill="white"
            )
    sheet.save(path)
