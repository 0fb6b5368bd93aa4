"""VAT: correlations of all layers, embedded by convolutions and aggregated by 4D Swin transformers."""

from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from obftnet.backbones.features import Pyramid, unit_features
from obftnet.backbones.records import BackboneSpec
from obftnet.guidance.masks import cells_with_defect
from obftnet.methods.learned import Network, Shots
from obftnet.methods.parts import difference, resized
from obftnet.methods.vat.decoder import AppearanceDecoder
from obftnet.methods.vat.embedding import STEPS, WIDTH, VolumeEmbedding
from obftnet.methods.vat.swin import Swin
from obftnet.readers.encoder4d.fusion import resize_query
from obftnet.voting import vote

_WINDOW = 4
#: Swin blocks of each level, fine to coarse.
_DEPTHS = (2, 2, 4)
#: Cells of the finest grid to one window of the coarsest level: a half by the stride, a quarter by the level.
_UNIT = 8 * _WINDOW


class VAT(Network):
    """Volumetric aggregation with transformers, coarse to fine, decoded beside the query's appearance.

    Hong et al., "Cost Aggregation with 4D Convolutional Swin Transformer for Few-Shot Segmentation", ECCV
    2022. Cosines of every tap of query and masked support, cut off at 0, a level's as channels (section 3.2);
    convolutions that halve the query's grid and pool the support's to the coarsest one's (`embedding`); 4D
    Swin blocks of window 4, 4 heads, depths 4, 2, 2 from coarse to fine, added to their input, each level's
    result resized and added to the next finer one (section 3.3); the mean over the support's axes; a decoder
    with 2D Swin blocks of window 8 (`decoder`, section 3.4). K shots: HSNet's vote over K passes; in training
    with several shots, the mean of their logits.

    Trainable parameters on ResNet50: 3,118,682. The published code's 3.2 million are 3,180,954, of which
    65,600 project a third appearance, of stride 16, that its configuration for PASCAL does not look at, and
    768 are norms that are never called; it projects 256 channels of stride 4 where we project 512 (4,096).

    Differences: features are resized, before they are correlated, to grids that follow the input's size: the
    finest has 16 cells a side up to an input of 128 px, else the multiple of 32 that is nearest to its own
    (32 up to 376 px, the published 64 from 384 px on), the others a half and a quarter of it. So an axis may
    be shorter than a window, which is then as long as the axis, and an axis of one window is not shifted. The
    finest appearance is the first tap of stride 8, since no backbone is tapped at stride 4; the other is the
    last one, as published. The mask is HSNet's point sampling.
    """

    #: Section 4.1. The published configurations have no weight decay.
    PAPER: ClassVar[dict[str, object]] = {
        "optimizer": "adamw",
        "weight_decay": 0.0,
        "schedule": "constant",
        "lr": 5e-4,
    }

    def __init__(self, channels: Sequence[int], levels: Sequence[int] = (1, 1, 1)) -> None:
        """Build one.

        Args:
            channels: of every tap, fine to coarse.
            levels: taps a level; three levels.

        Raises:
            ValueError: another number of levels, or levels that do not add up to the taps.
        """
        super().__init__(channels)
        if len(levels) != len(STEPS) or sum(levels) != len(channels) or min(levels) < 1:
            raise ValueError(
                f"levels must be {len(STEPS)} counts >= 1 that add up to {len(channels)} taps, "
                f"got {tuple(levels)}"
            )
        self.levels = tuple(levels)
        self.embed = nn.ModuleList(
            VolumeEmbedding(count, steps) for count, steps in zip(levels, STEPS, strict=True)
        )
        self.aggregate = nn.ModuleList(Swin(WIDTH, depth, _WINDOW, axes=4) for depth in _DEPTHS)
        # Of the query: the last tap of the finest level, and its first.
        self.appearance = (levels[0] - 1, 0)
        self.decode = AppearanceDecoder([channels[tap] for tap in self.appearance])

    @classmethod
    def taps(cls, spec: BackboneSpec) -> list[int]:
        """All of them."""
        return list(range(len(spec.taps)))

    @classmethod
    def on(cls, spec: BackboneSpec) -> Self:
        """As `Network.on`, with the backbone's taps a level."""
        return cls([tap.channels for tap in spec.taps], spec.levels)

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`; of several shots the mean of the logits."""
        return torch.stack(self._alone(query, shots, size)).mean(0)

    def score(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.score`; of several shots `voting.vote`."""
        logits = self._alone(query, shots, size)
        return logits[0].sigmoid() if len(logits) == 1 else vote(logits)

    def _alone(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> list[Tensor]:
        """The logits (b, *size) by each shot alone."""
        logits = []
        for index, fraction in enumerate(shots.fraction.unbind(1)):
            support = tuple(maps[:, index] for maps in shots.features)
            decoded = self.decode(
                self._aggregated(query, support, fraction), [query[t] for t in self.appearance]
            )
            logits.append(difference(resized(decoded, size)))
        return logits

    def _aggregated(self, query: Pyramid, support: Pyramid, fraction: Tensor) -> Tensor:
        """What the correlations of all levels say of the query: (b, 128, h, w), half the finest grid."""
        grids = grid(query[0]), grid(support[0])
        volume: Tensor | None = None
        last = len(query)
        for level in reversed(range(len(self.levels))):
            first = last - self.levels[level]
            correlation = correlations(
                query[first:last], support[first:last], fraction, *(_coarser(own, level) for own in grids)
            )
            own: Tensor = self.embed[level](correlation)
            if volume is not None:
                own = own + resize_query(volume, (own.shape[2], own.shape[3]))
            volume = own + self.aggregate[level](own)
            last = first
        assert volume is not None
        return volume.mean((-2, -1))


def grid(maps: Tensor) -> tuple[int, int]:
    """Cells (h, w) that maps (..., h, w) of the finest level are resized to.

    16 for a side of 16 or less, so that the coarsest level is 2 wide; else the nearest multiple of 32.
    """
    h, w = (
        _UNIT // 2 if side <= _UNIT // 2 else _UNIT * max(1, round(side / _UNIT)) for side in maps.shape[-2:]
    )
    return (h, w)


def correlations(
    query: Pyramid,
    support: Pyramid,
    fraction: Tensor,
    query_size: tuple[int, int],
    support_size: tuple[int, int],
) -> Tensor:
    """Cosines of a level's taps, cut off at 0; 0 where the support is no defect.

    Args:
        query: (b, c, h, w) a tap.
        support: (b, c, h', w') a tap.
        fraction: (b, H, W) the defect's share of each cell of the network's input, 0..1.
        query_size: (hq, wq) that the query's features are resized to.
        support_size: (hg, wg) of the support's.

    Returns:
        (b, l, hq, wq, hg, wg) float32 in 0..1, a channel a tap.
    """
    defect = cells_with_defect(fraction, support_size, "bilinear").flatten(1).unsqueeze(1)
    maps = []
    for q, s in zip(query, support, strict=True):
        rows = unit_features(resized(q, query_size)).flatten(2).mT
        columns = unit_features(resized(s, support_size)).flatten(2).mT
        maps.append(torch.bmm(rows, columns.mT).clamp(min=0) * defect)
    return torch.stack(maps, 1).reshape(len(maps[0]), len(maps), *query_size, *support_size)


def _coarser(size: tuple[int, int], level: int) -> tuple[int, int]:
    """The grid of a level: the finest one's, halved `level` times."""
    return (size[0] >> level, size[1] >> level)
