"""Masks at the size of a feature map (equation 1)."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

MaskResize = Literal["any", "bilinear"]


def cells_with_defect(fraction: Tensor, size: tuple[int, int], how: MaskResize = "any") -> Tensor:
    """Which cells of a feature map belong to the defect: the mask of equation 1 at a level's size.

    Args:
        fraction: (..., h, w) float, the defect's share of each cell of the network's input, 0..1.
        size: (h', w') of the map.
        how: "any" marks every cell that holds some defect; "bilinear" samples points as HSNet does, which
            loses small defects (docs/method.md), and is there for parity.

    Returns:
        (..., h', w') bool.
    """
    lead = fraction.shape[:-2]
    maps = fraction.reshape(-1, 1, *fraction.shape[-2:])
    if how == "any":
        # Adaptive windows cover every input cell, so no defect falls between two cells.
        cells = F.adaptive_max_pool2d(maps, size)
    else:
        cells = F.interpolate(maps, size, mode="bilinear", align_corners=True)
    return (cells > 0).reshape(*lead, *size)


def usable_cells(usable: Tensor | None, images: int, size: tuple[int, int], device: torch.device) -> Tensor:
    """Which cells of the backgrounds' maps are good material: (j, h', w') bool.

    A cell with any defect in it is none; where that leaves an episode none, its cleanest stay.

    Args:
        usable: (j, H, W) share of each input cell that is free of defect, 0..1; None where all is.
        images: j.
        size: (h', w') of the map.
        device: of the result.
    """
    if usable is None:
        return torch.ones(images, *size, dtype=torch.bool, device=device)
    clean = ~cells_with_defect(1 - usable, size)
    if bool(clean.any()):
        return clean
    share = F.adaptive_avg_pool2d(usable, size)
    return share >= share.amax()
