"""A frozen backbone that turns images into feature maps."""

from typing import Any, Self

import torch
from torch import Tensor, nn

from obftnet.backbones.extractors import Intermediates
from obftnet.backbones.features import Features
from obftnet.backbones.registry import backbone_spec


class Backbone(nn.Module):
    """A named backbone, always in eval mode; its parameters take no gradient (section III.B).

    End-to-end training (`obftnet.training.loop`) alone lets them. Built with random weights;
    `backbones.weights` fills them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        self.spec = backbone_spec(name)
        early = () if self.spec.early is None else (self.spec.early,)
        self.network = self.spec.extractor(
            self.spec.build(), [tap.module for tap in (*self.spec.taps, *early)]
        )
        for buffer, values in (("mean", self.spec.mean), ("std", self.spec.std)):
            self.register_buffer(buffer, torch.tensor(values).reshape(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    @property
    def trunk(self) -> nn.Module:
        """The network under the parameter names of its weight file."""
        return self.network.trunk if isinstance(self.network, Intermediates) else self.network

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode: a frozen backbone's batch statistics never move."""
        return super().train(False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy is made of its state, and a traced graph comes back from that in training mode."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.eval()

    def normalised(self, images: Tensor) -> Tensor:
        """Images (b, 3, h, w) in 0..1 as the network was trained to see them."""
        return (images - self.mean) / self.std

    def forward(self, images: Tensor, early: bool = False) -> Features:
        """Feature maps of images.

        Args:
            images: (b, 3, h, w) float32, RGB, 0..1.
            early: whether the map of `spec.early` is wanted too.

        Returns:
            One (b, c, h / stride, w / stride) map a tap, fine to coarse, as `spec.taps` lists them.

        Raises:
            InputError: h or w is too small for the backbone, or no multiple of its patch.
            ValueError: an early map is wanted of a backbone that has none.
        """
        size = (images.shape[-2], images.shape[-1])
        self.spec.check_size(*size)
        if early and self.spec.early is None:
            raise ValueError(f"backbone {self.spec.name} has no early map")
        maps = self.network(self.normalised(images))
        first = maps[self.spec.early.module] if early and self.spec.early is not None else None
        return Features(tuple(maps[tap.module] for tap in self.spec.taps), size, first)
