"""SG-One: one vector of the support's defect guides the segmentation of the query."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.backbones.features import Pyramid
from obftnet.methods.learned import Network, Shots
from obftnet.methods.parts import difference, joined, masked_average, over_shots, resized

_WIDTH = 128


class SGOne(Network):
    """A guidance branch gives a similarity map, which multiplies what a segmentation branch sees.

    Zhang et al., "SG-One: Similarity Guidance Network for One-Shot Semantic Segmentation", IEEE Transactions
    on Cybernetics 2020. Stem, two branches of three blocks each, the first two blocks' outputs of the
    guidance branch concatenated to the segmentation branch's; the support's features averaged under the mask
    (equation 1); the cosine map (equation 2) times the segmentation branch's output, then two layers to two
    channels. K shots: the mean vector.

    Differences: the paper's stem is VGG16's first three blocks, trained with the rest, and its blocks are
    VGG16's of 512 channels at stride 8. Here the stem is the frozen backbone, its three levels joined at
    stride 8, and a block is one 3 x 3 convolution of 128 channels with a ReLU. Masks weigh a cell by the
    share of it that is defect instead of upsampling the features to the mask.
    """

    PAPER: ClassVar[dict[str, object]] = {
        "optimizer": "sgd",
        "momentum": 0.99,
        "weight_decay": 5e-4,
        "schedule": "constant",
        "lr": 1e-5,
    }

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__(channels)
        stem = sum(channels)
        self.guidance = nn.ModuleList(_block(x, _WIDTH) for x in (stem, _WIDTH, _WIDTH))
        self.segmentation = nn.ModuleList(_block(x, _WIDTH) for x in (stem, 2 * _WIDTH, 2 * _WIDTH))
        self.decide = nn.Sequential(_block(_WIDTH, _WIDTH), nn.Conv2d(_WIDTH, 2, 1))

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`."""
        stem = joined(query)
        guided = self._guidance(stem)
        supports = over_shots(lambda maps: self._guidance(maps)[-1], joined(shots.features))
        vector = masked_average(supports, shots.fraction).mean(1)
        similarity = F.cosine_similarity(guided[-1], vector[:, :, None, None]).unsqueeze(1)
        seen = stem
        for index, block in enumerate(self.segmentation):
            seen = block(seen if index == 0 else torch.cat([seen, guided[index - 1]], 1))
        return difference(resized(self.decide(similarity * seen), size))

    def _guidance(self, stem: Tensor) -> list[Tensor]:
        """The outputs (b, 128, h, w) of the three blocks."""
        outputs = [stem]
        for block in self.guidance:
            outputs.append(block(outputs[-1]))
        return outputs[1:]


def _block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU())
