"""PFENet's feature enrichment, and the trunk around it that PFENet and ASGNet have in common."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.backbones.features import Pyramid
from obftnet.contract import LossTerm
from obftnet.methods.learned import Network, Shots
from obftnet.methods.parts import difference, joined, over_shots, resized, upsampled

WIDTH = 256
#: Side of each scale as a share of the finest grid (60, 30, 15 and 8 of 60 in the paper).
SCALES = (1.0, 0.5, 0.25, 8 / 60)


class Enrichment(nn.Module):
    """The feature enrichment module of PFENet (Tian et al., TPAMI 2022, section 4.3), which ASGNet uses too.

    At each scale query features, guide features and a one-channel prior are merged (inter-source), the merged
    map of the finer scale is added (inter-scale), and a head of its own predicts the mask. The maps of all
    scales together give the result.
    """

    def __init__(self) -> None:
        super().__init__()
        self.merge = nn.ModuleList(_point(2 * WIDTH + 1, WIDTH) for _ in SCALES)
        self.across = nn.ModuleList(_point(2 * WIDTH, WIDTH) for _ in SCALES[1:])
        self.refine = nn.ModuleList(_refinement() for _ in SCALES)
        self.heads = nn.ModuleList(_head() for _ in SCALES)
        self.together = _point(len(SCALES) * WIDTH, WIDTH)
        self.last = _refinement()
        self.head = _head()

    def forward(self, query: Tensor, guide: Tensor, prior: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits at the finest grid, and those of each scale.

        Args:
            query: (b, 256, h, w).
            guide: (b, 256, h, w) what of the support belongs to each query cell.
            prior: (b, 1, h, w).

        Returns:
            (b, h, w); one (b, h', w') a scale, fine to coarse.
        """
        h, w = query.shape[-2:]
        maps: list[Tensor] = []
        logits = []
        for index, share in enumerate(SCALES):
            size = (max(1, round(h * share)), max(1, round(w * share)))
            parts = (F.adaptive_avg_pool2d(query, size), resized(guide, size), resized(prior, size))
            merged = self.merge[index](torch.cat(parts, 1))
            if maps:
                finer = resized(maps[-1], size)
                merged = self.across[index - 1](torch.cat([merged, finer], 1)) + merged
            merged = self.refine[index](merged) + merged
            logits.append(difference(self.heads[index](merged)))
            maps.append(merged)
        together = self.together(torch.cat([resized(x, (h, w)) for x in maps], 1))
        together = self.last(together) + together
        return difference(self.head(together)), logits


class EnrichedNetwork(Network):
    """The two finer levels reduced to 256 channels, query and support with weights of their own; what
    `guide` makes of them goes through `Enrichment`. The scales' own losses, mean over them, weigh 1.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__(channels)
        self.reduce_query = _reduction(sum(channels[:2]))
        self.reduce_support = _reduction(sum(channels[:2]))
        self.enrichment = Enrichment()

    @abstractmethod
    def guide(self, query: Pyramid, shots: Shots, maps: Tensor, supports: Tensor) -> tuple[Tensor, Tensor]:
        """What of the support belongs to each query cell, and the prior.

        Args:
            query: as `Network.forward`.
            shots: as `Network.forward`.
            maps: (b, 256, h, w) the query's reduced features.
            supports: (b, k, 256, h', w') the supports'.

        Returns:
            (b, 256, h, w) and (b, 1, h, w).
        """

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`."""
        return upsampled(self._logits(query, shots)[0], size)

    def loss_terms(self, query: Pyramid, shots: Shots, target: Tensor) -> list[LossTerm]:
        """The result's term, and those of the scales, which together weigh as much."""
        size = (target.shape[-2], target.shape[-1])
        logit, inner = self._logits(query, shots)
        terms = [LossTerm(upsampled(x, size), target, 1 / len(inner)) for x in inner]
        return [LossTerm(upsampled(logit, size), target), *terms]

    def _logits(self, query: Pyramid, shots: Shots) -> tuple[Tensor, list[Tensor]]:
        maps = self.reduce_query(joined(query[:2]))
        supports = over_shots(self.reduce_support, joined(shots.features[:2]))
        logits: tuple[Tensor, list[Tensor]] = self.enrichment(maps, *self.guide(query, shots, maps, supports))
        return logits


def _reduction(channels: int) -> nn.Sequential:
    """The 1 x 1 convolution to 256 channels, ReLU and dropout of PFENet's trunk."""
    return nn.Sequential(nn.Conv2d(channels, WIDTH, 1, bias=False), nn.ReLU(), nn.Dropout2d(0.5))


def _point(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 1, bias=False), nn.ReLU())


def _refinement() -> nn.Sequential:
    layers = [nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.ReLU())


def _head() -> nn.Sequential:
    convolution = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.ReLU(), nn.Dropout2d(0.1), nn.Conv2d(WIDTH, 2, 1))
