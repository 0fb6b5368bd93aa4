"""PMMs: a mixture of prototypes for the defect, and one for the rest."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.features.backbone import Pyramid
from obftnet.methods.comparison import WIDTH, Decoder, beside, logit_at, reduction
from obftnet.methods.learned import Network, Shots
from obftnet.methods.parts import at_grid, joined, over_shots

#: Prototypes of the defect, and as many of the rest.
PROTOTYPES = 3
_STEPS = 10
#: Concentration of the kernel exp(20 x cosine).
_KAPPA = 20.0


class PMMs(Network):
    """Three prototypes of the defect and three of the rest by expectation maximisation, used twice.

    Yang et al., "Prototype Mixture Models for Few-Shot Semantic Segmentation", ECCV 2020, on CANet's trunk.
    EM with the kernel exp(20 x cosine), 10 steps, means of length 1 (equations 2 to 4), without a gradient.
    As representations the defect's prototypes are tiled beside the query's features, convolved and summed; as
    classifiers all six give a two-channel map of probabilities, which joins them (the duplex of section 3.3).
    K shots: the positions of all of them are one sample.

    Differences: features are brought to length 1 for the kernel; a cell counts in both mixtures by its share
    of defect and of rest. The means that EM starts from are drawn once and lie in the state dict.
    """

    PAPER: ClassVar[dict[str, object]] = {
        "optimizer": "sgd",
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "poly",
        "lr": 3.5e-3,
    }

    start: Tensor

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__(channels)
        self.reduce = reduction(sum(channels[:2]))
        self.compare = reduction(2 * WIDTH)
        self.merge = nn.Sequential(nn.Conv2d(WIDTH + 2, WIDTH, 3, padding=1), nn.ReLU())
        self.decode = Decoder()
        self.register_buffer("start", F.normalize(torch.randn(PROTOTYPES, WIDTH), dim=-1))

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`."""
        maps = self.reduce(joined(query[:2]))
        supports = over_shots(self.reduce, joined(shots.features[:2]))
        share = at_grid(shots.fraction.to(supports), supports).flatten(1)
        positions = supports.transpose(1, 2).flatten(2).mT
        defect = mixture(positions, share, self.start)
        rest = mixture(positions, 1 - share, self.start)
        compared = torch.stack([self.compare(beside(maps, vector)) for vector in defect.unbind(1)]).sum(0)
        merged = self.merge(torch.cat([compared, probabilities(maps, defect, rest)], 1))
        return logit_at(self.decode(merged), size)


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
