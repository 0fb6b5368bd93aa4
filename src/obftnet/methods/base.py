"""What a method must offer to be evaluated: the contract of the harness."""

from typing import Protocol

from torch import Tensor

from obftnet.features.backbone import Backbone, Pyramid
from obftnet.features.guidance import GuidanceFeatures


class Method(Protocol):
    """extract features, prepare the guidance, score a query. `OBFTNet` is one."""

    backbone: Backbone

    @property
    def size(self) -> int:
        """Side of the square input, pixels."""
        ...

    def extract(self, images: Tensor) -> Pyramid:
        """(b, 3, h, w) RGB in 0..1 -> feature maps, fine to coarse."""
        ...

    def prepare(
        self, supports: Pyramid, fraction: Tensor, backgrounds: Pyramid, usable: Tensor | None = None
    ) -> GuidanceFeatures:
        """Guidance as every query will meet it."""
        ...

    def score(self, query: Pyramid, guidance: GuidanceFeatures, size: tuple[int, int]) -> Tensor:
        """(b, H, W) score in 0..1; above 0.5 is defect."""
        ...
