"""Cosine correlations of a query with its guidance, and masks at the size of a feature map (eqs. 1 to 3).

Axes: b batch, k guidance images, c channels, h w a map's size, M query positions, N guidance positions.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

MaskResize = Literal["any", "bilinear"]


def unit_features(features: Tensor) -> Tensor:
    """Features (..., c, h, w) scaled to length 1 over c, float32; a zero vector stays zero."""
    return F.normalize(features.float(), dim=-3, eps=1e-6)


def positions(unit: Tensor) -> Tensor:
    """Maps of k images side by side: (b, k, c, h, w) -> (b, k * h * w, c)."""
    b, k, c, h, w = unit.shape
    return unit.permute(0, 1, 3, 4, 2).reshape(b, k * h * w, c)


def cosine(query: Tensor, guidance: Tensor) -> Tensor:
    """Equations 2 and 3 for unit features: (b, M, c), (b, N, c) -> (b, M, N) in -1..1."""
    return torch.bmm(query, guidance.mT)


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
