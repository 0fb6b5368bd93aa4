"""What a method must offer to be evaluated, and to be trained: the contracts of the harness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor, nn

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


@dataclass(frozen=True)
class Example:
    """What training reads of one episode, all of it made by frozen parts; b = 1.

    query: tensors whose axes 2 and 3 are the query's height and width, so that it can be turned over.
    guidance: tensors of the guidance, for methods whose `query` does not hold it already.
    """

    query: tuple[Tensor, ...]
    guidance: tuple[Tensor, ...] = ()


class Supervised(NamedTuple):
    """One term of a loss: logits of defect (b, H, W), the truth (b, H, W) in 0..1, the term's weight."""

    logit: Tensor
    target: Tensor
    weight: float = 1.0


class Trainable(Method[Guidance], Protocol[Guidance]):
    """A method with a part that learns; everything else of it is frozen."""

    @property
    def learner(self) -> nn.Module:
        """The part that learns; its state dict, with the step, is all that a run keeps."""
        ...

    def example(self, query: Pyramid, guidance: Guidance) -> Example:
        """What training reads of an episode."""
        ...

    def supervise(self, examples: Sequence[Example], target: Tensor) -> list[Supervised]:
        """The loss's terms of a batch.

        Args:
            examples: of b episodes, their numbers of shots may differ.
            target: (b, H, W) the queries' truth in 0..1; its size is that of the logits.
        """
        ...

    def eval(self) -> object:
        """As `nn.Module.eval`."""
        ...
