"""A compact residual network of our own, for the weights that ship with the package.

Three levels at strides 8, 16 and 32; two residual blocks a level, each one a tap. It is trained in this
project from random initialisation (`obftnet.training.distill`), on generated images.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn


def _conv(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a residual connection; the output is taken before the last ReLU."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(inside, outside, stride)
        self.conv2 = _conv(outside, outside)
        self.shortcut = _conv(inside, outside, stride) if stride > 1 or inside != outside else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(b, inside, h, w) -> (b, outside, ceil(h / stride), ceil(w / stride))."""
        x = F.relu(x)
        return self.shortcut(x) + self.conv2(F.relu(self.conv1(x)))  # type: ignore[no-any-return]


class CompactNet(nn.Module):
    """Stem to stride 4, then stages at strides 8, 16, 32."""

    STEM_CHANNELS: ClassVar[int] = 48
    CHANNELS: ClassVar[tuple[int, int, int]] = (96, 160, 224)
    BLOCKS: ClassVar[tuple[int, ...]] = (2, 2, 2)

    def __init__(self, blocks: Sequence[int] = BLOCKS) -> None:
        """`blocks`: of each stage, up to three of them; with fewer the first ones' weights are the same."""
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 32, 2), nn.ReLU(), _conv(32, self.STEM_CHANNELS, 2))
        inside = self.STEM_CHANNELS
        stages = []
        for count, channels in zip(blocks, self.CHANNELS, strict=False):
            stage = [ResidualBlock(inside, channels, 2)]
            stage += [ResidualBlock(channels, channels, 1) for _ in range(count - 1)]
            stages.append(nn.Sequential(*stage))
            inside = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(b, 3, h, w), ImageNet mean and std taken out -> (b, c, h / stride, w / stride) of the stem and of
        every block, by the module's name."""
        maps = {"stem": (x := self.stem(x))}
        for level, stage in enumerate(self.stages):
            for index, block in stage.named_children():
                maps[f"stages.{level}.{index}"] = x = block(x)
        return maps
