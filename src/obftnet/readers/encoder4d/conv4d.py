"""Centre-pivot 4D convolution (HSNet, Min et al. 2021, section 4.2)."""

import torch.nn.functional as F
from torch import Tensor, nn


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

    def forward(self, correlation: Tensor) -> Tensor:
        """(b, l, hq, wq, hg, wg) -> (b, l', hq, wq, ceil(hg / stride), ceil(wg / stride)), any sizes >= 1."""
        b, c, hq, wq, hg, wg = correlation.shape
        # Both branches have the same guidance size at any g: the strided convolution of an odd kernel k,
        # padded by (k - 1) / 2, gives floor((g + k - 1 - k) / s) + 1 = floor((g - 1) / s) + 1 = ceil(g / s):
        # as many as the slice [::s] keeps of 0..g-1. Output i is centred on input i * s in both.
        kept = correlation[..., :: self.stride[0], :: self.stride[1]]
        # As 3D convolutions with one side 1, whose axes fold in place. Plain 2D ones need the other axes
        # moved to the batch and back, a copy each way of the largest tensors there are (4/3 the time on CPU).
        guidance = F.conv3d(
            correlation.reshape(b, c, hq * wq, hg, wg),
            self.guidance.weight.unsqueeze(2),
            self.guidance.bias,
            (1, *self.stride),
            (0, *self.padding[2:]),
        )
        query = F.conv3d(
            kept.reshape(b, c, hq, wq, -1),
            self.query.weight.unsqueeze(4),
            self.query.bias,
            padding=(*self.padding[:2], 0),
        )
        # reshape, not view: a convolution may answer in channels-last order where its input lay that way.
        out = (b, -1, hq, wq, *kept.shape[4:])
        return query.reshape(out) + guidance.reshape(out)
