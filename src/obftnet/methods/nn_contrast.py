"""The training-free reference: nearest defect of the support against nearest good position."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Features, unit_features
from obftnet.guidance.guidance import Guidance, masked_guidance
from obftnet.methods.at_stride import AtStride16


class NNContrast(AtStride16):
    """Largest cosine to the support's defect positions minus the largest to the background's, above 0.

    Stride-16 features; the cosine is the mean over the taps of that stride. Nothing is trained.
    """

    def extract(self, images: Tensor, masks: Tensor | None = None) -> Features:
        """(n, 3, h, w) RGB in 0..1 -> the stride-16 maps, unit features."""
        found = super().extract(images)
        return replace(found, taps=tuple(unit_features(x) for x in found.taps))

    def guide(
        self, supports: Features, masks: Tensor, backgrounds: Features, usable: Tensor | None = None
    ) -> Guidance:
        """See `guidance.guidance.masked_guidance`."""
        return masked_guidance(supports, masks, backgrounds, usable)

    @torch.no_grad()
    def score(self, query: Features, guidance: Guidance) -> Tensor:
        """(contrast + 2) / 4, so that a contrast of 0 is a score of 0.5: (b, h, w) in 0..1."""
        # Taps of one stride share their grids, so their cosines can be averaged position by position.
        to_support, to_background = (
            torch.stack(
                [torch.einsum("bcyx,kcvu->byxkvu", *pair) for pair in zip(query.taps, maps, strict=True)]
            ).mean(0)
            for maps in (guidance.supports, guidance.backgrounds)
        )
        nearest_defect = to_support.masked_fill(~guidance.defect[0], -1).amax((-3, -2, -1))
        nearest_good = to_background.masked_fill(~guidance.usable[0], -1).amax((-3, -2, -1))
        contrast = (nearest_defect - nearest_good).unsqueeze(1)
        maps = F.interpolate(contrast, query.size, mode="bilinear", align_corners=False)
        return (maps.squeeze(1) + 2) / 4
