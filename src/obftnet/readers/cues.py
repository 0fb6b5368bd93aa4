"""The small 2D U-Net that reads the cue maps."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.relation.relation import Relation


def _block(inside: int, outside: int, dilation: int = 1) -> nn.Sequential:
    # Leaky: with plain ReLUs, runs got caught where no unit of the last block fires on a defect. The score
    # there is then the same everywhere, just below a half, and nothing is marked.
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=dilation, dilation=dilation),
        nn.GroupNorm(8, outside),
        nn.LeakyReLU(0.1),
    )


#: Channels that the query's own early features are reduced to: outlines, not a second opinion.
_SKIP = 16


class CueUNet(nn.Module):
    """Batch norm, 1x1 to 64, two 3x3 at 64; pooled, two 3x3 at 96 (the second dilated); joined, 64; doubled
    in size to 64, 32, 1. Input (b, channels, h, w), output (b, 1, 2h, 2w) logits.

    With `early` > 0, that many channels of the query's own features at the doubled size are reduced to 16 and
    read along with the doubled map."""

    def __init__(self, channels: int, early: int = 0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.entry = nn.Conv2d(channels, 64, 1)
        self.fine = nn.Sequential(_block(64, 64), _block(64, 64))
        self.coarse = nn.Sequential(_block(64, 96), _block(96, 96, dilation=2))
        self.join = _block(64 + 96, 64)
        self.skip = nn.Sequential(nn.BatchNorm2d(early), nn.Conv2d(early, _SKIP, 1)) if early else None
        wide = 64 + (_SKIP if early else 0)
        self.exit = nn.Sequential(_block(wide, 64), _block(64, 32), nn.Conv2d(32, 1, 1))

    def forward(self, cues: Tensor, early: Tensor | None = None) -> Tensor:
        """(b, channels, h, w), and (b, early, any size) where it was built for that -> (b, 1, 2h, 2w)."""
        fine = self.fine(F.relu(self.entry(self.norm(cues))))
        # ceil_mode: maps may have an odd side, or a side of 1.
        coarse = self.coarse(F.max_pool2d(fine, 2, ceil_mode=True))
        coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
        joined = self.join(torch.cat([fine, coarse], 1))
        doubled = F.interpolate(joined, scale_factor=2, mode="bilinear", align_corners=False)
        if self.skip is not None and early is not None:
            own = F.interpolate(self.skip(early), doubled.shape[-2:], mode="bilinear", align_corners=False)
            doubled = torch.cat([doubled, own], 1)
        return self.exit(doubled)  # type: ignore[no-any-return]


class CuesReader(nn.Module):
    """Reads a `cues` relation: every level resized to the finest grid, then the U-Net."""

    def __init__(self, channels: tuple[int, ...], early: int = 0) -> None:
        """`channels`: maps a level, fine to coarse; `early`: channels of the query's early map or 0."""
        super().__init__()
        self.levels = len(channels)
        self.unet = CueUNet(sum(channels), early)

    def forward(self, relation: Relation, size: tuple[int, int]) -> Tensor:
        """Logit of defect.

        Args:
            relation: (b, l, hq, wq) a level, and for a reader built with `early` the queries' early map.
            size: (H, W) of the result.

        Returns:
            (b, H, W) logits.
        """
        tensors = relation.tensors()[: self.levels]
        grid = tensors[0].shape[-2:]
        cues = torch.cat(
            [F.interpolate(level, grid, mode="bilinear", align_corners=False) for level in tensors], 1
        )
        logit = self.unet(cues, relation.early)
        return F.interpolate(logit, size, mode="bilinear", align_corners=False).squeeze(1)
