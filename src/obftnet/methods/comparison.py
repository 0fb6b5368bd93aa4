"""The dense trunk that CANet and PMMs share: reduction, comparison with a vector, residual blocks, ASPP."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.methods.parts import difference, over_shots, resized

WIDTH = 256
_RATES = (6, 12, 18)


def reduction(channels: int) -> nn.Sequential:
    """3 x 3, dilated by 2, to 256 channels; ReLU; dropout of half the channels (layer5 of CANet's code)."""
    return nn.Sequential(nn.Conv2d(channels, WIDTH, 3, padding=2, dilation=2), nn.ReLU(), nn.Dropout2d(0.5))


def beside(layers: nn.Sequential, maps: Tensor, vectors: Tensor) -> Tensor:
    """Layers run over maps with each of n vectors in turn tiled next to them.

    The first layer, a convolution, is the sum of what its weights make of the maps, found once for all
    vectors, and of a vector, which is the same everywhere but where the kernel reaches into the padding.

    Args:
        layers: a convolution of c + c' channels, padded by zeros, and what follows it.
        maps: (b, c, h, w).
        vectors: (b, n, c').

    Returns:
        (b, n, o, h', w').
    """
    convolution, *rest = layers
    assert isinstance(convolution, nn.Conv2d)
    assert not isinstance(convolution.padding, str)
    place = (convolution.stride, convolution.padding, convolution.dilation)
    of_maps, of_vectors = convolution.weight[:, : maps.shape[1]], convolution.weight[:, maps.shape[1] :]
    alone = F.conv2d(maps, of_maps, convolution.bias, *place).unsqueeze(1)
    # (taps, 1, *kernel), one weight of the kernel each -> (taps, h', w'): 0 where that weight sees padding.
    one_each = torch.eye(of_maps[0, 0].numel()).reshape(-1, 1, *convolution.kernel_size).to(maps)
    seen = F.conv2d(torch.ones_like(maps[:1, :1]), one_each, None, *place)[0]
    # (b, n, o, taps) @ (taps, h' w')
    tiled = torch.einsum("bnc,oct->bnot", vectors, of_vectors.flatten(2)) @ seen.flatten(1)
    return over_shots(nn.Sequential(*rest), alone + tiled.reshape(*tiled.shape[:3], *alone.shape[-2:]))


class Decoder(nn.Module):
    """Three residual blocks, atrous spatial pyramid pooling (1 x 1, rates 6, 12, 18, global), two channels.

    The first block may be given further channels beside the features, which are not added to its sum.
    """

    def __init__(self, further: int = 0) -> None:
        super().__init__()
        self.first = _residual(WIDTH + further)
        self.rest = nn.ModuleList(_residual(WIDTH) for _ in range(2))
        self.everywhere = _branch(1, 0, 1)
        self.branches = nn.ModuleList([_branch(1, 0, 1), *(_branch(3, rate, rate) for rate in _RATES)])
        self.join = nn.Sequential(
            nn.Conv2d((2 + len(_RATES)) * WIDTH, WIDTH, 1), nn.ReLU(), nn.Dropout2d(0.5)
        )
        self.classify = nn.Conv2d(WIDTH, 2, 1)

    def forward(self, maps: Tensor, further: Tensor | None = None) -> Tensor:
        """(b, 256, h, w), (b, further, h, w) -> two channels (sound, defect), (b, 2, h, w)."""
        maps = maps + self.first(maps if further is None else torch.cat([maps, further], 1))
        for block in self.rest:
            maps = maps + block(maps)
        size = (maps.shape[-2], maps.shape[-1])
        everywhere = resized(self.everywhere(maps.mean((-2, -1), keepdim=True)), size)
        pooled = torch.cat([everywhere, *(branch(maps) for branch in self.branches)], 1)
        out: Tensor = self.classify(self.join(pooled))
        return out


def logit_at(channels: Tensor, size: tuple[int, int]) -> Tensor:
    """Two channels (b, 2, h, w) -> logit of defect (b, *size)."""
    return difference(resized(channels, size))


def _residual(inside: int) -> nn.Sequential:
    layers = [nn.ReLU(), nn.Conv2d(inside, WIDTH, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(WIDTH, WIDTH, 3, padding=1))


def _branch(kernel: int, padding: int, dilation: int) -> nn.Sequential:
    convolution = nn.Conv2d(WIDTH, WIDTH, kernel, padding=padding, dilation=dilation)
    return nn.Sequential(convolution, nn.ReLU(), nn.Dropout2d(0.5))
