"""What references share that look at the taps of one stride."""

from torch import Tensor

from obftnet.features.backbone import Backbone, Pyramid

_STRIDE = 16


class AtStride16:
    """A backbone's stride-16 maps: one grid, so that cosines of its taps average position by position."""

    def __init__(self, backbone: Backbone, size: int = 256) -> None:
        self.backbone = backbone
        self.size = size
        self._taps = backbone.spec.at_stride(_STRIDE)

    def extract(self, images: Tensor) -> Pyramid:
        """(b, 3, h, w) RGB in 0..1 -> the stride-16 maps."""
        maps = self.backbone(images)
        return tuple(maps[index] for index in self._taps)
