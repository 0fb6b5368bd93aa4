"""PMMs: a mixture of prototypes for the defect, and one for the rest."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Pyramid
from obftnet.methods.comparison import WIDTH, Decoder, logit_at
from obftnet.methods.learned import Shots
from obftnet.methods.mixture import MixtureNetwork

#: Prototypes of the defect, and as many of the rest.
PROTOTYPES = 3


class PMMs(MixtureNetwork):
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
        self.decode = Decoder()
        self.register_buffer("start", F.normalize(torch.randn(PROTOTYPES, WIDTH), dim=-1))

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`."""
        return logit_at(self.decode(self.duplex(*self.reduced(query, shots), self.start)), size)
