"""The decoder: what the volumes say of each query position, beside how the query looks there (VAT, 3.4)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from obftnet.methods.parts import resized
from obftnet.methods.vat.embedding import WIDTH
from obftnet.methods.vat.swin import Swin

#: Channels of the aggregated map in each of the three stages, and of the query's appearance in the last two.
_MAPS, _LOOKS = (WIDTH, 96, 48), (32, 16)
_WINDOW, _DEPTH = 8, 2


class AppearanceDecoder(nn.Module):
    """Three stages of two Swin blocks, the side doubled between them; the last two look at the query.

    Args:
        channels: of the two feature maps of the query that are looked at, coarse to fine.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        coarse, fine = zip(channels, _LOOKS, strict=True)
        # The published code drops channels of the coarser appearance, never of the finest.
        self.looks = nn.ModuleList(
            (
                nn.Sequential(nn.Conv2d(*coarse, 1), nn.ReLU(), nn.Dropout2d(0.5)),
                nn.Sequential(nn.Conv2d(*fine, 1), nn.ReLU()),
            )
        )
        widths = [own + look for own, look in zip(_MAPS, (0, *_LOOKS), strict=True)]
        self.stages = nn.ModuleList(_Stage(width) for width in widths)
        self.narrow = nn.ModuleList(
            nn.Conv2d(width, own, 1) for width, own in zip(widths[:-1], _MAPS[1:], strict=True)
        )
        self.classify = nn.Sequential(
            nn.Conv2d(widths[-1], 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 2, 3, padding=1)
        )

    def forward(self, maps: Tensor, query: Sequence[Tensor]) -> Tensor:
        """Two channels (sound, defect).

        Args:
            maps: (b, 128, h, w), h and w multiples of 8.
            query: two of (b, c, any, any).

        Returns:
            (b, 2, 4 h, 4 w).
        """
        first, *rest = self.stages
        maps = first(maps)
        for stage, narrow, look, features in zip(rest, self.narrow, self.looks, query, strict=True):
            size = (2 * maps.shape[-2], 2 * maps.shape[-1])
            maps = torch.cat([resized(narrow(maps), size), resized(look(features), size)], 1)
            maps = stage(maps)
        out: Tensor = self.classify(maps)
        return out


class _Stage(nn.Module):
    """A map plus the normed output of its Swin blocks: (b, c, h, w) -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.swin = Swin(width, _DEPTH, _WINDOW, axes=2)
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor) -> Tensor:
        """See the class."""
        normed: Tensor = self.norm(self.swin(maps).movedim(1, -1))
        return maps + normed.movedim(-1, 1)
