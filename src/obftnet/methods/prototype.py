"""The training-free reference of the prototype methods: one mean of the defect, one of the good material."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from obftnet.backbones.features import Features
from obftnet.methods.at_stride import AtStride16
from obftnet.methods.parts import masked_average

#: PANet's factor of the cosine in the softmax (Wang et al. 2019, equation 2).
_ALPHA = 20.0


@dataclass(frozen=True)
class Prototypes:
    """Two mean features of an episode, one entry a tap.

    defect: (c,). good: (c,).
    """

    defect: tuple[Tensor, ...]
    good: tuple[Tensor, ...]


class Prototype(AtStride16):
    """Cosine to the mean of the defect against cosine to the mean of the background, nothing trained.

    Masked average pooling and the softmax over 20 x cosine are those of PANet (Wang et al., "PANet: Few-Shot
    Image Semantic Segmentation with Prototype Alignment", 2019, equations 1 and 2); several shots give the
    mean of their prototypes. Differences: the features are a classification backbone's as they are; the good
    prototype comes from the background images, not from the support outside its mask; stride 16, the cosine
    being the mean over the taps of that stride.
    """

    def guide(
        self, supports: Features, masks: Tensor, backgrounds: Features, usable: Tensor | None = None
    ) -> Prototypes:
        """See `Method.guide`. A background without a usable cell counts as a vector of zeros."""
        clean = torch.ones_like(backgrounds.taps[0][:, 0]) if usable is None else usable
        return Prototypes(
            tuple(masked_average(x[None], masks[None])[0].mean(0) for x in supports.taps),
            tuple(masked_average(x[None], clean[None])[0].mean(0) for x in backgrounds.taps),
        )

    @torch.no_grad()
    def score(self, query: Features, guidance: Prototypes) -> Tensor:
        """Softmax of 20 x cosine over (defect, good), the defect's channel: (b, h, w) in 0..1."""
        contrast = torch.stack(
            [
                _cosine(x, defect) - _cosine(x, good)
                for x, defect, good in zip(query.taps, guidance.defect, guidance.good, strict=True)
            ]
        ).mean(0)
        maps = F.interpolate(_ALPHA * contrast.unsqueeze(1), query.size, mode="bilinear", align_corners=False)
        return maps.squeeze(1).sigmoid()


def _cosine(features: Tensor, vector: Tensor) -> Tensor:
    """(b, c, h, w), (c,) -> (b, h, w) in -1..1."""
    return F.cosine_similarity(features, vector[None, :, None, None])
