"""One level's encoder: squeezes the guidance axes of a correlation tensor, block by block."""

from collections.abc import Sequence

from torch import Tensor, nn

from obftnet.readers.encoder4d.conv4d import CenterPivotConv4d
from obftnet.relation.bilateral import FactoredLevel

#: Channels of a squeezed level (HSNet).
WIDTH = 128

Recipe = tuple[tuple[int, int, int], tuple[int, int, int]]

# Kernel side and guidance stride of the three blocks, (5, 5, 3) / (4, 4, 2) and so on (HSNet). The strides
# bring guidance grids of 50, 25 and 13 (an input of 400 px) to ceil(50/32) = ceil(25/16) = ceil(13/8) = 2.
_FINE: Recipe = ((5, 5, 3), (4, 4, 2))
_MID: Recipe = ((5, 3, 3), (4, 2, 2))
_COARSE: Recipe = ((3, 3, 3), (2, 2, 2))


def recipes(levels: int) -> list[Recipe]:
    """(kernels, guidance strides) per level, fine to coarse; `levels` >= 2, those between share a recipe."""
    return [_FINE, *[_MID] * (levels - 2), _COARSE]


def widths(width: int) -> tuple[int, int, int]:
    """Channels after each of the three blocks; HSNet's are (16, 64, 128)."""
    return 16, width // 2, width


def block4d(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Centre-pivot 4D convolution, GroupNorm of 4 groups, ReLU. (b, l, hq, wq, hg, wg) in and out."""
    return nn.Sequential(
        CenterPivotConv4d(in_channels, out_channels, kernel, stride),
        GroupNorm4d(4, out_channels),
        nn.ReLU(inplace=True),
    )


class GroupNorm4d(nn.GroupNorm):
    """Group norm of (b, c, hq, wq, hg, wg), which keeps the channels last in memory; torch's own keeps them
    there for two axes beside the channels only."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out as in."""
        b, c, hq, wq, hg, wg = x.shape
        planes = x.permute(0, 2, 3, 4, 5, 1).reshape(b, hq * wq, hg * wg, c).permute(0, 3, 1, 2)
        return super().forward(planes).reshape(b, c, hq, wq, hg, wg)


class LevelEncoder(nn.Module):
    """Three blocks, channels -> `widths`, query grid kept, guidance grid strided down.

    Args:
        channels: correlation channels of this level.
        kernels: kernel side of each block.
        strides: guidance stride of each block.
        width: channels of the squeezed level.
    """

    def __init__(
        self, channels: int, kernels: Sequence[int], strides: Sequence[int], width: int = WIDTH
    ) -> None:
        super().__init__()
        outputs = widths(width)
        inputs = (channels, *outputs[:-1])
        self.blocks = nn.Sequential(
            *(block4d(*block) for block in zip(inputs, outputs, kernels, strides, strict=True))
        )

    def forward(self, correlation: Tensor | FactoredLevel) -> Tensor:
        """(b, channels, hq, wq, hg, wg) -> (b, width, hq, wq, hg', wg'), >= 0; hg' = ceil(hg / strides)."""
        return self.blocks(correlation)  # type: ignore[no-any-return]
