"""One episode's guidance as features: made once, every query is then related to it."""

from dataclasses import dataclass

from torch import Tensor

from obftnet.backbones.features import Features, Pyramid
from obftnet.guidance.columns import Columns
from obftnet.guidance.masks import MaskResize, cells_with_defect, usable_cells


@dataclass(frozen=True)
class Guidance:
    """Supports and backgrounds of one episode, one entry a tap, fine to coarse.

    supports: (k, c, h, w) float32 unit features.
    defect: (k, h, w) bool, the supports' cells that hold defect (equation 1).
    backgrounds: (j, c, h, w) float32 unit features.
    usable: (j, h, w) bool, the backgrounds' cells that are defect-free.
    columns: the same positions sorted by what they are, for a reader of cues; () for another. With a coreset,
        no longer all of them.
    each_shot: for the vote over K shots, each support alone with its background; () where all are joint.
    """

    supports: Pyramid
    defect: tuple[Tensor, ...]
    backgrounds: Pyramid
    usable: tuple[Tensor, ...]
    columns: tuple[Columns, ...] = ()
    each_shot: tuple["Guidance", ...] = ()

    @property
    def shots(self) -> int:
        """Supports of the episode."""
        return int(self.supports[0].shape[0])

    def shot(self, index: int) -> "Guidance":
        """One support with its background (index modulo the number of backgrounds), without columns."""
        back = index % int(self.backgrounds[0].shape[0])
        return Guidance(
            tuple(x[index : index + 1] for x in self.supports),
            tuple(x[index : index + 1] for x in self.defect),
            tuple(x[back : back + 1] for x in self.backgrounds),
            tuple(x[back : back + 1] for x in self.usable),
        )


def masked_guidance(
    supports: Features,
    masks: Tensor,
    backgrounds: Features,
    usable: Tensor | None = None,
    mask_resize: MaskResize = "any",
) -> Guidance:
    """Features with their masks at every tap's size.

    Args:
        supports: unit features of k images.
        masks: (k, H, W) the defect's share of each cell of the network's input, 0..1.
        backgrounds: unit features of j images.
        usable: (j, H, W) share of each input cell that is free of defect, 0..1; None where all is.
        mask_resize: how a mask comes to a map's size.
    """
    return Guidance(
        supports.taps,
        tuple(cells_with_defect(masks, _grid(x), mask_resize) for x in supports.taps),
        backgrounds.taps,
        tuple(usable_cells(usable, len(x), _grid(x), x.device) for x in backgrounds.taps),
    )


def _grid(maps: Tensor) -> tuple[int, int]:
    return (maps.shape[-2], maps.shape[-1])
