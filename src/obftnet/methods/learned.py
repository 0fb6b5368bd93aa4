"""Networks over frozen features of query and supports: what the compared methods have in common.

Each is one `Network`; this file gives it what the harness asks of a method. None of them looks at background
images, as in their papers.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from obftnet.backbones.backbone import Backbone
from obftnet.backbones.features import Features, Pyramid
from obftnet.backbones.records import BackboneSpec
from obftnet.contract import LossTerm, TrainingInput

#: Of the maps that every network's layers are made for.
_STRIDES = (8, 16, 32)


class LearnedConfig(BaseModel):
    """A learned method's configuration; unknown keys raise. It travels inside the model's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    end_to_end: ClassVar[bool] = False
    small_relations: ClassVar[bool] = False
    half_precision_on_cpu: ClassVar[bool] = True

    method: str
    backbone: str = "mobilenet_v2"
    size: int = Field(default=256, ge=64, le=4096, description="side of the network's square input, pixels")


@dataclass(frozen=True)
class Shots:
    """The supports of b episodes as every network reads them.

    features: (b, k, c, h, w) a tap, fine to coarse.
    fraction: (b, k, H, W) the defect's share of each cell of the network's input, 0..1.
    """

    features: Pyramid
    fraction: Tensor

    def of(self, queries: int) -> "Shots":
        """The supports of one episode for that many queries."""
        maps = tuple(x.expand(queries, *x.shape[1:]) for x in self.features)
        return Shots(maps, self.fraction.expand(queries, *self.fraction.shape[1:]))


class Network(nn.Module, ABC):
    """The part of a method that learns.

    A subclass is built from the channels of three feature maps, fine to coarse (strides 8, 16, 32), and gives
    `forward`; one whose loss has more than the query's cross-entropy gives `loss_terms` as well, one that
    reads other maps `taps` and `on`, one with a rule of its own for several shots `score`.
    """

    #: Optimiser settings of the paper, by the names of `training.config.TrainConfig`.
    PAPER: ClassVar[dict[str, object]]

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()

    @classmethod
    def taps(cls, spec: BackboneSpec) -> list[int]:
        """Which of a backbone's taps are read, fine to coarse: the last of each level."""
        levels = [tap.level for tap in spec.taps]
        return [index for index, level in enumerate(levels) if level not in levels[index + 1 :]]

    @classmethod
    def on(cls, spec: BackboneSpec) -> Self:
        """A network for a backbone, with random weights."""
        return cls([spec.taps[index].channels for index in cls.taps(spec)])

    @abstractmethod
    def forward(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """Query features (b, c, h, w) a tap -> (b, H, W) logit of defect, of `size`."""

    def loss_terms(self, query: Pyramid, shots: Shots, target: Tensor) -> list[LossTerm]:
        """The loss's terms of b episodes; target: (b, H, W) in 0..1."""
        return [LossTerm(self(query, shots, (target.shape[-2], target.shape[-1])), target)]

    def score(self, query: Pyramid, shots: Shots, size: tuple[int, int]) -> Tensor:
        """Score of defect in 0..1, (b, *size), above 0.5 is defect: the softmax over (sound, defect)."""
        logit: Tensor = self(query, shots, size)
        return logit.sigmoid()


class Learned(nn.Module):
    """A network on taps of a frozen backbone."""

    def __init__(
        self, config: LearnedConfig, network: type[Network], backbone: Backbone | None = None
    ) -> None:
        """Build a method; without `backbone`, one with random weights is made (a file's weights follow).

        Raises:
            InputError: a backbone without maps of the strides 8, 16 and 32.
        """
        super().__init__()
        self.config = config
        self.backbone = backbone if backbone is not None else Backbone(config.backbone)
        for stride in _STRIDES:
            self.backbone.spec.at_stride(stride)
        self._taps = network.taps(self.backbone.spec)
        self.network = network.on(self.backbone.spec)

    @property
    def size(self) -> int:
        """Side of the square input, pixels."""
        return self.config.size

    @property
    def reads_masks(self) -> bool:
        """No: a support's features are those of its image."""
        return False

    @property
    def trainable(self) -> nn.Module:
        """What training changes."""
        return self.network

    def extract(self, images: Tensor, masks: Tensor | None = None) -> Features:
        """(n, 3, h, w) RGB in 0..1 -> a map a tap that the network reads, fine to coarse."""
        found = self.backbone(images)
        return Features(tuple(found.taps[index].float() for index in self._taps), found.size)

    def guide(
        self, supports: Features, masks: Tensor, backgrounds: Features, usable: Tensor | None = None
    ) -> Shots:
        """See `Method.guide`; backgrounds are not looked at."""
        return Shots(tuple(maps.unsqueeze(0) for maps in supports.taps), masks.unsqueeze(0))

    @torch.no_grad()
    def score(self, query: Features, guidance: Shots) -> Tensor:
        """As `Network.score`: (b, h, w) in 0..1."""
        return self.network.score(query.taps, guidance.of(len(query)), query.size)

    def training_input(self, query: Features, guidance: Shots) -> TrainingInput:
        """The features themselves: what learns begins right behind the backbone."""
        return TrainingInput(query.taps, (*guidance.features, guidance.fraction), guidance.fraction.shape[1])

    def loss_terms(self, inputs: Sequence[TrainingInput], target: Tensor) -> list[LossTerm]:
        """The terms of a batch, episodes of equally many shots together, weighted by their number."""
        terms = []
        for count in sorted({one.shots for one in inputs}):
            members = [index for index, one in enumerate(inputs) if one.shots == count]
            query = _joined([inputs[index].query for index in members])
            *features, fraction = _joined([inputs[index].guidance for index in members])
            found = self.network.loss_terms(query, Shots(tuple(features), fraction), target[members])
            share = len(members) / len(inputs)
            terms += [LossTerm(logit, truth, share * weight) for logit, truth, weight in found]
        return terms


def _joined(inputs: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Tensors of b = 1 each -> tensors of the batch."""
    return tuple(torch.cat(parts) for parts in zip(*inputs, strict=True))
