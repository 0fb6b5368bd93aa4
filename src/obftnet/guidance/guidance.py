"""One episode's guidance as features: made once, every query is then related to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from obftnet.backbones.features import Features, Pyramid
from obftnet.guidance.columns import Columns
from obftnet.guidance.masks import MaskResize, cells_with_defect, usable_cells
from obftnet.kinds import DEFAULT_KIND


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
    ignored: (k, h, w) bool, cells of the supports that are neither their defect nor good material; () for
        none.
    kinds: of each support the kind of its defect; those of a kind need not stand together.
    readout: (n + 1,) values for the last layer of a reader of cues that were adapted to this guidance
        (`adaptation`); None for those that were trained.
    """

    supports: Pyramid
    defect: tuple[Tensor, ...]
    backgrounds: Pyramid
    usable: tuple[Tensor, ...]
    columns: tuple[Columns, ...] = ()
    each_shot: tuple["Guidance", ...] = ()
    ignored: tuple[Tensor, ...] = ()
    kinds: tuple[str, ...] = (DEFAULT_KIND,)
    readout: Tensor | None = None

    @property
    def shots(self) -> int:
        """Supports of the episode."""
        return int(self.supports[0].shape[0])

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds of defect, each once, in the order of their first supports."""
        return tuple(dict.fromkeys(self.kinds))

    def members(self, kind: int) -> list[int]:
        """Which of the supports show one of the kinds."""
        return [index for index, name in enumerate(self.kinds) if name == self.names[kind]]

    def of(self, kind: int) -> "Guidance":
        """One of the kinds alone: its supports, all backgrounds, and all columns but other kinds'."""
        chosen = self.members(kind)
        alone = tuple(self.each_shot[index] for index in chosen) if self.each_shot else ()
        return replace(
            self,
            supports=tuple(x[chosen] for x in self.supports),
            defect=tuple(x[chosen] for x in self.defect),
            columns=tuple(one.of(kind) for one in self.columns),
            each_shot=alone if len(alone) > 1 else (),
            ignored=tuple(x[chosen] for x in self.ignored),
            kinds=(self.names[kind],) * len(chosen),
        )

    def shot(self, index: int) -> "Guidance":
        """One support with its background (index modulo the number of backgrounds), without columns."""
        back = index % int(self.backgrounds[0].shape[0])
        return Guidance(
            tuple(x[index : index + 1] for x in self.supports),
            tuple(x[index : index + 1] for x in self.defect),
            tuple(x[back : back + 1] for x in self.backgrounds),
            tuple(x[back : back + 1] for x in self.usable),
            ignored=tuple(x[index : index + 1] for x in self.ignored),
            kinds=self.kinds[index : index + 1],
        )


def masked_guidance(
    supports: Features,
    masks: Tensor,
    backgrounds: Features,
    usable: Tensor | None = None,
    mask_resize: MaskResize = "any",
    *,
    ignored: Tensor | None = None,
    kinds: Sequence[str] = (),
) -> Guidance:
    """Features with their masks at every tap's size.

    Args:
        supports: unit features of k images.
        masks: (k, H, W) the defect's share of each cell of the network's input, 0..1.
        backgrounds: unit features of j images.
        usable: (j, H, W) share of each input cell that is free of defect, 0..1; None where all is.
        mask_resize: how a mask comes to a map's size.
        ignored: (k, H, W) share of each input cell of the supports that is neither defect nor good; None for
            none.
        kinds: of each support the kind of its defect; () where all are of one.
    """
    kept = () if ignored is None else tuple(cells_with_defect(ignored, _grid(x)) for x in supports.taps)
    return Guidance(
        supports.taps,
        tuple(cells_with_defect(masks, _grid(x), mask_resize) for x in supports.taps),
        backgrounds.taps,
        tuple(usable_cells(usable, len(x), _grid(x), x.device) for x in backgrounds.taps),
        ignored=kept,
        kinds=tuple(kinds) or (DEFAULT_KIND,) * len(supports),
    )


def _grid(maps: Tensor) -> tuple[int, int]:
    return (maps.shape[-2], maps.shape[-1])
