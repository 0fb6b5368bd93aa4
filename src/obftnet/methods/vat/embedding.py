"""The volume embedding: a level's correlations, convolved and pooled to 128 channels (VAT, section 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from obftnet.readers.encoder4d.encoder import GroupNorm4d

#: Channels that every level is brought to.
WIDTH = 128


@dataclass(frozen=True)
class Step:
    """One convolution: its channels, the groups of the norm behind it, the strides of query and guidance."""

    channels: int
    groups: int
    query: int
    guidance: int


#: A level's steps, fine to coarse. All halve the query's grid and bring the guidance's to one size.
STEPS = (
    (Step(32, 2, 2, 2), Step(64, 4, 1, 2), Step(WIDTH, 8, 1, 2)),
    (Step(64, 4, 2, 2), Step(WIDTH, 8, 1, 2)),
    (Step(64, 4, 2, 1), Step(WIDTH, 8, 1, 2)),
)


class PooledConv4d(nn.Module):
    """A 4D convolution of side 3 on its two centre planes, each where the other's axes are pooled.

    A 2D convolution over the query axes of the maximum over cells of the guidance axes, plus one over the
    guidance axes of the maximum over cells of the query axes; cells as large as the strides, so that both
    come out on one grid. HSNet's centre-pivot convolution takes the first of each cell instead.

    Args:
        in_channels: l.
        out_channels: l'.
        query, guidance: strides.
    """

    def __init__(self, in_channels: int, out_channels: int, query: int, guidance: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(in_channels, out_channels, 3, stride=query, padding=1)
        self.guidance = nn.Conv2d(in_channels, out_channels, 3, stride=guidance, padding=1)
        self.strides = (query, guidance)

    def forward(self, x: Tensor) -> Tensor:
        """(b, l, hq, wq, hg, wg), axes that are multiples of their stride -> (b, l', hq', wq', hg', wg')."""
        query, guidance = self.strides
        by_guidance = _over_guidance(self.guidance, _over_query(_pooling(query), x))
        return by_guidance + _over_query(self.query, _over_guidance(_pooling(guidance), x))


class VolumeEmbedding(nn.Module):
    """Convolution, group norm and ReLU, a few times over: (b, l, hq, wq, hg, wg) -> (b, 128, ...), >= 0."""

    def __init__(self, channels: int, steps: Sequence[Step]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for step in steps:
            layers += [
                PooledConv4d(channels, step.channels, step.query, step.guidance),
                GroupNorm4d(step.groups, step.channels),
                nn.ReLU(),
            ]
            channels = step.channels
        self.layers = nn.Sequential(*layers)

    def forward(self, correlation: Tensor) -> Tensor:
        """See the class."""
        return self.layers(correlation)  # type: ignore[no-any-return]


def _pooling(side: int) -> nn.Module:
    return nn.MaxPool2d(side) if side > 1 else nn.Identity()


def _over_query(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer of images run over the query axes of (b, l, hq, wq, hg, wg)."""
    b, c, hq, wq, hg, wg = x.shape
    out: Tensor = layer(x.permute(0, 4, 5, 1, 2, 3).reshape(b * hg * wg, c, hq, wq))
    return out.reshape(b, hg, wg, *out.shape[1:]).permute(0, 3, 4, 5, 1, 2)


def _over_guidance(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer of images run over the guidance axes of (b, l, hq, wq, hg, wg)."""
    b, c, hq, wq, hg, wg = x.shape
    out: Tensor = layer(x.permute(0, 2, 3, 1, 4, 5).reshape(b * hq * wq, c, hg, wg))
    return out.reshape(b, hq, wq, *out.shape[1:]).permute(0, 3, 1, 2, 4, 5)
