"""What a method must offer to be evaluated, and to be trained: the contracts of the harness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from torch import Tensor, nn

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.features import Features

Guidance = TypeVar("Guidance")


class Method(Protocol[Guidance]):
    """Extract features, make the guidance of them, score a query. `OBFTNet` is one.

    `Guidance` is whatever the method's own `guide` makes; the harness hands it back as it is.
    """

    backbone: Backbone

    @property
    def size(self) -> int:
        """Side of the square input, pixels."""
        ...

    @property
    def reads_masks(self) -> bool:
        """Whether the features of a support differ with its mask."""
        ...

    def extract(self, images: Tensor, masks: Tensor | None = None) -> Features:
        """Features of n images; those of supports and backgrounds go to `guide`, a query's to `score`.

        Args:
            images: (n, 3, h, w) RGB in 0..1.
            masks: (n, h, w) the defect's share of each cell, 0..1, of supports, for a method that reads them;
                all 0 where an image is none.
        """
        ...

    def guide(
        self, supports: Features, masks: Tensor, backgrounds: Features, usable: Tensor | None = None
    ) -> Guidance:
        """Guidance of one episode, as every query will meet it.

        Args:
            supports: of k images.
            masks: (k, h, w) the defect's share of each cell of the network's input, 0..1.
            backgrounds: of j images.
            usable: (j, h, w) share of each input cell that is free of defect, 0..1; None where all is.
        """
        ...

    def score(self, query: Features, guidance: Guidance) -> Tensor:
        """Score of b queries at the size they were seen at: (b, h, w) in 0..1; above 0.5 is defect."""
        ...


@dataclass(frozen=True)
class TrainingInput:
    """What training reads of one episode, all of it made by frozen parts; b = 1.

    query: tensors whose axes 2 and 3 are the query's height and width, so that it can be turned over.
    guidance: tensors of the guidance, for methods whose `query` does not hold it already.
    shots: supports of the episode that are still apart in the tensors.
    """

    query: tuple[Tensor, ...]
    guidance: tuple[Tensor, ...] = ()
    shots: int = 1


class LossTerm(NamedTuple):
    """One term of a loss: logits of defect (b, H, W), the truth (b, H, W) in 0..1, the term's weight."""

    logit: Tensor
    target: Tensor
    weight: float = 1.0


class Trainable(Method[Guidance], Protocol[Guidance]):
    """A method with a part that learns; everything else of it is frozen."""

    @property
    def trainable(self) -> nn.Module:
        """The part that learns; its state dict, with the step, is all that a run keeps."""
        ...

    def training_input(self, query: Features, guidance: Guidance) -> TrainingInput:
        """What training reads of an episode."""
        ...

    def loss_terms(self, inputs: Sequence[TrainingInput], target: Tensor) -> list[LossTerm]:
        """The loss's terms of a batch.

        Args:
            inputs: of b episodes, their numbers of shots may differ.
            target: (b, H, W) the queries' truth in 0..1; its size is that of the logits.
        """
        ...

    def eval(self) -> object:
        """As `nn.Module.eval`."""
        ...
