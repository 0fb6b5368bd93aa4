"""The small 2D U-Net that reads the cue maps."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.readers.presence import Presence
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
    read along with the doubled map. With `change`, maps of as many channels each are read at the entry beside
    the cues, each through a batch norm and a 1x1 convolution to 64 of its own."""

    def __init__(self, channels: int, early: int = 0, change: tuple[int, ...] = ()) -> None:
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

    def forward(self, cues: Tensor, change: Sequence[Tensor] = (), early: Tensor | None = None) -> Tensor:
        """(b, channels, h, w), and where it was built for them maps of the other inputs, of any size ->
        (b, 1, 2h, 2w)."""
        return self.read_out(self.hidden(cues, change, early))

    def hidden(self, cues: Tensor, change: Sequence[Tensor] = (), early: Tensor | None = None) -> Tensor:
        """What the last layer reads: as `forward`, (b, 32, 2h, 2w)."""
        entered = self.entry(self.norm(cues))
        for project, maps in zip(self.change, change, strict=True):
            entered = entered + F.interpolate(
                project(maps), entered.shape[-2:], mode="bilinear", align_corners=False
            )
        fine = self.fine(F.relu(entered))
        # ceil_mode: maps may have an odd side, or a side of 1.
        coarse = self.coarse(F.max_pool2d(fine, 2, ceil_mode=True))
        coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
        joined = self.join(torch.cat([fine, coarse], 1))
        doubled = F.interpolate(joined, scale_factor=2, mode="bilinear", align_corners=False)
        if self.skip is not None and early is not None:
            own = F.interpolate(self.skip(early), doubled.shape[-2:], mode="bilinear", align_corners=False)
            doubled = torch.cat([doubled, own], 1)
        found: Tensor = self.exit[1](self.exit[0](doubled))
        return found

    def read_out(self, hidden: Tensor, readout: Tensor | None = None) -> Tensor:
        """Logits (b, 1, h, w) of the last hidden maps (b, n, h, w), by the layer as it was trained or by
        another's values, (n + 1,): a weight a map, and the bias."""
        last: nn.Conv2d = self.exit[2]  # type: ignore[assignment]
        if readout is None:
            logit: Tensor = last(hidden)
            return logit
        return F.conv2d(hidden, readout[:-1].reshape_as(last.weight), readout[-1:])

    @property
    def readout(self) -> Tensor:
        """The last layer's values as they were trained, (n + 1,), as `read_out` takes others."""
        last: nn.Conv2d = self.exit[2]  # type: ignore[assignment]
        assert last.bias is not None
        return torch.cat([last.weight.flatten(), last.bias])


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
        `change`: of the residual maps, if any; `presence`: whether it says if there is any defect."""
        super().__init__()
        self.levels = len(channels)
        self.unet = CueUNet(sum(channels), early, change)
        self.presence = Presence(sum(channels)) if presence else None

    def forward(self, relation: Relation, size: tuple[int, int]) -> Tensor:
        """Logit of defect, whatever the presence.

        Args:
            relation: (b, l, hq, wq) a level; for a reader built with `early` the queries' early map, for one
                built with `change` their residual maps.
            size: (H, W) of the result.

        Returns:
            (b, H, W) logits.
        """
        return _enlarged(self.look(relation)[0], size)

    def look(self, relation: Relation) -> tuple[Tensor, Tensor]:
        """What the U-Net says, before it is enlarged, and the cues that it read.

        Args:
            relation: as `forward`.

        Returns:
            (b, 1, 2h, 2w) logits, (b, channels, h, w) cues at the finest grid.
        """
        hidden, cues = self.hidden(relation)
        return self.unet.read_out(hidden), cues

    def hidden(self, relation: Relation) -> tuple[Tensor, Tensor]:
        """What the last layer reads, (b, 32, 2h, 2w), and the cues, as `look`."""
        tensors = relation.tensors()[: self.levels]
        grid = tensors[0].shape[-2:]
        cues = torch.cat(
            [F.interpolate(level, grid, mode="bilinear", align_corners=False) for level in tensors], 1
        )
        return self.unet.hidden(cues, relation.change, relation.early), cues

    def judge(
        self, relation: Relation, size: tuple[int, int], readout: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Logit of defect, and of there being any: (b, H, W) and (b,), None for a reader without presence.

        `readout`: values of the last layer in the trained ones' place (`CueUNet.read_out`). The presence was
        fitted to these, and goes by them.
        """
        hidden, cues = self.hidden(relation)
        trained = self.unet.read_out(hidden)
        logit = trained if readout is None else self.unet.read_out(hidden, readout)
        return _enlarged(logit, size), None if self.presence is None else self.presence(trained, cues)


def _enlarged(logit: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(logit, size, mode="bilinear", align_corners=False).squeeze(1)
