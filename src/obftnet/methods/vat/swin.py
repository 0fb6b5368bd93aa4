"""Attention within windows of any number of axes, and the Swin blocks around it.

Liu et al., "Swin Transformer", ICCV 2021; on four axes as VAT uses it (Hong et al., ECCV 2022, section 3.3),
and on two. Axes: b batch, a... the axes attended over, c channels, W windows, N positions of a window.
"""

from collections.abc import Sequence
from itertools import product
from math import prod

import torch
from torch import Tensor, nn

#: Added to the logit of a pair that must not look at each other.
_NEVER = -100.0


class Swin(nn.Module):
    """Swin blocks, every other one with its windows shifted by half.

    Args:
        dim: c, a multiple of `heads`.
        depth: number of blocks.
        window: side of a window, positions; an axis shorter than it is one window.
        axes: how many axes are attended over.
        heads: of the attention.
    """

    def __init__(self, dim: int, depth: int, window: int, axes: int, heads: int = 4) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(dim, window, axes, heads, window // 2 if index % 2 else 0) for index in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, a...) -> the same; ValueError where an axis is longer than the window and no multiple."""
        x = x.movedim(1, -1)
        for block in self.blocks:
            x = block(x)
        return x.movedim(-1, 1)


class WindowAttention(nn.Module):
    """Multi-head attention among the positions of a window, with a bias by relative position.

    softmax(q k^T / sqrt(c / heads) + B) v (Swin, equation 4); B is looked up by the difference of two
    positions along every axis, (2 window - 1)^axes values a head.
    """

    def __init__(self, dim: int, window: int, axes: int, heads: int) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)
        self.bias = nn.Parameter(torch.empty((2 * window - 1) ** axes, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        _small(self.qkv, self.project)

    def forward(self, x: Tensor, sides: Sequence[int], apart: Tensor | None = None) -> Tensor:
        """Attention in each window alone.

        Args:
            x: (b, W, N, c), the positions of a window in reading order.
            sides: of a window along each axis, at most `window`; their product is N.
            apart: (W, N, N) bool, pairs that must not look at each other; None where all may.

        Returns:
            As x.
        """
        b, w, n, c = x.shape
        # (3, b, W, heads, N, c / heads)
        q, k, v = self.qkv(x).reshape(b, w, n, 3, self.heads, c // self.heads).permute(3, 0, 1, 4, 2, 5)
        added = self.bias[relative_index(sides, self.window).to(x.device)].permute(2, 0, 1)
        if apart is not None:
            added = added + _NEVER * apart.unsqueeze(1).to(added)
        weights = (q * (c // self.heads) ** -0.5 @ k.mT + added).softmax(-1)
        out: Tensor = self.project((weights @ v).transpose(2, 3).reshape(b, w, n, c))
        return out


class _Block(nn.Module):
    """Attention and a multilayer perceptron of 4 dim, each on its normed input and added to it."""

    def __init__(self, dim: int, window: int, axes: int, heads: int, shift: int) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.before_attention = nn.LayerNorm(dim)
        self.attention = WindowAttention(dim, window, axes, heads)
        self.before_perceptron = nn.LayerNorm(dim)
        wide, narrow = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        _small(wide, narrow)
        self.perceptron = nn.Sequential(wide, nn.GELU(), narrow)

    def forward(self, x: Tensor) -> Tensor:
        """(b, a..., c) -> the same."""
        sizes = tuple(x.shape[1:-1])
        sides = [min(self.window, size) for size in sizes]
        # An axis of one window has nothing to be shifted into.
        shifts = [self.shift if size > self.window else 0 for size in sizes]
        axes = tuple(range(1, x.ndim - 1))
        seen = self.before_attention(x)
        if any(shifts):
            seen = seen.roll([-shift for shift in shifts], axes)
            seen = self.attention(windows(seen, sides), sides, wrapped(sizes, sides, shifts, x.device))
            x = x + assembled(seen, sides, sizes).roll(shifts, axes)
        else:
            x = x + assembled(self.attention(windows(seen, sides), sides), sides, sizes)
        out: Tensor = x + self.perceptron(self.before_perceptron(x))
        return out


def windows(x: Tensor, sides: Sequence[int]) -> Tensor:
    """(b, a..., c) -> (b, W, N, c), windows and the positions in each in reading order.

    Raises:
        ValueError: an axis that is not a multiple of the window's side.
    """
    sizes = x.shape[1:-1]
    if any(size % side for size, side in zip(sizes, sides, strict=True)):
        raise ValueError(f"every axis must be a multiple of the window {tuple(sides)}, got {tuple(sizes)}")
    axes = len(sizes)
    # (b, a / side, side, ..., c): of the axes between, the odd places count windows, the even ones positions.
    parts = [part for size, side in zip(sizes, sides, strict=True) for part in (size // side, side)]
    order = (0, *range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 2 * axes + 1)
    split = x.reshape(len(x), *parts, x.shape[-1]).permute(order)
    return split.reshape(len(x), -1, prod(sides), x.shape[-1])


def assembled(parts: Tensor, sides: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """The inverse of `windows`: (b, W, N, c) -> (b, *sizes, c)."""
    axes = len(sizes)
    counts = [size // side for size, side in zip(sizes, sides, strict=True)]
    order = (0, *(place for axis in range(axes) for place in (1 + axis, 1 + axes + axis)), 2 * axes + 1)
    split = parts.reshape(len(parts), *counts, *sides, parts.shape[-1]).permute(order)
    return split.reshape(len(parts), *sizes, parts.shape[-1])


def relative_index(sides: Sequence[int], window: int) -> Tensor:
    """Which bias a pair of positions takes: (N, N) in 0..(2 window - 1)^axes - 1, one for each difference."""
    places = torch.tensor(list(product(*(range(side) for side in sides))))
    difference = places[:, None] - places[None] + window - 1
    strides = (2 * window - 1) ** torch.arange(len(sides) - 1, -1, -1)
    return (difference * strides).sum(-1)


def wrapped(
    sizes: Sequence[int], sides: Sequence[int], shifts: Sequence[int], device: torch.device
) -> Tensor:
    """Pairs of one shifted window that are far apart in the map, because one came round from the other side.

    Args:
        sizes: of the axes.
        sides: of a window.
        shifts: by how much each axis was rolled towards its start, 0 to side - 1.
        device: of the result.

    Returns:
        (W, N, N) bool.
    """
    # One bit an axis: whether a position came round along it.
    region = torch.zeros(tuple(sizes), dtype=torch.long, device=device)
    for axis, (size, shift) in enumerate(zip(sizes, shifts, strict=True)):
        if shift:
            region.narrow(axis, size - shift, shift).add_(2**axis)
    own = windows(region[None, ..., None], sides)[0, :, :, 0]
    return own[:, :, None] != own[:, None, :]


def _small(*layers: nn.Linear) -> None:
    """Swin's initial weights: normal of 0.02, cut off at 2; no bias."""
    for layer in layers:
        nn.init.trunc_normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)
