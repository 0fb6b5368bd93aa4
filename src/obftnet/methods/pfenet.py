"""PFENet: a prior that nothing is trained for, and features enriched over scales."""

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.features.backbone import Pyramid
from obftnet.methods.base import Supervised
from obftnet.methods.enrichment import Enrichment, reduction
from obftnet.methods.learned import Network, Shots
from obftnet.methods.parts import at_grid, joined, masked_average, over_shots, resized, upsampled


class PFENet(Network):
    """Masked average of the support, tiled, beside the query and a prior mask, through `Enrichment`.

    Tian et al., "Prior Guided Feature Enrichment Network for Few-Shot Segmentation", TPAMI 2022. The two
    finer levels reduced to 256 channels, for query and support each with weights of its own; the prior is,
    for each query position, the largest cosine of the coarsest level's features to the masked support's, from
    0 to 1 over the image (equations 3 to 5); the scales' own losses, mean over them, weigh 1. K shots: the
    mean of the vectors and of the priors. Trainable parameters on ResNet50's channels: 10.8 million, as
    published.

    Differences: the backbone is not dilated, so that the prior is found at stride 32 and resized; scales are
    shares of the grid (60, 30, 15, 8 of 60), since the input's size is free; masks weigh a cell by the share
    of it that is defect.
    """

    #: The published code multiplies its configured 0.0025 by ten for all but the frozen backbone.
    PAPER: ClassVar[dict[str, object]] = {
        "optimizer": "sgd",
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "poly",
        "lr": 0.025,
    }

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__(channels)
        self.reduce_query = reduction(sum(channels[:2]))
        self.reduce_support = reduction(sum(channels[:2]))
        self.enrichment = Enrichment()

    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """As `Network.forward`."""
        return upsampled(self._logits(query, shots)[0], size)

    def supervise(self, query: Pyramid, shots: Shots, target: Tensor) -> list[Supervised]:
        """The result's term, and those of the scales, which together weigh as much."""
        size = (target.shape[-2], target.shape[-1])
        logit, inner = self._logits(query, shots)
        terms = [Supervised(upsampled(x, size), target, 1 / len(inner)) for x in inner]
        return [Supervised(upsampled(logit, size), target), *terms]

    def _logits(self, query: Pyramid, shots: Shots) -> tuple[Tensor, list[Tensor]]:
        maps = self.reduce_query(joined(query[:2]))
        supports = over_shots(self.reduce_support, joined(shots.features[:2]))
        vector = masked_average(supports, shots.fraction).mean(1)
        size = (maps.shape[-2], maps.shape[-1])
        prior = resized(prior_mask(query[2], shots.features[2], shots.fraction), size)
        logits: tuple[Tensor, list[Tensor]] = self.enrichment(
            maps, vector[:, :, None, None].expand_as(maps), prior
        )
        return logits


@torch.no_grad()
def prior_mask(query: Tensor, supports: Tensor, fraction: Tensor) -> Tensor:
    """How much each query position looks like the nearest position of the masked support.

    Args:
        query: (b, c, h, w).
        supports: (b, k, c, h', w').
        fraction: (b, k, H, W) in 0..1.

    Returns:
        (b, 1, h, w): 0 to 1 over each image and shot, then the mean over the shots; 0 where all positions
        are alike.
    """
    masked = supports * at_grid(fraction.to(supports), supports).unsqueeze(2)
    rows = F.normalize(query.flatten(2), dim=1).mT.unsqueeze(1)
    columns = F.normalize(masked.flatten(3), dim=2)
    nearest = (rows @ columns).amax(-1)
    low, high = nearest.amin(-1, keepdim=True), nearest.amax(-1, keepdim=True)
    scaled = (nearest - low) / (high - low + 1e-7)
    return scaled.mean(1).reshape(len(query), 1, *query.shape[-2:])
