"""CANet: dense comparison with one vector, and a mask that is refined by looking at itself."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from obftnet.backbones.features import Pyramid
from obftnet.contract import LossTerm
from obftnet.methods.comparison import WIDTH, Decoder, beside, logit_at, reduction
from obftnet.methods.learned import Network, Shots
from obftnet.methods.parts import joined, masked_average, over_shots

#: Predictions in all: the first without a mask to look at.
PASSES = 5
#: Probability that training looks at no earlier mask.
_FORGET = 0.7


class CANet(Network):
    """The support's masked average beside every query position; the last soft mask fed back.

    Zhang et al., "CANet: Class-Agnostic Segmentation Networks with Iterative Refinement and Attentive
    Few-Shot Learning", CVPR 2019. The two finer levels reduced to 256 channels (dense comparison module);
    three residual blocks, the first of them fed with the previous soft mask, and ASPP (iterative optimisation
    module). K shots: an attention branch gives each shot a weight, the softmax of which over the shots sums
    their compared features; it learns only where training has several shots.

    Differences: five predictions always, where the published code stops by the IoU on the tested image; in
    training the earlier mask is that of a pass without a gradient on the same episode, not one kept from an
    earlier epoch; masks weigh a cell by the share of it that is defect.
    """

    PAPER: ClassVar[dict[str, object]] = {
        "optimizer": "sgd",
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "constant",
        "lr": 2.5e-3,
    }

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__(channels)
        self.reduce = reduction(sum(channels[:2]))
        self.compare = reduction(2 * WIDTH)
        self.attend = nn.Sequential(
            nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, ceil_mode=True),
            nn.Conv2d(WIDTH, 1, 3, padding=1),
        )
        self.decode = Decoder(further=2)

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`."""
        compared = self._compared(query, shots)
        mask = _nothing(compared)
        for _ in range(PASSES - 1):
            mask = self.decode(compared, mask).softmax(1)
        return logit_at(self.decode(compared, mask), size)

    def loss_terms(self, query: Pyramid, shots: Shots, target: Tensor) -> list[LossTerm]:
        """One prediction, with an earlier mask to look at in three of ten episodes."""
        compared = self._compared(query, shots)
        with torch.no_grad():
            earlier = self.decode(compared, _nothing(compared)).softmax(1)
            kept = torch.rand(len(earlier), 1, 1, 1, device=earlier.device) >= _FORGET
        logit = logit_at(self.decode(compared, earlier * kept), (target.shape[-2], target.shape[-1]))
        return [LossTerm(logit, target)]

    def _compared(self, query: Pyramid, shots: Shots) -> Tensor:
        """Query features compared with each shot's vector, summed by attention: (b, 256, h, w)."""
        maps = self.reduce(joined(query[:2]))
        vectors = masked_average(over_shots(self.reduce, joined(shots.features[:2])), shots.fraction)
        weights = beside(self.attend, maps, vectors).mean((-3, -2, -1)).softmax(1)
        return (beside(self.compare, maps, vectors) * weights[:, :, None, None, None]).sum(1)


def _nothing(maps: Tensor) -> Tensor:
    """The mask before the first prediction: (b, 2, h, w) zeros."""
    return maps.new_zeros(maps.shape[0], 2, *maps.shape[-2:])
