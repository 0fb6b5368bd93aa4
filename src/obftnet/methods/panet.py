"""PANet: prototypes of defect and rest, and back again."""

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from obftnet.backbones.features import Pyramid
from obftnet.contract import LossTerm
from obftnet.methods.learned import Network, Shots
from obftnet.methods.parts import joined, masked_average, over_shots, upsampled

#: Factor of the cosine (equation 2).
_ALPHA = 20.0


class PANet(Network):
    """Cosine to the mean of the defect against cosine to the mean of the rest of the support.

    Wang et al., "PANet: Few-Shot Image Semantic Segmentation with Prototype Alignment", ICCV 2019. Masked
    average pooling (equation 1), logits 20 x cosine (equation 2), and the alignment loss: the prediction
    gives prototypes of the query, which must segment the supports (section 3.4, weight 1). K shots: the mean
    of the shots' prototypes.

    Differences: the paper trains VGG16 whole (conv5 dilated, no last ReLU) and has no other weights. Here the
    backbone is frozen and two 3 x 3 convolutions on its three levels, with a ReLU between, are trained in its
    place. Masks weigh a cell by the share of it that is defect instead of upsampling the features.
    """

    PAPER: ClassVar[dict[str, object]] = {
        "optimizer": "sgd",
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "thirds",
        "lr": 1e-3,
    }

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__(channels)
        self.embed = nn.Sequential(
            nn.Conv2d(sum(channels), 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1)
        )

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`."""
        maps, supports = self._embedded(query, shots)
        return upsampled(self._compared(maps, *self._prototypes(supports, shots.fraction)), size)

    def loss_terms(self, query: Pyramid, shots: Shots, target: Tensor) -> list[LossTerm]:
        """The query's term and the alignment's, over the supports.

        An episode whose prediction is all defect or none has no prototype of the other and is left out of the
        alignment, as in the paper's code.
        """
        size = (target.shape[-2], target.shape[-1])
        maps, supports = self._embedded(query, shots)
        logit = self._compared(maps, *self._prototypes(supports, shots.fraction))
        terms = [LossTerm(upsampled(logit, size), target)]
        found = (logit.detach() > 0).float()
        both = found.flatten(1).amax(1) > found.flatten(1).amin(1)
        if bool(both.any()):
            prototypes = self._prototypes(maps[both].unsqueeze(1), found[both].unsqueeze(1))
            k = supports.shape[1]
            again = self._compared(
                supports[both].flatten(0, 1), *(x.repeat_interleave(k, 0) for x in prototypes)
            )
            truth = shots.fraction[both].flatten(0, 1).round()
            share = float(both.float().mean())
            terms.append(LossTerm(upsampled(again, (truth.shape[-2], truth.shape[-1])), truth, share))
        return terms

    def _embedded(self, query: Pyramid, shots: Shots) -> tuple[Tensor, Tensor]:
        return self.embed(joined(query)), over_shots(self.embed, joined(shots.features))

    def _prototypes(self, features: Tensor, fraction: Tensor) -> tuple[Tensor, Tensor]:
        """(b, k, c, h, w), (b, k, H, W) -> prototypes of defect and rest, (b, c) each."""
        return masked_average(features, fraction).mean(1), masked_average(features, 1 - fraction).mean(1)

    def _compared(self, maps: Tensor, defect: Tensor, rest: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, h, w) logit: the difference of the two classes' 20 x cosine."""
        cosines = [F.cosine_similarity(maps, x[:, :, None, None]) for x in (rest, defect)]
        return _ALPHA * (cosines[1] - cosines[0])
