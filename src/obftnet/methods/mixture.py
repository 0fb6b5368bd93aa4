"""Mixtures of prototypes, and the duplex of them that PMMs and RPMMs have in common."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.backbones.features import Pyramid
from obftnet.methods.comparison import WIDTH, beside, reduction
from obftnet.methods.learned import Network, Shots
from obftnet.methods.parts import at_grid, joined, over_shots

_STEPS = 10
#: Concentration of the kernel exp(20 x cosine).
_KAPPA = 20.0


class MixtureNetwork(Network):
    """The two finer levels reduced to 256 channels, and the duplex of a mixture (PMMs, section 3.3)."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__(channels)
        self.reduce = reduction(sum(channels[:2]))
        self.compare = reduction(2 * WIDTH)
        self.merge = nn.Sequential(nn.Conv2d(WIDTH + 2, WIDTH, 3, padding=1), nn.ReLU())

    def reduced(self, query: Pyramid, shots: Shots) -> tuple[Tensor, Tensor, Tensor]:
        """What a duplex reads; the positions of all shots are one sample.

        Returns:
            (b, 256, h, w) the query's features; (b, n, 256) the supports' positions, n = k h' w'; (b, n) the
            share of each that is defect, 0..1.
        """
        maps = self.reduce(joined(query[:2]))
        supports = over_shots(self.reduce, joined(shots.features[:2]))
        share = at_grid(shots.fraction.to(supports), supports).flatten(1)
        return maps, supports.transpose(1, 2).flatten(2).mT, share

    def duplex(self, maps: Tensor, positions: Tensor, share: Tensor, start: Tensor) -> Tensor:
        """The query's features activated by a mixture of the defect and one of the rest.

        As representations the defect's prototypes are tiled beside the query's features, convolved and
        summed; as classifiers those of both mixtures give a two-channel map, which joins them.

        Args:
            maps, positions, share: of `reduced`.
            start: (m, 256) means that both mixtures start from, of length 1.

        Returns:
            (b, 256, h, w), >= 0.
        """
        defect = mixture(positions, share, start)
        rest = mixture(positions, 1 - share, start)
        compared = beside(self.compare, maps, defect).sum(1)
        merged: Tensor = self.merge(torch.cat([compared, probabilities(maps, defect, rest)], 1))
        return merged


@torch.no_grad()
def mixture(positions: Tensor, share: Tensor, start: Tensor) -> Tensor:
    """Means of a mixture by expectation maximisation.

    Args:
        positions: (b, n, c) features.
        share: (b, n) how much each counts, 0..1.
        start: (k, c) means to start from, of length 1.

    Returns:
        (b, k, c) of length 1; a mean that nothing belongs to stays as it was.
    """
    unit = F.normalize(positions, dim=-1)
    means = start.expand(len(unit), -1, -1)
    for _ in range(_STEPS):
        belongs = (_KAPPA * unit @ means.mT).softmax(-1) * share.unsqueeze(-1)
        total = belongs.sum(1).unsqueeze(-1)
        moved = F.normalize(belongs.mT @ unit, dim=-1)
        means = torch.where(total > 1e-6, moved, means)
    return means


def probabilities(maps: Tensor, defect: Tensor, rest: Tensor) -> Tensor:
    """Which mixture a position is of: (b, c, h, w), (b, k, c) twice -> (b, 2, h, w) of (rest, defect)."""
    unit = F.normalize(maps, dim=1).flatten(2).mT
    belongs = (_KAPPA * unit @ torch.cat([rest, defect], 1).mT).softmax(-1)
    k = rest.shape[1]
    both = torch.stack([belongs[..., :k].sum(-1), belongs[..., k:].sum(-1)], 1)
    return both.reshape(len(maps), 2, *maps.shape[-2:])
