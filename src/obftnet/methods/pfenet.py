"""PFENet: a prior that nothing is trained for, and features enriched over scales."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Pyramid
from obftnet.methods.enrichment import EnrichedNetwork
from obftnet.methods.learned import Shots
from obftnet.methods.parts import at_grid, masked_average, resized


class PFENet(EnrichedNetwork):
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

    def guide(self, query: Pyramid, shots: Shots, maps: Tensor, supports: Tensor) -> tuple[Tensor, Tensor]:
        """The support's masked average everywhere, and `prior_mask`."""
        vector = masked_average(supports, shots.fraction).mean(1)
        size = (maps.shape[-2], maps.shape[-1])
        prior = resized(prior_mask(query[2], shots.features[2], shots.fraction), size)
        return vector[:, :, None, None].expand_as(maps), prior


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
