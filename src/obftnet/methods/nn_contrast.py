"""The training-free reference: nearest defect of the support against nearest good position."""

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.features.backbone import Pyramid
from obftnet.features.guidance import GuidanceFeatures, prepare_guidance
from obftnet.methods.at_stride import AtStride16
from obftnet.relation.correlation import cosine, positions, unit_features


class NNContrast(AtStride16):
    """Largest cosine to the support's defect positions minus the largest to the background's, above 0.

    Stride-16 features; the cosine is the mean over the taps of that stride. Nothing is trained.
    """

    def prepare(
        self, supports: Pyramid, fraction: Tensor, backgrounds: Pyramid, usable: Tensor | None = None
    ) -> GuidanceFeatures:
        """See `features.guidance.prepare_guidance`."""
        return prepare_guidance(supports, fraction, backgrounds, usable)

    @torch.no_grad()
    def score(self, query: Pyramid, guidance: GuidanceFeatures, size: tuple[int, int]) -> Tensor:
        """(contrast + 2) / 4, so that a contrast of 0 is a score of 0.5: (b, H, W) in 0..1."""
        to_support, to_background = [], []
        for tap, maps in enumerate(query):
            rows = unit_features(maps).flatten(2).mT
            to_support.append(cosine(rows, positions(guidance.supports[tap])))
            to_background.append(cosine(rows, positions(guidance.backgrounds[tap])))
        # Taps of one stride share their grids, so their cosines can be averaged position by position.
        defect = guidance.defect[0].flatten(1).unsqueeze(1)
        usable = guidance.usable[0].flatten(1).unsqueeze(1)
        nearest_defect = torch.stack(to_support).mean(0).masked_fill(~defect, -1).amax(-1)
        nearest_good = torch.stack(to_background).mean(0).masked_fill(~usable, -1).amax(-1)
        contrast = (nearest_defect - nearest_good).reshape(-1, 1, *query[0].shape[-2:])
        maps = F.interpolate(contrast, size, mode="bilinear", align_corners=False)
        return (maps.squeeze(1) + 2) / 4
