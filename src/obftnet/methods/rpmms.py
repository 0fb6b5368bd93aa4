"""RPMMs: PMMs stacked, each stage looking at the mask that the one before it predicted."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Pyramid
from obftnet.contract import LossTerm
from obftnet.methods.comparison import WIDTH, Decoder, logit_at
from obftnet.methods.learned import Shots
from obftnet.methods.mixture import MixtureNetwork
from obftnet.methods.pmms import PMMs

#: Prototypes of the defect in each stage, and as many of the rest.
STAGES = (1, 3, 6)


class RPMMs(MixtureNetwork):
    """PMMs with one, three and six prototypes in turn, with one set of weights.

    Yang et al., "Prototype Mixture Models for Few-Shot Semantic Segmentation", ECCV 2020, its residual
    stack. A stage's two channels of probability go, without a cut of the gradient, into the first residual
    block of the next stage's decoder, as CANet's earlier mask does; the first stage sees zeros. Every stage
    has its cross-entropy, each of weight 1, and the last one's prediction is the result. K shots: as PMMs.

    Differences: those of PMMs; and the last stage decides at any number of shots, where the published code
    adds up the probabilities of all stages when there are five.
    """

    PAPER: ClassVar[dict[str, object]] = PMMs.PAPER

    start: Tensor

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__(channels)
        self.decode = Decoder(further=2)
        self.register_buffer("start", F.normalize(torch.randn(sum(STAGES), WIDTH), dim=-1))

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`."""
        return logit_at(self._stages(query, shots)[-1], size)

    def loss_terms(self, query: Pyramid, shots: Shots, target: Tensor) -> list[LossTerm]:
        """A term a stage."""
        size = (target.shape[-2], target.shape[-1])
        return [LossTerm(logit_at(stage, size), target) for stage in self._stages(query, shots)]

    def _stages(self, query: Pyramid, shots: Shots) -> list[Tensor]:
        """Two channels (sound, defect) of each stage, (b, 2, h, w), first to last."""
        maps, positions, share = self.reduced(query, shots)
        mask = maps.new_zeros(maps.shape[0], 2, *maps.shape[-2:])
        stages: list[Tensor] = []
        for start in torch.split(self.start, list(STAGES)):
            stages.append(self.decode(self.duplex(maps, positions, share, start), mask))
            mask = stages[-1].softmax(1)
        return stages
