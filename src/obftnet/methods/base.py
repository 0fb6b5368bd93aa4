"""What a method must offer to be evaluated: the contract of the harness."""

from typing import Protocol, TypeVar

from torch import Tensor

from obftnet.features.backbone import Backbone, Pyramid

Guidance = TypeVar("Guidance")


class Method(Protocol[Guidance]):
    """Extract features, prepare the guidance, score a query. `OBFTNet` is one.

    `Guidance` is whatever the method's own `prepare` makes; the harness hands it back as it is.
    """

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
    ) -> Guidance:
        """Guidance as every query will meet it.

        Args:
            supports: (b, k, c, h, w) features a tap, k shots.
            fraction: (b, k, H, W) the defect's share of each cell of the network's input, 0..1.
            backgrounds: (b, j, c, h, w) features a tap.
            usable: (b, j, H, W) share of each input cell that is free of defect, 0..1; None where all is.
        """
        ...

    def score(self, query: Pyramid, guidance: Guidance, size: tuple[int, int]) -> Tensor:
        """(b, H, W) score in 0..1; above 0.5 is defect."""
        ...
