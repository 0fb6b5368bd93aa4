"""Centre-pivot 4D convolution (HSNet, Min et al. 2021, section 4.2)."""

import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.relation.bilateral import FactoredLevel

#: Values of a factored level that are multiplied out at a time: 4 MiB.
_BLOCK = 1 << 20


class CenterPivotConv4d(nn.Module):
    """A 4D convolution that keeps only the weights on its two centre planes, as two 2D convolutions.

    Of the 4D kernel only those weights remain whose guidance offset is the centre (a 2D convolution over the
    query axes, at the guidance positions the stride keeps) or whose query offset is the centre (a strided 2D
    convolution over the guidance axes). The weight in the centre of both is the sum of two parameters, and so
    is the bias, as in HSNet. The query stride is 1; zero padding of half a kernel on every axis.

    Args:
        in_channels: l, channels in.
        out_channels: l', channels out.
        kernel_size: one odd side for all four axes, or the four odd sides (hq, wq, hg, wg).
        stride: of the guidance axes, one for both or (hg, wg).

    Raises:
        ValueError: a side of the kernel that is even or below 1, or a stride below 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int, int],
        stride: int | tuple[int, int] = 1,
    ) -> None:
        super().__init__()
        kernel = (kernel_size,) * 4 if isinstance(kernel_size, int) else kernel_size
        self.stride = (stride, stride) if isinstance(stride, int) else stride
        if len(kernel) != 4 or any(side < 1 or side % 2 == 0 for side in kernel):
            raise ValueError(f"kernel_size must be one odd side or four, got {kernel_size}")
        if len(self.stride) != 2 or min(self.stride) < 1:
            raise ValueError(f"stride must be one integer >= 1 or two, got {stride}")
        self.padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2, kernel[3] // 2)
        # Only their weights are used, see forward; as modules they have the usual initialisation.
        self.query = nn.Conv2d(in_channels, out_channels, kernel[:2])
        self.guidance = nn.Conv2d(in_channels, out_channels, kernel[2:])

    def forward(self, correlation: Tensor | FactoredLevel) -> Tensor:
        """(b, l, hq, wq, hg, wg) -> (b, l', hq, wq, ceil(hg / stride), ceil(wg / stride)), any sizes >= 1.

        Both branches have the same guidance size at any g: the strided convolution of an odd kernel k, padded
        by (k - 1) / 2, gives floor((g + k - 1 - k) / s) + 1 = floor((g - 1) / s) + 1 = ceil(g / s): as many
        as the slice [::s] keeps of 0..g-1. Output i is centred on input i * s in both.
        """
        if isinstance(correlation, FactoredLevel):
            return self._read_factors(correlation)
        b, c, hq, wq, hg, wg = correlation.shape
        kept = correlation[..., :: self.stride[0], :: self.stride[1]]
        guidance = self._over_guidance(correlation.permute(0, 2, 3, 1, 4, 5).reshape(-1, c, hg, wg))
        query = self._over_query(kept.permute(0, 4, 5, 2, 3, 1).reshape(-1, hq, wq, c).permute(0, 3, 1, 2))
        out = guidance.reshape(b, hq, wq, -1, *kept.shape[4:]).permute(0, 1, 2, 4, 5, 3).contiguous()
        out += query.reshape(b, *kept.shape[4:], -1, hq, wq).permute(0, 4, 5, 1, 2, 3)
        return out.permute(0, 5, 1, 2, 3, 4)

    def _read_factors(self, level: FactoredLevel) -> Tensor:
        """The same from a tensor that is never there as a whole: a block of its rows at a time."""
        b, c, hq, wq, hg, wg = level.shape
        strides = slice(None, None, self.stride[0]), slice(None, None, self.stride[1])
        grid = (-(-hg // self.stride[0]), -(-wg // self.stride[1]))
        out = self.query.weight.new_empty(b, hq * wq, *grid, self.query.out_channels)
        kept = out.new_empty(*grid, hq * wq, c)
        step = max(1, _BLOCK // (c * hg * wg))
        for item in range(b):
            for start in range(0, hq * wq, step):
                rows = slice(start, min(start + step, hq * wq))
                maps = level.rows(item, rows.start, rows.stop)
                kept[:, :, rows] = maps[:, :, *strides].permute(2, 3, 0, 1)
                out[item, rows] = self._over_guidance(maps).permute(0, 2, 3, 1)
            query = self._over_query(kept.view(-1, hq, wq, c).permute(0, 3, 1, 2))
            out[item] += query.reshape(*grid, -1, hq * wq).permute(3, 0, 1, 2)
        return out.view(b, hq, wq, *out.shape[2:]).permute(0, 5, 1, 2, 3, 4)

    # Both as 2D convolutions with the channels last in memory: no other layout was as fast on a CPU
    # (docs/performance.md), and where the input lies that way already the guidance's copies nothing.

    def _over_guidance(self, maps: Tensor) -> Tensor:
        """(n, l, hg, wg) -> (n, l', hg', wg')."""
        return F.conv2d(maps, self.guidance.weight, self.guidance.bias, self.stride, self.padding[2:])

    def _over_query(self, maps: Tensor) -> Tensor:
        """(n, l, hq, wq) -> (n, l', hq, wq)."""
        return F.conv2d(maps, self.query.weight, self.query.bias, padding=self.padding[:2])
