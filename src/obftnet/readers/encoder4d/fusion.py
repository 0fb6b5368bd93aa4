"""Joins the squeezed levels: coarse to fine (HSNet), or fine to coarse first (OBFTNet, section III-D.2)."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.readers.encoder4d.encoder import WIDTH, block4d

Fusion = Literal["top_down", "bidirectional"]


def resize_query(squeezed: Tensor, size: tuple[int, int]) -> Tensor:
    """(b, c, hq, wq, hg, wg) -> (b, c, *size, hg, wg): bilinear, corners aligned (HSNet)."""
    b, c, hq, wq, hg, wg = squeezed.shape
    if (hq, wq) == size:
        return squeezed
    folded = squeezed.permute(0, 1, 4, 5, 2, 3).reshape(b, c * hg * wg, hq, wq)
    resized = F.interpolate(folded, size, mode="bilinear", align_corners=True)
    return resized.view(b, c, hg, wg, *size).permute(0, 1, 4, 5, 2, 3)


def align_guidance(squeezed: Sequence[Tensor]) -> list[Tensor]:
    """Brings every level to the smallest guidance grid among them, by adaptive mean; levels on it stay as is.

    At 400 px all are 2 x 2 and nothing happens. At other sizes the strides may leave, say, 2, 2 and 3.
    """
    target = (min(level.shape[4] for level in squeezed), min(level.shape[5] for level in squeezed))
    aligned = []
    for level in squeezed:
        b, c, hq, wq, hg, wg = level.shape
        if (hg, wg) != target:
            level = F.adaptive_avg_pool2d(level.reshape(b, c * hq * wq, hg, wg), target)
            level = level.view(b, c, hq, wq, *target)
        aligned.append(level)
    return aligned


class LevelFusion(nn.Module):
    """Adds each level's neighbour, resized to its query grid, and runs three 3^4 blocks; down or both ways.

    Args:
        levels: number of pyramid levels, >= 2.
        fusion: "top_down", coarse to fine (HSNet); "bidirectional", fine to coarse with weights of its own
            and then coarse to fine over what that gave (OBFTNet).
        width: channels of every level.

    Raises:
        ValueError: another `fusion`.
    """

    def __init__(self, levels: int, fusion: Fusion, width: int = WIDTH) -> None:
        super().__init__()
        if fusion not in ("top_down", "bidirectional"):
            raise ValueError(f"fusion must be 'top_down' or 'bidirectional', got {fusion!r}")
        # Step i of bottom_up ends on level i + 1, step i of top_down on level i.
        upward = levels - 1 if fusion == "bidirectional" else 0
        self.bottom_up = nn.ModuleList(_step(width) for _ in range(upward))
        self.top_down = nn.ModuleList(_step(width) for _ in range(levels - 1))

    def forward(self, squeezed: Sequence[Tensor]) -> Tensor:
        """(b, width, hq, wq, hg, wg) a level, fine to coarse -> (b, width, hq, wq) on the finest grid."""
        levels = align_guidance(squeezed)
        for i, step in enumerate(self.bottom_up):
            levels[i + 1] = step(_add(levels[i + 1], levels[i]))
        for i, step in reversed(list(enumerate(self.top_down))):
            levels[i] = step(_add(levels[i], levels[i + 1]))
        return levels[0].mean((4, 5))


def _step(width: int) -> nn.Sequential:
    return nn.Sequential(*(block4d(width, width, kernel=3) for _ in range(3)))


def _add(level: Tensor, neighbour: Tensor) -> Tensor:
    return level + resize_query(neighbour, (level.shape[2], level.shape[3]))
