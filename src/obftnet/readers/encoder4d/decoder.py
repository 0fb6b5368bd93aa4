"""The 2D decoder: fused features to two logits a pixel (HSNet; OBFTNet, section III-D.3)."""

import torch.nn.functional as F
from torch import Tensor, nn


class Decoder2d(nn.Module):
    """3x3 convolutions 128 -> 128 -> 64, doubled in size, 64 -> 64 -> 2, then resized to the asked size."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Sequential(_conv(128, 128), nn.ReLU(), _conv(128, 64), nn.ReLU())
        self.after = nn.Sequential(_conv(64, 64), nn.ReLU(), _conv(64, 2))

    def forward(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """(b, 128, h, w) -> (b, 2, *size), logits of (sound, defect)."""
        features = self.before(features)
        h, w = features.shape[-2:]
        logits = self.after(F.interpolate(features, (2 * h, 2 * w), mode="bilinear", align_corners=True))
        return F.interpolate(logits, size, mode="bilinear", align_corners=True)


def _conv(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)
