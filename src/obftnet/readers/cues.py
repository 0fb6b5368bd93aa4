"""The small 2D U-Net that reads the cue maps."""

from collections.abc import Sequence

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

#: Logit of there being a defect before anything is learnt.
_PRESENT = 2.0


class CueUNet(nn.Module):
    """Batch norm, 1x1 to 64, two 3x3 at 64; pooled, two 3x3 at 96 (the second dilated); joined, 64; doubled
    in size to 64, 32, 1. Input (b, channels, h, w), output (b, 1, 2h, 2w) logits.

    With `early` > 0, that many channels of the query's own features at the doubled size are reduced to 16 and
    read along with the doubled map. With `change`, maps of as many channels each are read at the entry beside
    the cues, each through a batch norm and a 1x1 convolution to 64 of its own. With `presence`, the mean and
    the largest value of each pooled channel give the logit of there being any defect, and the score of a
    position is its own probability times that."""

    def __init__(
        self, channels: int, early: int = 0, change: tuple[int, ...] = (), *, presence: bool = False
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.entry = nn.Conv2d(channels, 64, 1)
        self.change = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(count), nn.Conv2d(count, 64, 1, bias=False)) for count in change
        )
        self.fine = nn.Sequential(_block(64, 64), _block(64, 64))
        self.coarse = nn.Sequential(_block(64, 96), _block(96, 96, dilation=2))
        self.join = _block(64 + 96, 64)
        self.skip = nn.Sequential(nn.BatchNorm2d(early), nn.Conv2d(early, _SKIP, 1)) if early else None
        wide = 64 + (_SKIP if early else 0)
        self.exit = nn.Sequential(_block(wide, 64), _block(64, 32), nn.Conv2d(32, 1, 1))
        self.presence = nn.Linear(2 * 96, 1) if presence else None
        if self.presence is not None:
            # Whether there is anything is learnt from maps that find something.
            nn.init.constant_(self.presence.bias, _PRESENT)

    def forward(self, cues: Tensor, change: Sequence[Tensor] = (), early: Tensor | None = None) -> Tensor:
        """(b, channels, h, w), and where it was built for them maps of the other inputs, of any size ->
        (b, 1, 2h, 2w)."""
        entered = self.entry(self.norm(cues))
        for project, maps in zip(self.change, change, strict=True):
            entered = entered + F.interpolate(
                project(maps), entered.shape[-2:], mode="bilinear", align_corners=False
            )
        fine = self.fine(F.relu(entered))
        # ceil_mode: maps may have an odd side, or a side of 1.
        coarse = self.coarse(F.max_pool2d(fine, 2, ceil_mode=True))
        presence = None
        if self.presence is not None:
            pooled = torch.cat([coarse.mean((-2, -1)), coarse.amax((-2, -1))], 1)
            presence = self.presence(pooled)[..., None, None]
        coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
        joined = self.join(torch.cat([fine, coarse], 1))
        doubled = F.interpolate(joined, scale_factor=2, mode="bilinear", align_corners=False)
        if self.skip is not None and early is not None:
            own = F.interpolate(self.skip(early), doubled.shape[-2:], mode="bilinear", align_corners=False)
            doubled = torch.cat([doubled, own], 1)
        logit: Tensor = self.exit(doubled)
        return logit if presence is None else _both(logit.float(), presence.float())


def _both(one: Tensor, other: Tensor) -> Tensor:
    """The logit of a product of probabilities, of their logits: 1 / pq - 1 = e^-a + e^-b + e^-(a + b)."""
    return -torch.logaddexp(torch.logaddexp(-one, -other), -one - other)


class CuesReader(nn.Module):
    """Reads a `cues` relation: every level resized to the finest grid, then the U-Net."""

    def __init__(
        self,
        channels: tuple[int, ...],
        early: int = 0,
        change: tuple[int, ...] = (),
        *,
        presence: bool = False,
    ) -> None:
        """`channels`: maps a level, fine to coarse; `early`: channels of the query's early map or 0;
        `change`: of the residual maps, if any; `presence`: as `CueUNet`."""
        super().__init__()
        self.levels = len(channels)
        self.unet = CueUNet(sum(channels), early, change, presence=presence)

    def forward(self, relation: Relation, size: tuple[int, int]) -> Tensor:
        """Logit of defect.

        Args:
            relation: (b, l, hq, wq) a level; for a reader built with `early` the queries' early map, for one
                built with `change` their residual maps.
            size: (H, W) of the result.

        Returns:
            (b, H, W) logits.
        """
        tensors = relation.tensors()[: self.levels]
        grid = tensors[0].shape[-2:]
        cues = torch.cat(
            [F.interpolate(level, grid, mode="bilinear", align_corners=False) for level in tensors], 1
        )
        logit = self.unet(cues, relation.change, relation.early)
        return F.interpolate(logit, size, mode="bilinear", align_corners=False).squeeze(1)
