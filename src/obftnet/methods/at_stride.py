"""What references share that look at the taps of one stride."""

from torch import Tensor

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.features import Features

_STRIDE = 16


class AtStride16:
    """A backbone's stride-16 maps: one grid, so that cosines of its taps average position by position."""

    def __init__(self, backbone: Backbone, size: int = 256) -> None:
        self.backbone = backbone
        self.size = size
        self._taps = backbone.spec.at_stride(_STRIDE)

    @property
    def reads_masks(self) -> bool:
        """No: a support's features are those of its image."""
        return False

    def extract(self, images: Tensor, masks: Tensor | None = None) -> Features:
        """(n, 3, h, w) RGB in 0..1 -> the stride-16 maps."""
        found = self.backbone(images)
        return Features(tuple(found.taps[index] for index in self._taps), found.size)
