"""The 2D decoder: fused features to two logits a pixel (HSNet; OBFTNet, section III-D.3)."""

import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.readers.encoder4d.encoder import WIDTH


class Decoder2d(nn.Module):
    """3x3 convolutions width -> width -> half, doubled in size, half -> half -> 2, then resized to the asked
    size; HSNet's width is 128."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        half = width // 2
        self.before = nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, half), nn.ReLU())
        self.after = nn.Sequential(_conv(half, half), nn.ReLU(), _conv(half, 2))

    def forward(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """(b, width, h, w) -> (b, 2, *size), logits of (sound, defect)."""
        features = self.before(features)
        h, w = features.shape[-2:]
        logits = self.after(F.interpolate(features, (2 * h, 2 * w), mode="bilinear", align_corners=True))
        return F.interpolate(logits, size, mode="bilinear", align_corners=True)


def _conv(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)
