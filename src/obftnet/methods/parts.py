"""What several of the compared networks share: pooling by a mask, joining of levels, layers."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Pyramid


def masked_average(features: Tensor, share: Tensor) -> Tensor:
    """Mean of features (b, k, c, h, w), each cell weighted by the share (b, k, H, W) of it that counts.

    Returns:
        (b, k, c); zeros where nothing counts.
    """
    weight = at_grid(share.to(features), features).unsqueeze(2)
    return (features * weight).sum((-2, -1)) / weight.sum((-2, -1)).clamp(min=1e-12)


def at_grid(share: Tensor, features: Tensor) -> Tensor:
    """A share (b, k, H, W) as the mean over each cell of maps (..., h, w): (b, k, h, w) in 0..1."""
    return F.adaptive_avg_pool2d(share, (features.shape[-2], features.shape[-1]))


def joined(maps: Pyramid) -> Tensor:
    """Maps (..., c, h, w) side by side over channels, all brought to the first one's grid, bilinear."""
    grid = maps[0].shape[-2:]
    resized = [maps[0]]
    for level in maps[1:]:
        flat = F.interpolate(level.flatten(0, -4), grid, mode="bilinear", align_corners=False)
        resized.append(flat.reshape(*level.shape[:-2], *grid))
    return torch.cat(resized, -3)


def over_shots(layer: Callable[[Tensor], Tensor], maps: Tensor) -> Tensor:
    """A layer of images run over (b, k, c, h, w): (b, k, c', h', w')."""
    out = layer(maps.flatten(0, 1))
    return out.reshape(*maps.shape[:2], *out.shape[1:])


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(b, c, h, w) -> (b, c, *size), bilinear, corners aligned as the compared methods do it."""
    return F.interpolate(maps, size, mode="bilinear", align_corners=True)


def upsampled(logit: Tensor, size: tuple[int, int]) -> Tensor:
    """(b, h, w) -> (b, *size), bilinear, corners aligned."""
    return resized(logit.unsqueeze(1), size).squeeze(1)


def difference(channels: Tensor) -> Tensor:
    """Two channels (sound, defect), (b, 2, h, w) -> their logit of defect (b, h, w)."""
    return channels[:, 1] - channels[:, 0]
